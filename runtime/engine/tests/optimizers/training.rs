//! A small network trained with AdamW follows the same loop written out in `f64`.

use equilayer_engine::optim::{AdamWOptions, Group, Optimizer, Rate};
use equilayer_engine::random::Stream;
use equilayer_engine::{Executor, Graph};

use crate::{assert_close, compile, executor, parameter, run, widen};

const SAMPLES: usize = 16;
const INPUTS: usize = 3;
const HIDDEN: usize = 8;
const STEPS: u64 = 200;
const WEIGHT_DECAY: f64 = 0.05;

/// Warm-up, then a cosine.
fn learning_rate(step: u64) -> f64 {
    let cosine = 0.5 * (1.0 + (std::f64::consts::PI * step as f64 / STEPS as f64).cos());
    0.02 * cosine * ((step + 1) as f64 / 10.0).min(1.0)
}

/// y = tanh(x·w1 + b1)·w2 + b2 with mean squared error, its gradient, and AdamW, by hand.
struct Host {
    /// w1, b1, w2, b2.
    parameters: [Vec<f64>; 4],
    first: [Vec<f64>; 4],
    second: [Vec<f64>; 4],
}

impl Host {
    fn new(parameters: [Vec<f64>; 4]) -> Host {
        let zeros = || [0, 1, 2, 3].map(|i| vec![0.0; parameters[i].len()]);
        Host { first: zeros(), second: zeros(), parameters }
    }

    fn loss_and_gradients(&self, x: &[f64], target: &[f64]) -> (f64, [Vec<f64>; 4]) {
        let [w1, b1, w2, b2] = &self.parameters;
        let mut gradients = [0, 1, 2, 3].map(|i| vec![0.0; self.parameters[i].len()]);
        let mut loss = 0.0;
        for (x, target) in x.chunks(INPUTS).zip(target) {
            let before = |j: usize| b1[j] + (0..INPUTS).map(|i| x[i] * w1[i * HIDDEN + j]).sum::<f64>();
            let hidden: Vec<f64> = (0..HIDDEN).map(|j| before(j).tanh()).collect();
            let error = b2[0] + hidden.iter().zip(w2).map(|(h, w)| h * w).sum::<f64>() - target;
            loss += error * error / SAMPLES as f64;
            let pulled = 2.0 * error / SAMPLES as f64;
            gradients[3][0] += pulled;
            for j in 0..HIDDEN {
                gradients[2][j] += pulled * hidden[j];
                let inner = pulled * w2[j] * (1.0 - hidden[j] * hidden[j]);
                gradients[1][j] += inner;
                (0..INPUTS).for_each(|i| gradients[0][i * HIDDEN + j] += inner * x[i]);
            }
        }
        (loss, gradients)
    }

    fn step(&mut self, step: u64, gradients: &[Vec<f64>; 4]) {
        let (rate, [beta1, beta2]) = (learning_rate(step), [0.9, 0.999f64]);
        let corrections = (1.0 - f64::powi(beta1, step as i32 + 1), 1.0 - f64::powi(beta2, step as i32 + 1));
        for tensor in 0..4 {
            let decay = if tensor % 2 == 0 { WEIGHT_DECAY } else { 0.0 };
            for i in 0..gradients[tensor].len() {
                let (g, m, v) = (gradients[tensor][i], &mut self.first[tensor][i], &mut self.second[tensor][i]);
                *m = beta1 * *m + (1.0 - beta1) * g;
                *v = beta2 * *v + (1.0 - beta2) * g * g;
                let p = &mut self.parameters[tensor][i];
                *p *= 1.0 - rate * decay;
                *p -= rate * (*m / corrections.0) / ((*v / corrections.1).sqrt() + 1e-8);
            }
        }
    }
}

#[test]
fn two_hundred_steps_of_adamw_follow_the_same_loop_in_f64() {
    let drawn = |stream: u64, count: usize| Stream::new(3, stream).normals().take(count).collect::<Vec<f32>>();
    let (x, target) = (drawn(0, SAMPLES * INPUTS), drawn(1, SAMPLES));
    let shapes: [(&str, &[usize]); 4] = [("w1", &[INPUTS, HIDDEN]), ("b1", &[HIDDEN]), ("w2", &[HIDDEN, 1]), ("b2", &[1])];
    let start = [0, 1, 2, 3].map(|i| drawn(2 + i as u64, shapes[i].1.iter().product()));

    let graph = Graph::new();
    let [w1, b1, w2, b2] = [0, 1, 2, 3].map(|i| parameter(&graph, shapes[i].0, shapes[i].1, &start[i]));
    let hidden = (graph.input("x", [SAMPLES, INPUTS]).matmul(&w1) + &b1).tanh();
    let error = hidden.matmul(&w2) + &b2 - graph.input("target", [SAMPLES, 1]);
    let loss = error.square().mean_all();
    graph.output("loss", &loss);
    let gradients = graph.gradients(&loss, &graph.parameters()).expect("gradients");
    let biases = Group::new("biases", |_, shape| shape.rank() <= 1).weight_decay(Rate::Fixed(0.0));
    let optimizer = Optimizer::adamw(AdamWOptions::default()).group(biases);
    optimizer.apply(&graph, &graph.parameters(), &gradients).expect("an optimizer");
    let plan = compile(&graph);

    let mut executor = executor();
    let mut host = Host::new(start.map(|values| widen(&values)));
    let mut losses = Vec::new();
    for step in 0..STEPS {
        let hyper = optimizer.hyper(step, learning_rate(step), WEIGHT_DECAY);
        let outputs = run(&mut executor, &plan, &hyper, &[("x", &x), ("target", &target)]);
        let (expected, gradients) = host.loss_and_gradients(&widen(&x), &widen(&target));
        host.step(step, &gradients);
        assert_close(outputs.get("loss").expect("the loss"), &[expected], 1e-4);
        losses.push(expected);
    }
    for ((name, _), expected) in shapes.iter().zip(&host.parameters) {
        assert_close(&executor.state(name).expect("a parameter"), expected, 1e-4);
    }
    assert!(losses[STEPS as usize - 1] < 0.2 * losses[0], "{} to {}", losses[0], losses[STEPS as usize - 1]);
}
