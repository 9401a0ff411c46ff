//! Gradients of several batches in one step.

use std::collections::BTreeMap;

use equilayer::engine::optim::{Optimizer, SgdOptions};
use equilayer::engine::{CpuExecutor, CpuOptions, Executor};
use equilayer::method::{Member, Method};
use equilayer::plugin::{Embedding, Loss, Plugin, Views};
use equilayer::program::{Program, TrainingOptions, names};

use super::methods::{Fed, alignment, borrowed, ser, vit};

type States = BTreeMap<String, Vec<f32>>;
type Inputs = Vec<(String, Vec<f32>)>;

fn states(executor: &CpuExecutor) -> States {
    let value = |name: String| (name.clone(), executor.state(&name).expect("its values"));
    executor.state_names().into_iter().filter(|name| !name.ends_with(".summed")).map(value).collect()
}

/// Plain gradient descent with rate 1 on these batches in one step: the states before it, before its last batch, and after
/// it.
fn descended(method: &Method, fed: &Fed, batches: &[Inputs]) -> [States; 3] {
    let optimizer = Optimizer::sgd(SgdOptions { momentum: 0.0, ..SgdOptions::default() });
    let options = TrainingOptions { optimizer, accumulate: batches.len(), ..TrainingOptions::default() };
    let program = Program::build(method, &vit(2, 0), &fed.layout, &fed.shape, &options).expect("a program");
    let mut executor = CpuExecutor::new(CpuOptions::default()).expect("an executor");
    executor.prepare(&program.plan).expect("first values");
    let before = states(&executor);
    let mut resting = before.clone();
    for (index, batch) in batches.iter().enumerate() {
        let last = index + 1 == batches.len();
        let rule = &options.optimizer;
        let mut inputs = batch.clone();
        inputs.extend(if last { rule.hyper(0, 1.0, 0.0) } else { rule.rest() });
        inputs.push((names::SUMMED.into(), vec![if index == 0 { 0.0 } else { 1.0 }]));
        let has = |name: &str| program.plan.inputs().iter().any(|port| port.name == name);
        let inputs: Vec<_> = borrowed(&inputs).into_iter().filter(|(name, _)| has(name)).collect();
        executor.run(&program.plan, &inputs).expect("a batch");
        if !last {
            resting = states(&executor);
        }
    }
    [before, resting, states(&executor)]
}

/// How far each state moved, and the largest move.
fn moves([before, _, after]: &[States; 3]) -> (States, f32) {
    let moved = |(name, old): (&String, &Vec<f32>)| {
        (name.clone(), after[name].iter().zip(old).map(|(new, old)| new - old).collect::<Vec<_>>())
    };
    let moves: States = before.iter().map(moved).collect();
    let largest = moves.values().flatten().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    (moves, largest)
}

#[track_caller]
fn assert_close(left: &States, right: &States, tolerance: f32) {
    assert!(left.keys().eq(right.keys()));
    for (name, left) in left {
        for (a, b) in left.iter().zip(&right[name]) {
            assert!((a - b).abs() <= tolerance, "{name}: {a} and {b} are further apart than {tolerance}");
        }
    }
}

#[test]
fn a_step_follows_the_mean_of_the_gradients_of_its_batches() {
    let method = Method::of(Member::of(&alignment())).with(Member::of(&ser()));
    let fed = Fed::new(&method, &vit(2, 0), 16, 0);
    let first = fed.with(&[]);
    // Other images under the same elements: each picture turned to its negative, half as bright.
    let is_images = |name: &str| name.contains("view.");
    let negative = |(name, values): (String, Vec<f32>)| match is_images(&name) {
        true => (name, values.into_iter().map(|value| -0.5 * value).collect()),
        false => (name, values),
    };
    let second: Inputs = first.clone().into_iter().map(negative).collect();
    let alone = |batch: &Inputs| moves(&descended(&method, &fed, std::slice::from_ref(batch))).0;
    let [a, b] = [alone(&first), alone(&second)];
    let both = descended(&method, &fed, &[first, second]);
    assert_eq!(both[0], both[1], "a batch that does not end the step moves nothing");
    let mean: States = a
        .iter()
        .map(|(name, a)| (name.clone(), a.iter().zip(&b[name]).map(|(a, b)| 0.5 * (a + b)).collect()))
        .collect();
    let (moved, largest) = moves(&both);
    assert!(largest > 1e-3, "{largest}");
    assert_close(&moved, &mean, 1e-5 * largest.max(1.0));
}

#[test]
fn a_mean_over_samples_is_that_of_one_large_batch() {
    let loss = |z: Views<Embedding>| Loss::from((&z.all[0].tensor - &z.all[1].tensor).square().mean_all());
    let nearness = Plugin::objective("nearness", loss).doc("Brings the two views near.").argument("z");
    let method = Method::of(Member::of(&nearness));
    let (large, small) = (Fed::new(&method, &vit(2, 0), 16, 0), Fed::new(&method, &vit(2, 0), 8, 0));
    let whole = large.with(&[]);
    let half = |part: usize| -> Inputs {
        let cut = |(name, values): &(String, Vec<f32>)| {
            let size = values.len() / 2;
            (name.clone(), values[part * size..][..size].to_vec())
        };
        whole.iter().filter(|(name, _)| name.starts_with("view.")).map(cut).collect()
    };
    let (together, largest) = moves(&descended(&method, &large, std::slice::from_ref(&whole)));
    let (summed, _) = moves(&descended(&method, &small, &[half(0), half(1)]));
    assert!(largest > 1e-3, "{largest}");
    assert_close(&summed, &together, 1e-5 * largest.max(1.0));
}
