//! What luminal 0.2.0 computes: our graphs rightly, and some of its own wrongly, as we know.
//!
//! The second half asserts results that are wrong. When a test there fails, luminal has mended something: look
//! whether what works around it (`reference/lower.rs`, `interop/`, `Cargo.toml`'s pin) can go.

use equilayer_engine::reference::{Values, evaluate, interpret, lower, undecomposed};
use equilayer_engine::{Error, Graph, Init, array::Array};
use luminal::prelude::symbolic::Expression;
use luminal::prelude::{Axes2, Axis, Graph as Luminal, GraphTensor, R1, R2, R3};

const NUMBERS: [f32; 6] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];

/// Runs a typed computation on a 2×3 tensor in luminal's bare interpreter.
fn typed<S: luminal::prelude::Shape>(
    build: impl FnOnce(GraphTensor<R2<2, 3>>) -> GraphTensor<S>,
) -> Vec<f32> {
    let mut luminal = Box::new(Luminal::new());
    let x = luminal.tensor::<R2<2, 3>>().set(NUMBERS.to_vec());
    let y = build(x).retrieve();
    luminal.execute();
    y.data()
}

/// A step of training: two layers, a loss, a gradient, an update.
fn training_step() -> Result<Graph, Error> {
    let graph = Graph::new();
    let x = graph.input("x", [3, 4]);
    let (w, b) =
        (graph.parameter("w", [4, 2], Init::XavierUniform), graph.parameter("b", [2], Init::Constant(0.1)));
    let hidden = (x.matmul(&w) + &b).gelu();
    let shares = (&hidden - hidden.max(&[1]).unsqueeze(-1)).exp();
    let loss = -(&shares / shares.sum(&[1]).unsqueeze(-1)).select(1, 0).ln().mean_all();
    for (parameter, gradient) in [&w, &b].into_iter().zip(graph.gradients(&loss, &[w.clone(), b.clone()])?) {
        graph.assign(parameter, &(parameter - gradient * 0.1));
    }
    graph.output("loss", &loss);
    Ok(graph)
}

#[test]
fn a_training_step_in_luminals_interpreter_is_a_training_step() -> Result<(), Error> {
    let graph = training_step()?;
    let x: Vec<f64> = (0..12).map(|i| f64::from(i % 5) / 2.0 - 0.8).collect();
    let mut given = Values::from([("x".into(), Array::new([3, 4], x))]);
    let mut lowered = lower(&graph);
    assert_eq!(lowered.undecomposed().next(), None);
    for _ in 0..3 {
        let expected = evaluate(&graph, &given)?;
        let found = lowered.run(&given)?;
        for (name, expected) in &expected {
            for (found, expected) in found.get(name)?.iter().zip(expected.data()) {
                assert!((f64::from(*found) - expected).abs() < 2e-6, "{name}: {found}, reference {expected}");
            }
        }
        given.extend(expected.into_iter().filter(|(name, _)| name != "loss"));
    }
    Ok(())
}

#[test]
fn luminals_graph_is_made_of_primitives_alone() -> Result<(), Error> {
    let graph = training_step()?;
    assert!(undecomposed(&graph).is_empty());
    Ok(())
}

#[test]
fn the_interpreter_asks_for_what_is_missing() {
    let graph = Graph::new();
    graph.output("y", &graph.input("x", [2]).exp());
    let error = |given: Values| interpret(&graph, &given).unwrap_err().to_string();
    assert_eq!(error(Values::new()), "input `x`: missing; it needs values of shape [2]");
    let misshapen = Values::from([("x".into(), Array::zeros([3]))]);
    assert_eq!(error(misshapen), "input `x`: given with shape [3], it has [2]");
}

#[test]
fn wrong_still_the_sum_of_a_permuted_tensor() {
    let sums = typed(|x| {
        let twice = x.permute::<R2<3, 2>, Axes2<1, 0>>().expand::<R3<2, 3, 2>, Axis<0>>();
        twice.sum_reduce::<R2<3, 2>, Axis<0>>()
    });
    assert_ne!(sums, [2.0, 8.0, 4.0, 10.0, 6.0, 12.0]);
}

#[test]
fn wrong_still_the_sum_of_a_repeated_tensor() {
    let sums = typed(|x| x.expand::<R3<2, 3, 2>, Axis<2>>().sum_reduce::<R2<2, 2>, Axis<1>>());
    assert_ne!(sums, [6.0, 6.0, 15.0, 15.0]);
}

#[test]
fn wrong_still_the_sum_of_an_inner_slice() {
    let sums = typed(|x| {
        let column = x.slice((.., Expression::from(1)..Expression::from(2))).realize::<R2<2, 1>>();
        column.sum_reduce::<R1<2>, Axis<1>>()
    });
    assert_ne!(sums, [2.0, 5.0]);
}

#[test]
fn wrong_still_a_function_of_a_padded_tensor() {
    // 2⁰ is 1, in the padding too.
    let powers = typed(|x| x.pad::<R2<3, 3>, _, _>(&[(0, 1), (0, 0)]).exp2());
    assert_ne!(powers, [2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 1.0, 1.0, 1.0]);
}

#[test]
fn wrong_still_clip() {
    assert_ne!(typed(|x| x.clip(2.0, 4.0)), [2.0, 2.0, 3.0, 4.0, 4.0, 4.0]);
}

#[test]
fn wrong_still_the_rectifier_of_minus_infinity() {
    let rectified = typed(|x| (x * f32::NEG_INFINITY).relu());
    assert_ne!(rectified, [0.0; 6]);
    assert!(rectified.iter().all(|value| value.is_nan()));
}

#[test]
fn wrong_still_results_that_were_not_dropped() {
    let mut luminal = Box::new(Luminal::new());
    let x = luminal.tensor::<R1<1>>();
    let y = (x + 1.0).retrieve();
    x.set(vec![1.0]);
    luminal.execute();
    x.set(vec![5.0]);
    luminal.execute();
    assert_ne!(y.data(), [6.0]);
    y.drop();
    luminal.execute();
    assert_eq!(y.data(), [6.0]);
}
