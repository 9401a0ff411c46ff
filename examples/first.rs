//! The engine alone: a small network learns the bundled digits.
//!
//! ```text
//! cargo run --release -p equilayer-examples --example first
//! ```

use equilayer::data::{LabelledImages, Split, digits};
use equilayer::engine::optim::Optimizer;
use equilayer::engine::{CompileOptions, CpuExecutor, CpuOptions, Error, Executor, Graph, Init, Plan};

const BATCH: usize = 100;
const EPOCHS: usize = 3;

/// The network for one batch of images; with a loss, gradients and an optimizer for training.
fn network(optimizer: Option<&Optimizer>) -> Result<Plan, Error> {
    let graph = Graph::new();
    let (images, labels) = (graph.input("images", [BATCH, 784]), graph.input("labels", [BATCH]));
    let layer = |name: &str, inputs, outputs| {
        let weight = graph.parameter(&format!("{name}.weight"), [inputs, outputs], Init::KaimingUniform);
        (weight, graph.parameter(&format!("{name}.bias"), [outputs], Init::Constant(0.0)))
    };
    let ((w1, b1), (w2, b2)) = (layer("fc1", 784, 128), layer("fc2", 128, 10));
    let logits = ((images / 255.0).matmul(&w1) + b1).gelu().matmul(&w2) + b2;
    match optimizer {
        Some(optimizer) => {
            let loss = logits.cross_entropy(&labels);
            let gradients = graph.gradients(&loss, &graph.parameters())?;
            optimizer.update(&graph, &graph.parameters(), &gradients)?;
            graph.output("loss", &loss);
        }
        None => graph.output("logits", &logits),
    }
    graph.compile(&CompileOptions::new())
}

fn main() -> Result<(), Error> {
    let optimizer = Optimizer::adamw();
    let (training, evaluation) = (network(Some(&optimizer))?, network(None)?);
    let mut executor = CpuExecutor::new(CpuOptions::default())?;
    let (train, test) = (digits(Split::Train), digits(Split::Test));
    for epoch in 0..EPOCHS {
        let mut total = 0.0;
        for batch in 0..train.len() / BATCH {
            let (images, labels) = batch_of(&train, batch);
            let step = epoch * train.len() / BATCH + batch + 1;
            let mut inputs = optimizer.inputs(step, 1e-3, 0.01);
            inputs.extend([("images", images), ("labels", labels)]);
            total += executor.run(&training, &inputs)?.scalar("loss")?;
        }
        println!("epoch {}: loss {:.3}", epoch + 1, total / (train.len() / BATCH) as f32);
    }
    let mut correct = 0;
    for batch in 0..test.len() / BATCH {
        let (images, labels) = batch_of(&test, batch);
        let logits = executor.run(&evaluation, &[("images", &images)])?;
    }
    println!("test accuracy {:.1} %", 100.0 * correct as f32 / test.len() as f32);
    Ok(())
}
