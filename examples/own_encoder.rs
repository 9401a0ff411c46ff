//! An encoder of one's own, a convolutional network that never changes its size, learns the bundled digits beside a
//! built-in one: `cargo run --release -p equilayer-examples --example own_encoder`

use equilayer::data::{Split, digits};
use equilayer::encoder::{Encoder, EncoderConfig, Features, Layer, VitConfig};
use equilayer::engine::optim::{AdamWOptions, Optimizer};
use equilayer::engine::{CompileOptions, CpuExecutor, CpuOptions, Error, Executor, Graph, Init, Tensor};
use equilayer::nn::{BatchNorm, Conv2d, Linear, Parameters, Pass};

/// What it is, as data.
#[derive(Debug, serde::Serialize)]
struct EvenConfig {
    width: usize,
    depth: usize,
}

#[rustfmt::skip]
impl EncoderConfig for EvenConfig {
    fn check(&self) -> Result<(), Error> { Ok(()) }
    fn image(&self) -> [usize; 2] { [28, 28] }
    fn channels(&self) -> usize { 1 }
    fn stride(&self) -> usize { 4 }
    fn layers(&self) -> usize { self.depth }
    fn width(&self, _layer: usize) -> usize { self.width }
    fn cls_after(&self) -> Option<usize> { None }

    fn build(&self, graph: &Graph, prefix: &str) -> Result<Box<dyn Encoder>, Error> {
        let conv = |name: &str, inputs, kernel, stride| {
            Conv2d::new(graph, &format!("{prefix}{name}"), inputs, self.width, kernel, stride)
        };
        let block = |index| {
            let norm = BatchNorm::new(graph, &format!("{prefix}{index}.norm"), self.width);
            (norm, conv(&format!("{index}.conv"), self.width, 3, 1))
        };
        Ok(Box::new(Even { stem: conv("stem", 1, 5, 4), blocks: (0..self.depth).map(block).collect() }))
    }
}

/// What it is in a graph: its parameters.
struct Even {
    stem: Conv2d,
    blocks: Vec<(BatchNorm, Conv2d)>,
}

impl Parameters for Even {
    fn map(&self, replace: &mut dyn FnMut(&Tensor) -> Tensor) -> Even {
        let stem = self.stem.map(replace);
        let mut block = |(norm, conv): &(BatchNorm, Conv2d)| (norm.map(replace), conv.map(replace));
        Even { stem, blocks: self.blocks.iter().map(&mut block).collect() }
    }
}

impl Encoder for Even {
    fn forward(&self, images: &Tensor, pass: &Pass) -> Features {
        let mut x = self.stem.forward(images);
        let mut layers = Vec::new();
        for (norm, conv) in &self.blocks {
            x = &x + conv.forward(&norm.forward(&x, pass).relu());
            layers.push(Layer::from_feature_map(&x));
        }
        Features { layers, output: Layer::from_feature_map(&x) }
    }

    fn map_boxed(&self, replace: &mut dyn FnMut(&Tensor) -> Tensor) -> Box<dyn Encoder> {
        Box::new(self.map(replace))
    }
}

/// The program is the same whatever the encoder: 80 steps of classifying digits.
fn learn(config: &dyn EncoderConfig) -> Result<(), Error> {
    let graph = Graph::new();
    let (images, labels) = (graph.input("images", [100, 1, 28, 28]), graph.input("labels", [100]));
    let features = config.build(&graph, "")?.forward(&images, &Pass::training());
    let head = Linear::new(&graph, "head", config.width(config.layers()), 10, Init::XavierUniform);
    let loss = head.forward(&features.embedding()).cross_entropy(&labels);
    let optimizer = Optimizer::adamw(AdamWOptions::default());
    optimizer.apply(&graph, &graph.parameters(), &graph.gradients(&loss, &graph.parameters())?)?;
    graph.output("loss", &loss);
    let (plan, train) = (graph.compile(&CompileOptions::new())?, digits(Split::Train));
    let mut executor = CpuExecutor::new(CpuOptions::default())?;
    println!("{config:?} of {} parameters on {} tokens", graph.parameters().len(), features.output.grid);
    for (step, (x, y)) in (0..).zip(train.pixels().chunks(78_400).zip(train.labels().chunks(100))) {
        let x: Vec<f32> = x.iter().map(|&pixel| f32::from(pixel) / 255.0).collect();
        let y: Vec<f32> = y.iter().map(|&label| f32::from(label)).collect();
        let rates = optimizer.hyper(step, 1e-3, 0.05);
        let mut inputs: Vec<_> = rates.iter().map(|(name, value)| (name.as_str(), &value[..])).collect();
        inputs.extend([("images", &x[..]), ("labels", &y)]);
        let loss = executor.run(&plan, &inputs)?.scalar("loss")?;
        if step % 20 == 19 {
            println!("  step {:2}: loss {loss:.3}", step + 1);
        }
    }
    Ok(())
}

fn main() -> Result<(), Error> {
    learn(&EvenConfig { width: 32, depth: 3 })?;
    learn(&VitConfig { width: 64, heads: 2, depth: 3, ..VitConfig::digits() })
}
