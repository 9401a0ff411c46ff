//! State is updated where it lies, in the order the graph says, and never sees a value too early or too late.

use equilayer_engine::ops::Op;
use equilayer_engine::optim::{AdamWOptions, Clip, LarsOptions, Optimizer, SgdOptions, ema};
use equilayer_engine::{CompileOptions, CpuExecutor, Executor, Graph, Init, Plan, Tensor};

use crate::{assert_close, compile, executor, parameter, run, widen};

fn copies(plan: &Plan) -> usize {
    plan.steps().iter().filter(|step| matches!(step.op, Op::Copy(_))).count()
}

/// Runs a graph without inputs and reads states back.
fn after_a_step<const N: usize>(graph: &Graph, names: [&str; N]) -> [Vec<f32>; N] {
    let mut executor = executor();
    executor.run(&compile(graph), &[]).expect("a run");
    names.map(|name| executor.state(name).expect("a state"))
}

/// A chain of `layers` square linear maps of `x`, and its loss.
fn chain(graph: &Graph, layers: usize, width: usize) -> Tensor {
    let mut hidden = graph.input("x", [4, width]);
    for layer in 0..layers {
        hidden =
            hidden.matmul(&graph.parameter(&format!("w{layer}"), [width, width], Init::XavierUniform)).tanh();
    }
    hidden.square().mean_all()
}

#[test]
fn parameters_and_moments_are_updated_where_they_lie() {
    let optimizers = [
        Optimizer::adamw(AdamWOptions::default()).clip(Clip::Global(1.0)),
        Optimizer::sgd(SgdOptions::default()).clip(Clip::PerParameter(1.0)),
        Optimizer::lars(LarsOptions::default()),
    ];
    for optimizer in optimizers {
        let graph = Graph::new();
        let loss = chain(&graph, 3, 8);
        let parameters = graph.parameters();
        let gradients = graph.gradients(&loss, &parameters).expect("gradients");
        optimizer.apply(&graph, &parameters, &gradients).expect("an optimizer");
        graph.output("loss", &loss);
        let plan = compile(&graph);
        assert_eq!(copies(&plan), 0, "{plan:?}");
    }
}

/// A step of AdamW down a loss.
fn step(graph: &Graph, loss: &Tensor, clip: Option<Clip>) -> Plan {
    let parameters = graph.parameters();
    let gradients = graph.gradients(loss, &parameters).expect("gradients");
    let optimizer = clip.into_iter().fold(Optimizer::adamw(AdamWOptions::default()), Optimizer::clip);
    optimizer.apply(graph, &parameters, &gradients).expect("an optimizer");
    compile(graph)
}

#[test]
fn a_gradient_is_used_up_before_the_next_is_made() {
    for clip in [None, Some(Clip::PerParameter(1.0))] {
        let graph = Graph::new();
        let loss = chain(&graph, 6, 64);
        let plan = step(&graph, &loss, clip);
        let six_gradients = 6 * 64 * 64 * 4;
        assert!(plan.arena_bytes() < six_gradients / 2, "{} bytes with {clip:?}", plan.arena_bytes());
    }
}

/// Two readings of the layer, so that the gradient of one would wait for the other's.
#[test]
fn a_gradient_larger_than_what_it_is_made_of_is_made_when_the_activations_are_gone() {
    let (rows, width, wide) = (256, 64, 4096);
    for clip in [None, Some(Clip::PerParameter(1.0))] {
        let graph = Graph::new();
        let mut hidden = graph.input("x", [rows, width]);
        for layer in 0..6 {
            let weight = graph.parameter(&format!("w{layer}"), [width, width], Init::XavierUniform);
            hidden = hidden.matmul(&weight).tanh();
        }
        let head = graph.parameter("head", [width, wide], Init::XavierUniform);
        let part = |start| hidden.slice(0, start, 2).matmul(&head).tanh().square().mean_all();
        let loss = part(0) + part(2);
        let plan = step(&graph, &loss, clip);
        let (gradient, activation) = (4 * width * wide, 4 * rows * width);
        assert!(plan.arena_bytes() < gradient + 4 * activation, "{} bytes with {clip:?}", plan.arena_bytes());
    }
}

#[test]
fn a_teacher_moved_first_is_used_in_the_same_step() {
    let graph = Graph::new();
    let student = parameter(&graph, "student", &[2, 2], &[1.0, 2.0, 3.0, 4.0]);
    let teacher = graph.state("teacher", [2, 2], Init::Values([0.0, -1.0, 8.0, 2.0].into()));
    let x = graph.input("x", [1, 2]);
    let moved = ema(&graph, &[(teacher, student.clone())], &graph.input("momentum", []));
    let keys = x.matmul(&moved[0]);
    let loss = (x.matmul(&student) - &keys).square().sum_all();
    graph.output("keys", &keys);
    // No stop_gradient: the average itself lets none pass.
    let gradients =
        graph.gradients(&loss, std::slice::from_ref(&student)).expect("the student's own gradient");
    let optimizer = Optimizer::sgd(SgdOptions { momentum: 0.0, ..SgdOptions::default() });
    optimizer.apply(&graph, &[student], &gradients).expect("an optimizer");
    let plan = compile(&graph);
    assert_eq!(copies(&plan), 0, "{plan:?}");

    let (mut executor, x) = (executor(), [1.0, -2.0]);
    let (mut host, mut follower) = ([1.0, 2.0, 3.0, 4.0], [0.0, -1.0, 8.0, 2.0]);
    for step in 0..3 {
        let outputs =
            run(&mut executor, &plan, &optimizer.hyper(step, 0.05, 0.0), &[("x", &x), ("momentum", &[0.75])]);
        let times = |w: [f64; 4]| [0, 1].map(|j| f64::from(x[0]) * w[j] + f64::from(x[1]) * w[2 + j]);
        follower = [0, 1, 2, 3].map(|i| 0.75 * follower[i] + 0.25 * host[i]);
        let (queries, keys) = (times(host), times(follower));
        host =
            [0, 1, 2, 3].map(|i| host[i] - 0.05 * 2.0 * f64::from(x[i / 2]) * (queries[i % 2] - keys[i % 2]));
        assert_close(outputs.get("keys").expect("keys"), &keys, 1e-6);
        assert_close(&executor.state("teacher").expect("the teacher"), &follower, 1e-6);
        assert_close(&executor.state("student").expect("the student"), &host, 1e-6);
    }
}

#[test]
fn a_teacher_moved_last_follows_the_updated_student() {
    let graph = Graph::new();
    let student = parameter(&graph, "student", &[3], &[1.0, 2.0, 3.0]);
    let teacher = graph.state("teacher", [3], Init::Constant(0.0));
    graph.output("key", &teacher.sum_all());
    let optimizer = Optimizer::sgd(SgdOptions::default());
    let applied = optimizer.apply(&graph, &[student], &[graph.input("g", [3])]).expect("an optimizer");
    ema(&graph, &[(teacher, applied.parameters[0].clone())], &graph.input("momentum", []));
    let plan = compile(&graph);
    assert_eq!(copies(&plan), 0, "{plan:?}");
    let mut executor = executor();
    let hyper = optimizer.hyper(0, 0.5, 0.0);
    let outputs = run(&mut executor, &plan, &hyper, &[("g", &[2.0, 0.0, -2.0]), ("momentum", &[0.5])]);
    assert_eq!(outputs.scalar("key").expect("the old teacher's sum"), 0.0);
    assert_eq!(executor.state("student").expect("the student"), [0.0, 2.0, 4.0]);
    assert_eq!(executor.state("teacher").expect("the teacher"), [0.0, 1.0, 2.0]);
}

#[test]
fn a_teacher_at_momentum_zero_or_one_is_the_student_or_itself_exactly() {
    let graph = Graph::new();
    let values = [0.1f32, -3.3, 1e-20];
    let student = graph.input("student", [3]);
    let teacher = graph.state("teacher", [3], Init::Values([7.7, 1e-3, 2.0].into()));
    ema(&graph, &[(teacher, student)], &graph.input("momentum", []));
    let plan = compile(&graph);
    let mut executor = executor();
    run(&mut executor, &plan, &[], &[("student", &values), ("momentum", &[1.0])]);
    assert_eq!(executor.state("teacher").expect("the teacher"), [7.7, 1e-3, 2.0]);
    run(&mut executor, &plan, &[], &[("student", &values), ("momentum", &[0.0])]);
    assert_eq!(executor.state("teacher").expect("the teacher"), values);
}

#[test]
fn states_can_be_swapped() {
    let graph = Graph::new();
    let a = graph.state("a", [2], Init::Constant(1.0));
    let b = graph.state("b", [2], Init::Constant(2.0));
    graph.assign(&a, &b);
    graph.assign(&b, &a);
    assert_eq!(after_a_step(&graph, ["a", "b"]), [[2.0, 2.0], [1.0, 1.0]]);
}

#[test]
fn states_computed_from_each_other_see_the_old_values() {
    let graph = Graph::new();
    let a = graph.state("a", [2], Init::Constant(1.0));
    let b = graph.state("b", [2], Init::Constant(2.0));
    graph.assign(&a, &(&b * 3.0 + &a));
    graph.assign(&b, &(&a * 10.0 + &b));
    assert_eq!(after_a_step(&graph, ["a", "b"]), [[7.0, 7.0], [12.0, 12.0]]);
}

#[test]
fn the_value_of_before_the_step_can_be_kept() {
    let graph = Graph::new();
    let w = graph.state("w", [2, 2], Init::Values([1.0, 2.0, 3.0, 4.0].into()));
    let previous = graph.state("previous", [2, 2], Init::Constant(0.0));
    let turned = graph.state("turned", [2, 2], Init::Constant(0.0));
    graph.output("before that", &(&previous + 1.0));
    graph.assign(&w, &(&w * 2.0));
    graph.assign(&previous, &w);
    graph.assign(&turned, &w.transpose(0, 1));
    let states = after_a_step(&graph, ["w", "previous", "turned"]);
    assert_eq!(states, [[2.0, 4.0, 6.0, 8.0], [1.0, 2.0, 3.0, 4.0], [1.0, 3.0, 2.0, 4.0]]);
}

#[test]
fn one_value_can_go_to_several_states() {
    let graph = Graph::new();
    let a = graph.state("a", [2, 2], Init::Constant(1.0));
    let b = graph.state("b", [2, 2], Init::Constant(5.0));
    let c = graph.state("c", [2, 2], Init::Constant(5.0));
    let next = &a + graph.constant([2, 2], vec![0.0, 1.0, 2.0, 3.0]);
    graph.assign(&a, &next);
    graph.assign(&b, &next);
    graph.assign(&c, &next.transpose(0, 1));
    let states = after_a_step(&graph, ["a", "b", "c"]);
    assert_eq!(states, [[1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0], [1.0, 3.0, 2.0, 4.0]]);
}

#[test]
fn updates_in_place_have_the_bits_of_updates_by_copy() {
    let train = |options: &CompileOptions| {
        let graph = Graph::new();
        let loss = chain(&graph, 3, 8);
        let parameters = graph.parameters();
        let gradients = graph.gradients(&loss, &parameters).expect("gradients");
        let optimizer = Optimizer::adamw(AdamWOptions::default()).clip(Clip::Global(0.5));
        optimizer.apply(&graph, &parameters, &gradients).expect("an optimizer");
        let plan = graph.compile(options).expect("a plan");
        let mut executor = executor();
        let x: Vec<f32> = (0..32).map(|i| (i as f32 * 0.7).sin()).collect();
        for step in 0..5 {
            run(&mut executor, &plan, &optimizer.hyper(step, 0.01, 0.1), &[("x", &x)]);
        }
        let bits = |name: &String| {
            executor.state(name).expect("a state").iter().map(|x| x.to_bits()).collect::<Vec<_>>()
        };
        executor.state_names().iter().map(bits).collect::<Vec<_>>()
    };
    assert_eq!(train(&CompileOptions::new()), train(&CompileOptions::none()));
}

#[test]
fn what_cannot_be_optimized_is_refused_with_its_reason() {
    let graph = Graph::new();
    let w = graph.parameter("w", [2], Init::Constant(0.0));
    let g = graph.input("g", [2]);
    let optimizer = Optimizer::adamw(AdamWOptions::default());
    let message = |result: Result<_, equilayer_engine::Error>| {
        result.map(|_: equilayer_engine::optim::Applied| ()).unwrap_err().to_string()
    };
    assert!(
        message(optimizer.apply(&graph, &[&w * 2.0], std::slice::from_ref(&g))).contains("it is computed")
    );
    let graph = Graph::new();
    let w = graph.parameter("w", [2], Init::Constant(0.0));
    assert!(message(optimizer.apply(&graph, std::slice::from_ref(&w), &[])).contains("0 gradients"));
    let wrong = optimizer.apply(&graph, &[w], &[graph.input("g", [3])]);
    assert!(message(wrong).contains("the gradient has shape [3], the parameter has [2]"));
    let graph = Graph::new();
    let w = graph.parameter("w", [2], Init::Constant(0.0));
    let g = graph.input("g", [2]);
    let twice = optimizer.apply(&graph, &[w.clone(), w.clone()], &[g.clone(), g.clone()]);
    assert!(message(twice).contains("declared twice"));
    let beta = Optimizer::adamw(AdamWOptions { betas: [0.9, 1.0], ..AdamWOptions::default() });
    assert!(message(beta.apply(&graph, &[], &[])).contains("`β₂`: must be at least 0 and below 1, not 1"));
    let nesterov = Optimizer::sgd(SgdOptions { nesterov: true, dampening: 0.5, ..SgdOptions::default() });
    assert!(message(nesterov.apply(&graph, &[], &[])).contains("nesterov"));
    let clip = Optimizer::lars(LarsOptions::default()).clip(Clip::Global(0.0));
    assert!(message(clip.apply(&graph, &[], &[])).contains("above 0"));
}

#[test]
fn a_mean_that_stands_still_is_reached_without_drift() {
    let graph = Graph::new();
    let teacher = graph.state("teacher", [1], Init::Constant(0.3));
    ema(&graph, &[(teacher, graph.input("student", [1]))], &graph.input("momentum", []));
    let plan = compile(&graph);
    let mut executor: CpuExecutor = executor();
    for _ in 0..20_000 {
        run(&mut executor, &plan, &[], &[("student", &[0.3]), ("momentum", &[0.996])]);
    }
    // Weights that are rounded apart would have drifted by 1e-5 or more.
    assert_close(&executor.state("teacher").expect("the teacher"), &widen(&[0.3]), 1e-6);
}
