//! Groups with rates of their own, and parameters that rest.

use equilayer_engine::optim::{AdamWOptions, Group, LarsOptions, Optimizer, Rate, SgdOptions};
use equilayer_engine::{Executor, Graph, Tensor};

use crate::{assert_close, compile, executor, parameter, run, single};

#[test]
fn each_group_follows_its_own_rates() {
    let graph = Graph::new();
    let w = parameter(&graph, "w", &[1, 2], &[1.0, -2.0]);
    let b = parameter(&graph, "b", &[2], &[1.0, -2.0]);
    let head = parameter(&graph, "head.w", &[1, 2], &[1.0, -2.0]);
    let g = graph.input("g", [1, 2]);
    let optimizer = Optimizer::sgd(SgdOptions { momentum: 0.0, ..SgdOptions::default() })
        .group(Group::new("head", |name, _| name.starts_with("head.")).learning_rate(Rate::Fixed(0.5)))
        .group(
            Group::new("vectors", |_, shape| shape.rank() <= 1)
                .learning_rate(Rate::Scaled(2.0))
                .weight_decay(Rate::Fixed(0.0)),
        );
    let gradients = [g.clone(), g.reshape([2]), g.clone()];
    optimizer.apply(&graph, &[w, b, head], &gradients).expect("an optimizer");
    let names: Vec<String> = optimizer.hyper(0, 0.1, 0.01).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["optimizer.head", "optimizer.vectors", "optimizer"]);
    let plan = compile(&graph);
    let mut executor = executor();
    run(&mut executor, &plan, &optimizer.hyper(0, 0.1, 0.01), &[("g", &[4.0, 8.0])]);
    let state = |name: &str| executor.state(name).expect("a state");
    assert_close(&state("w"), &[1.0 - 0.1 * (4.0 + 0.01), -2.0 - 0.1 * (8.0 - 0.02)], 1e-7);
    assert_close(&state("b"), &[1.0 - 0.2 * 4.0, -2.0 - 0.2 * 8.0], 1e-7);
    assert_close(&state("head.w"), &[1.0 - 0.5 * (4.0 + 0.01), -2.0 - 0.5 * (8.0 - 0.02)], 1e-7);
}

#[test]
fn lars_leaves_a_group_without_adaptation_to_plain_momentum() {
    let graph = Graph::new();
    let w = parameter(&graph, "w", &[1, 2], &[3.0, 4.0]);
    let b = parameter(&graph, "b", &[2], &[3.0, 4.0]);
    let g = graph.input("g", [2]);
    let optimizer = Optimizer::lars(LarsOptions::default()).group(
        Group::new("vectors", |_, shape| shape.rank() <= 1)
            .weight_decay(Rate::Fixed(0.0))
            .without_adaptation(),
    );
    optimizer.apply(&graph, &[w, b], &[g.reshape([1, 2]), g]).expect("an optimizer");
    let plan = compile(&graph);
    let mut executor = executor();
    let (mut w, mut b) = (([3.0, 4.0], [0.0; 2]), ([3.0, 4.0], [0.0; 2]));
    for (step, g) in [[1.0f32, 2.0], [-3.0, 0.5], [0.25, 1.0]].iter().enumerate() {
        run(&mut executor, &plan, &optimizer.hyper(step as u64, 0.2, 0.1), &[("g", g)]);
        let norm = |x: [f64; 2]| x[0].hypot(x[1]);
        let direction = [0, 1].map(|i| f64::from(g[i]) + 0.1 * w.0[i]);
        let ratio = 1e-3 * norm(w.0) / norm(direction);
        w.1 = [0, 1].map(|i| 0.9 * w.1[i] + ratio * direction[i]);
        w.0 = [0, 1].map(|i| w.0[i] - 0.2 * w.1[i]);
        b.1 = [0, 1].map(|i| 0.9 * b.1[i] + f64::from(g[i]));
        b.0 = [0, 1].map(|i| b.0[i] - 0.2 * b.1[i]);
    }
    assert_close(&executor.state("w").expect("w"), &w.0, 1e-6);
    assert_close(&executor.state("b").expect("b"), &b.0, 1e-6);
    assert!(executor.state_names().contains(&"b.lars.momentum".to_string()), "{:?}", executor.state_names());
}

#[test]
fn a_frozen_parameter_starts_later_as_if_it_started_then() {
    let rules = [
        Optimizer::adamw(AdamWOptions::default()),
        Optimizer::sgd(SgdOptions { dampening: 0.1, ..SgdOptions::default() }),
        Optimizer::lars(LarsOptions::default()),
    ];
    for rule in rules {
        let late = rule.clone().group(Group::new("all", |_, _| true).frozen_for(2));
        let (early_plan, late_plan) =
            (single(&rule, &[2, 1], &[0.5, -1.5]), single(&late, &[2, 1], &[0.5, -1.5]));
        let (mut early, mut resting) = (executor(), executor());
        let gradients: Vec<[f32; 2]> = (0..5).map(|i| [(i as f32).cos(), 0.3 * i as f32 - 0.5]).collect();
        for (step, g) in gradients.iter().enumerate() {
            run(&mut resting, &late_plan, &late.hyper(step as u64, 0.1, 0.01), &[("g", g)]);
            match step.checked_sub(2) {
                Some(step) => {
                    drop(run(&mut early, &early_plan, &rule.hyper(step as u64, 0.1, 0.01), &[("g", g)]))
                }
                None => assert_eq!(resting.state("w").expect("w"), [0.5, -1.5]),
            }
        }
        for name in early.state_names() {
            assert_eq!(early.state(&name), resting.state(&name), "{name}");
        }
    }
}

/// Freezing leaves groups as they are: what is frozen is treated as its group afterwards.
#[test]
fn frozen_parameters_keep_their_groups() {
    let rule = Optimizer::adamw(AdamWOptions::default())
        .group(Group::new("vectors", |_, shape| shape.rank() <= 1).weight_decay(Rate::Fixed(0.0)));
    let late = rule.clone().freeze("still", 1, |name, _| name.starts_with("late"));
    let graph = Graph::new();
    let g = graph.input("g", [1]);
    let parameters = [
        parameter(&graph, "now.matrix", &[1, 1], &[1.0]),
        parameter(&graph, "now.vector", &[1], &[1.0]),
        parameter(&graph, "late.matrix", &[1, 1], &[1.0]),
        parameter(&graph, "late.vector", &[1], &[1.0]),
    ];
    let gradients: Vec<Tensor> = parameters.iter().map(|parameter| g.reshape(*parameter.shape())).collect();
    late.apply(&graph, &parameters, &gradients).expect("an optimizer");
    let plan = compile(&graph);
    let mut executor = executor();
    let mut seen = Vec::new();
    for step in 0..2 {
        run(&mut executor, &plan, &late.hyper(step, 0.1, 0.5), &[("g", &[2.0])]);
        seen.push(
            ["now.matrix", "now.vector", "late.matrix", "late.vector"]
                .map(|name| executor.state(name).expect("a parameter")[0]),
        );
    }
    assert_eq!(seen[0][2..], [1.0, 1.0]);
    assert_eq!(seen[1][2..], seen[0][..2]);
    assert!(seen[0][0] < seen[0][1], "matrices decay and vectors do not: {seen:?}");
}

#[test]
fn nesterov_looks_ahead_and_dampening_spares_the_first_step() {
    let nesterov = SgdOptions { nesterov: true, ..SgdOptions::default() };
    let damped = SgdOptions { dampening: 0.25, ..SgdOptions::default() };
    for options in [nesterov, damped] {
        let optimizer = Optimizer::sgd(options);
        let plan = single(&optimizer, &[1], &[2.0]);
        let mut executor = executor();
        let (mut p, mut buffer) = (2.0, 0.0);
        for step in 0..4 {
            let g = 1.0 - 0.5 * step as f32;
            run(&mut executor, &plan, &optimizer.hyper(step, 0.1, 0.02), &[("g", &[g])]);
            let direction = f64::from(g) + 0.02 * p;
            let undamped = if step == 0 { 1.0 } else { 1.0 - options.dampening };
            buffer = 0.9 * buffer + undamped * direction;
            p -= 0.1 * if options.nesterov { direction + 0.9 * buffer } else { buffer };
        }
        assert_close(&executor.state("w").expect("w"), &[p], 1e-6);
    }
}
