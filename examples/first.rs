//! The engine alone: a small network learns the bundled digits. `cargo run --release -p equilayer-examples --example first`

use equilayer::data::{LabelledImages, Split, digits};
use equilayer::engine::optim::{AdamWOptions, Optimizer};
use equilayer::engine::{CompileOptions, CpuExecutor, CpuOptions, Error, Executor, Graph, Init, Tensor};

const BATCH: usize = 100;

fn linear(x: &Tensor, name: &str, outputs: usize) -> Tensor {
    let weight = x.graph().parameter(&format!("{name}.weight"), [x.dim(-1), outputs], Init::KaimingUniform);
    x.matmul(&weight) + x.graph().parameter(&format!("{name}.bias"), [outputs], Init::Constant(0.0))
}

/// A graph of the network for one batch, and its logits.
fn network() -> (Graph, Tensor) {
    let graph = Graph::new();
    let hidden = linear(&(graph.input("images", [BATCH, 784]) / 255.0), "fc1", 128).gelu();
    (graph, linear(&hidden, "fc2", 10))
}

fn batches(set: &LabelledImages) -> impl Iterator<Item = [Vec<f32>; 2]> {
    let floats = |bytes: &[u8]| bytes.iter().map(|&byte| f32::from(byte)).collect();
    set.pixels().chunks(784 * BATCH).zip(set.labels().chunks(BATCH)).map(move |(x, y)| [floats(x), floats(y)])
}

fn main() -> Result<(), Error> {
    let (graph, logits) = network();
    let loss = logits.cross_entropy(&graph.input("labels", [BATCH]));
    let gradients = graph.gradients(&loss, &graph.parameters())?;
    let optimizer = Optimizer::adamw(AdamWOptions::default());
    optimizer.apply(&graph, &graph.parameters(), &gradients)?;
    graph.output("loss", &loss);
    let training = graph.compile(&CompileOptions::new())?;
    let (graph, logits) = network();
    graph.output("logits", &logits);
    let evaluation = graph.compile(&CompileOptions::new())?;
    let mut executor = CpuExecutor::new(CpuOptions::default())?;
    let (train, test) = (digits(Split::Train), digits(Split::Test));
    for epoch in 0..5 {
        let (mut loss, mut right) = (0.0, 0);
        for (step, [x, y]) in (80 * epoch..).zip(batches(&train)) {
            let rates = optimizer.hyper(step, 1e-3, 0.01);
            let mut inputs: Vec<_> = rates.iter().map(|(name, value)| (name.as_str(), &value[..])).collect();
            inputs.extend([("images", &x[..]), ("labels", &y)]);
            loss += executor.run(&training, &inputs)?.scalar("loss")? * BATCH as f32 / train.len() as f32;
        }
        for [x, y] in batches(&test) {
            let rows = executor.run(&evaluation, &[("images", &x)])?.get("logits")?.to_vec();
            let best =
                |(row, label): &(&[f32], &f32)| row.iter().all(|&logit| logit <= row[**label as usize]);
            right += rows.chunks(10).zip(&y).filter(best).count();
        }
        let accuracy = 100.0 * right as f32 / test.len() as f32;
        println!("epoch {}: loss {loss:.3}, test accuracy {accuracy:.1} %", epoch + 1);
    }
    Ok(())
}
