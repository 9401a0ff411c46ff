//! Optimizers, moving averages and clipping through compiled plans, state in the executor, and plans kept by shape.

mod cache;
mod clipping;
#[path = "../goldens/mod.rs"]
mod goldens;
mod groups;
mod reference;
mod state;
mod training;

use equilayer_engine::optim::Optimizer;
use equilayer_engine::{CompileOptions, CpuExecutor, CpuOptions, Executor, Graph, Init, Outputs, Plan, Tensor};

/// An executor of two threads.
fn executor() -> CpuExecutor {
    CpuExecutor::new(CpuOptions { threads: Some(2), ..CpuOptions::default() }).expect("two threads")
}

/// A parameter with these first values.
fn parameter(graph: &Graph, name: &str, shape: &[usize], values: &[f32]) -> Tensor {
    graph.parameter(name, shape, Init::Values(values.into()))
}

fn compile(graph: &Graph) -> Plan {
    graph.compile(&CompileOptions::new()).expect("a plan")
}

/// Runs a plan with what an optimizer feeds, and the rest.
fn run(executor: &mut CpuExecutor, plan: &Plan, hyper: &[(String, Vec<f32>)], inputs: &[(&str, &[f32])]) -> Outputs {
    let hyper = hyper.iter().map(|(name, values)| (name.as_str(), values.as_slice()));
    let inputs: Vec<(&str, &[f32])> = hyper.chain(inputs.iter().copied()).collect();
    executor.run(plan, &inputs).expect("a run")
}

/// A graph that updates the parameter `w` by the input `g`.
fn single(optimizer: &Optimizer, shape: &[usize], values: &[f32]) -> Plan {
    let graph = Graph::new();
    let w = parameter(&graph, "w", shape, values);
    let g = graph.input("g", shape);
    optimizer.apply(&graph, &[w], &[g]).expect("an optimizer");
    compile(&graph)
}

/// Fails where two lists differ by more than `tolerance`, relative to the larger of 1 and the largest value.
#[track_caller]
fn assert_close(found: &[f32], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(1.0f64, |scale, x| scale.max(x.abs()));
    for (index, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        let difference = (f64::from(found) - expected).abs();
        assert!(difference <= tolerance * scale, "[{index}] is {found}, expected {expected}, tolerance {tolerance:e}");
    }
}

fn widen(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&x| f64::from(x)).collect()
}
