//! The gradient of a whole method against central differences, both in `f64`, along a random direction in all parameters.

use equilayer::engine::array::Array;
use equilayer::engine::random::{Stream, stream_id};
use equilayer::engine::reference::{Values, constants, evaluate, evaluate_holding};
use equilayer::engine::{CompileOptions, Init};
use equilayer::method::Method;

use super::bench::Bench;

/// Of a direction with some ten thousand components of size 1, so that truncation stays far below the tolerance.
const STEP: f64 = 1e-6;
const TOLERANCE: f64 = 1e-5;

/// The derivative of the total loss along a direction, by autograd and by differences. Where part of the student is held
/// constant, as in SimSiam, it is in both.
fn derivatives(method: &Method, batch: usize) -> [f64; 2] {
    let bench = Bench::of(method, batch);
    let losses = bench.losses();
    let (graph, parameters) = (&losses.graph, losses.graph.parameters());
    let names: Vec<String> = parameters.iter().filter_map(|parameter| graph.state_name(parameter)).collect();
    // Compiling rewrites a graph, so that names and shapes of the inputs come from a second one.
    let other = bench.losses();
    other.graph.output("total", &other.total);
    let plan = other.graph.compile(&CompileOptions::new()).expect("a plan");
    graph.output("total", &losses.total);
    let mut given = Values::new();
    for (port, (name, values)) in plan.inputs().iter().zip(bench.inputs(&plan, 0)) {
        // A teacher that moved towards the student before its keys would move with the differences.
        let values = if name == "momentum" { vec![1.0] } else { values };
        given.insert(name, Array::from_f32(port.shape, &values));
    }
    let draw = |what: &str, name: &str, shape: &[usize]| -> Vec<f64> {
        let normals = Stream::new(3, stream_id(&format!("{what}.{name}"))).normals();
        normals.take(shape.iter().product()).map(f64::from).collect()
    };
    let mut direction = Values::new();
    for (name, parameter) in names.iter().zip(&parameters) {
        let shape = *parameter.shape();
        let first = Init::Normal { std: 0.3 }.fill(name, &shape, 0).expect("values");
        // Gains of norms stay away from 0.
        let gain = if first.len() > 1 && name.ends_with("norm.weight") { 1.0 } else { 0.0 };
        let first = first.iter().map(|&x| f64::from(x) + gain).collect();
        given.insert(name.clone(), Array::new(shape, first));
        direction.insert(name.clone(), Array::new(shape, draw("direction", name, &shape)));
    }
    let constants = constants(graph, &given).expect("constants");
    let moved = |by: f64| {
        let mut given = given.clone();
        for (name, along) in &direction {
            let values = given.get_mut(name).expect("a parameter").data_mut();
            values.iter_mut().zip(along.data()).for_each(|(value, along)| *value += by * along);
        }
        evaluate_holding(graph, &given, &constants).expect("a loss")["total"].data()[0]
    };
    let differences = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
    let gradients = graph.gradients(&losses.total, &parameters).expect("gradients");
    for (name, gradient) in names.iter().zip(&gradients) {
        graph.output(&format!("gradient.{name}"), gradient);
    }
    let found = evaluate(graph, &given).expect("gradients");
    let along = |name: &String| -> f64 {
        let gradient = found[&format!("gradient.{name}")].data();
        gradient.iter().zip(direction[name].data()).map(|(g, d)| g * d).sum()
    };
    [names.iter().map(along).sum(), differences]
}

/// Compares them, on a batch of this many samples.
pub fn check(method: &Method, batch: usize) {
    let [found, expected] = derivatives(method, batch);
    let scale = expected.abs().max(1e-2);
    assert!((found - expected).abs() <= TOLERANCE * scale, "{method}: {found}, differences give {expected}");
}
