//! Plans kept by shape, over state that is found by name.

use std::sync::Arc;

use equilayer_engine::optim::{AdamWOptions, Optimizer};
use equilayer_engine::{CompileOptions, Error, Executor, Graph, Init, Plan, PlanCache};

use crate::{executor, run};

/// A regression step on a batch of `samples`.
fn step(samples: usize, optimizer: &Optimizer) -> Result<Plan, Error> {
    let graph = Graph::new();
    let weight = graph.parameter("weight", [2, 1], Init::Constant(0.0));
    let error = graph.input("x", [samples, 2]).matmul(&weight) - graph.input("y", [samples, 1]);
    let loss = error.square().mean_all();
    graph.output("loss", &loss);
    let gradients = graph.gradients(&loss, std::slice::from_ref(&weight))?;
    optimizer.apply(&graph, &[weight], &gradients)?;
    graph.compile(&CompileOptions::new())
}

#[test]
fn batches_of_changing_size_train_the_same_parameters() {
    let optimizer = Optimizer::adamw(AdamWOptions::default());
    let mut plans = PlanCache::new(4);
    let mut executor = executor();
    let mut losses = Vec::new();
    for number in 0..300u64 {
        let samples = [4, 7, 5][number as usize % 3];
        let x: Vec<f32> = (0..2 * samples).map(|i| (number as f32 * 1.3 + i as f32 * 0.8).sin()).collect();
        let y: Vec<f32> = x.chunks(2).map(|x| 2.0 * x[0] - x[1]).collect();
        let plan = plans.get_or_build(samples, || step(samples, &optimizer)).expect("a plan");
        let outputs = run(&mut executor, &plan, &optimizer.hyper(number, 0.05, 0.0), &[("x", &x), ("y", &y)]);
        losses.push(outputs.scalar("loss").expect("the loss"));
    }
    assert_eq!((plans.hits(), plans.misses(), plans.len()), (297, 3, 3));
    let weight = executor.state("weight").expect("the weight");
    assert!((weight[0] - 2.0).abs() < 0.01 && (weight[1] + 1.0).abs() < 0.01, "{weight:?}");
    assert!(losses[299] < 1e-3 * losses[0], "{} to {}", losses[0], losses[299]);
}

#[test]
fn the_plan_unused_for_longest_makes_room() {
    let optimizer = Optimizer::adamw(AdamWOptions::default());
    let mut plans = PlanCache::new(2);
    let mut built = Vec::new();
    for samples in [1, 2, 1, 3, 1, 2] {
        plans
            .get_or_build(samples, || {
                built.push(samples);
                step(samples, &optimizer)
            })
            .expect("a plan");
    }
    assert_eq!(built, [1, 2, 3, 2]);
    assert_eq!((plans.hits(), plans.misses(), plans.len()), (2, 4, 2));
}

#[test]
fn a_hit_is_the_same_plan_and_a_failure_is_not_kept() {
    let optimizer = Optimizer::adamw(AdamWOptions::default());
    let mut plans = PlanCache::new(1);
    let failure = Error::Executor("no".into());
    assert_eq!(plans.get_or_build("a", || Err(failure.clone())).expect_err("the failure"), failure);
    assert!(plans.is_empty());
    let first = plans.get_or_build("a", || step(1, &optimizer)).expect("a plan");
    let second = plans.get_or_build("a", || Err(failure)).expect("the kept plan");
    assert!(Arc::ptr_eq(&first, &second));
}

#[test]
fn without_capacity_every_plan_is_built() {
    let optimizer = Optimizer::adamw(AdamWOptions::default());
    let mut plans = PlanCache::new(0);
    for _ in 0..2 {
        plans.get_or_build(1, || step(1, &optimizer)).expect("a plan");
    }
    assert_eq!((plans.hits(), plans.misses(), plans.len()), (0, 2, 0));
}
