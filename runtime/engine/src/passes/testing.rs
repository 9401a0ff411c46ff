//! What unit tests of passes share.

use luminal::prelude::{Graph as Luminal, NodeIndex};
use rustc_hash::FxHashSet;

use super::Pass;
use super::rewrite::splat;
use crate::array::Array;
use crate::graph::Graph;
use crate::node::{node, sources, topological};
use crate::ops::Op;
use crate::plan::live_nodes;
use crate::reference::{Values, evaluate};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Runs a pass on what `build` makes of an input of shape [2, 3]: it must say `summary`, leave these operators (but for
/// inputs, outputs, constants and their repetitions), none of them dead, in an order in which sources come first, and
/// change no value.
#[track_caller]
pub fn check(pass: &dyn Pass, summary: &str, left: &str, build: impl Fn(&Graph, Tensor) -> Vec<Tensor>) {
    check_with(pass, summary, left, &[("x", [2, 3].into())], |graph, x| build(graph, x[0].clone()));
}

/// [`check`] with any inputs.
#[track_caller]
pub fn check_with(
    pass: &dyn Pass,
    summary: &str,
    left: &str,
    inputs: &[(&str, Shape)],
    build: impl Fn(&Graph, &[Tensor]) -> Vec<Tensor>,
) {
    let graph = Graph::new();
    let tensors: Vec<Tensor> = inputs.iter().map(|&(name, shape)| graph.input(name, shape)).collect();
    for (index, output) in build(&graph, &tensors).iter().enumerate() {
        graph.output(&format!("out{index}"), output);
    }
    let fed = inputs
        .iter()
        .enumerate()
        .map(|(index, &(name, shape))| (name.to_string(), values(shape, index)))
        .collect();
    let before = evaluate(&graph, &fed).expect("the graph is right");
    let said = graph.with_luminal_mut(|luminal| super::run(pass, luminal));
    let after = evaluate(&graph, &fed).expect("the pass keeps it right");
    assert_close(&before, &after);
    assert_eq!((said.as_str(), operators(&graph).as_str()), (summary, left));
    graph.with_luminal(|luminal| {
        let live = live_nodes(luminal);
        let is_named =
            |index: &NodeIndex| matches!(node(luminal, *index).map(|node| &node.op), Some(Op::Input(_)));
        let mut dead = luminal.graph.node_indices().filter(|index| !live.contains(index) && !is_named(index));
        assert_eq!(dead.next(), None, "dead nodes are left behind");
        assert_sources_first(luminal);
    });
}

/// Enough work between two readings.
pub fn long(x: &Tensor) -> Tensor {
    (0..30).fold(x.clone(), |y, _| y.flip(0).sum(&[0]).expand(*x.shape()))
}

/// The operators of [`long`], in order.
pub fn long_left() -> String {
    ["flip sum expand"; 30].join(" ")
}

/// Names of the operators that compute or show something, in order.
fn operators(graph: &Graph) -> String {
    let name = |luminal: &Luminal, index| {
        let op = &node(luminal, index)?.op;
        let silent = matches!(op, Op::Input(_) | Op::Output(_)) || splat(luminal, (index, 0)).is_some();
        (!silent && !matches!(op, Op::Constant(_))).then(|| op.as_operator().name())
    };
    graph.with_luminal(|luminal| {
        let names: Vec<_> =
            topological(luminal).into_iter().filter_map(|index| name(luminal, index)).collect();
        names.join(" ")
    })
}

fn assert_sources_first(luminal: &Luminal) {
    let sequence = |index| node(luminal, index).map(|node| node.sequence);
    let mut done = FxHashSet::default();
    for index in topological(luminal) {
        for (source, output) in sources(luminal, index) {
            assert!(done.contains(&source) && sequence(source) <= sequence(index));
            let picked = matches!(node(luminal, index).map(|node| &node.op), Some(Op::Pick(_)));
            assert!(output == 0 || picked, "only picks take later outputs");
        }
        done.insert(index);
    }
}

fn assert_close(before: &Values, after: &Values) {
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    for (name, expected) in before {
        for (a, b) in expected.data().iter().zip(after[name].data()) {
            // Folded numbers are rounded to f32.
            let same = (a - b).abs() <= 1e-6 * a.abs().max(1.0) || (a.is_nan() && b.is_nan()) || a == b;
            assert!(same, "{name}: {a} became {b}");
        }
    }
}

fn values(shape: Shape, stream: usize) -> Array {
    let uniform = crate::random::Stream::new(3, stream as u64).uniforms();
    let data: Vec<f32> = uniform.take(shape.elements()).map(|u| 2.0 * u - 1.0).collect();
    Array::from_f32(shape, &data)
}
