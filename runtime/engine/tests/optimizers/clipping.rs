//! Clipping by each norm and by the norm of all.

use equilayer_engine::optim::{Clip, Optimizer, SgdOptions};
use equilayer_engine::{Executor, Graph, Init};

use crate::{assert_close, compile, executor, run};

/// More than fit on a node of luminal's graph.
const PARAMETERS: usize = 300;

/// The gradient of a parameter: lengths vary, some are short, one is 0.
fn gradient(index: usize) -> [f32; 3] {
    [0, 1, 2].map(|i| index as f32 * 0.01 * ((index + i) as f32 * 0.9).sin())
}

/// Parameters and norms after a step of plain gradient descent at rate 1 from 0: the clipped gradients, negated.
fn descend(clip: Clip) -> (Vec<Vec<f32>>, Vec<f32>) {
    let graph = Graph::new();
    let name = |index: usize| format!("w{index}");
    let parameters: Vec<_> = (0..PARAMETERS).map(|i| graph.parameter(&name(i), [3], Init::Constant(0.0))).collect();
    let all = graph.input("gradients", [PARAMETERS, 3]);
    let gradients: Vec<_> = (0..PARAMETERS).map(|i| all.select(0, i)).collect();
    let optimizer = Optimizer::sgd(SgdOptions { momentum: 0.0, ..SgdOptions::default() }).clip(clip);
    let applied = optimizer.apply(&graph, &parameters, &gradients).expect("an optimizer");
    applied.norms.iter().enumerate().for_each(|(i, norm)| graph.output(&format!("norm{i}"), norm));
    let plan = compile(&graph);
    let mut executor = executor();
    let fed: Vec<f32> = (0..PARAMETERS).flat_map(gradient).collect();
    let outputs = run(&mut executor, &plan, &optimizer.hyper(0, 1.0, 0.0), &[("gradients", &fed)]);
    let norms = (0..applied.norms.len()).map(|i| outputs.scalar(&format!("norm{i}")).expect("a norm")).collect();
    ((0..PARAMETERS).map(|i| executor.state(&name(i)).expect("a parameter")).collect(), norms)
}

fn norm(gradient: [f32; 3]) -> f64 {
    gradient.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt()
}

fn clipped(gradient: [f32; 3], norm: f64, most: f64) -> [f64; 3] {
    gradient.map(|x| -f64::from(x) * (most / (norm + 1e-6)).min(1.0))
}

#[test]
fn each_gradient_is_clipped_by_its_own_norm() {
    let (found, norms) = descend(Clip::PerParameter(0.5));
    assert_close(&norms, &(0..PARAMETERS).map(|i| norm(gradient(i))).collect::<Vec<_>>(), 1e-6);
    for (index, found) in found.iter().enumerate() {
        let gradient = gradient(index);
        assert_close(found, &clipped(gradient, norm(gradient), 0.5), 1e-6);
    }
}

#[test]
fn all_gradients_are_clipped_by_their_common_norm() {
    let total = (0..PARAMETERS).map(|i| norm(gradient(i)).powi(2)).sum::<f64>().sqrt();
    for most in [0.25 * total, 2.0 * total] {
        let (found, norms) = descend(Clip::Global(most));
        assert_close(&norms, &[total], 1e-6);
        for (index, found) in found.iter().enumerate() {
            assert_close(found, &clipped(gradient(index), total, most), 1e-6);
        }
    }
}
