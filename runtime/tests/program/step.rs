//! Training steps.

use equilayer::engine::{CpuExecutor, CpuOptions, Executor};
use equilayer::method::{Member, Method};
use equilayer::plugin::{Embedding, Loss, Plugin, Views, tokens};
use equilayer::program::{Program, TrainingOptions};

use super::methods::{Fed, alignment, borrowed, contrast, ser, vit};

/// Runs steps on one fixed batch and gives each step's loss and each term's.
fn run(method: &Method, depth: usize, cls_after: usize, steps: u64) -> Vec<Vec<(String, f32)>> {
    let encoder = vit(depth, cls_after);
    let options = TrainingOptions::default();
    let mut executor = CpuExecutor::new(CpuOptions::default()).expect("an executor");
    let fed = Fed::new(method, &encoder, 16, 0);
    let program = Program::build(method, &encoder, &fed.layout, &fed.shape, &options).expect("a program");
    let mut history = Vec::new();
    for step in 0..steps {
        let inputs = fed.with(&options.optimizer.hyper(step, 1e-3, 0.05));
        let known = |name: &str| program.plan.inputs().iter().any(|port| port.name == name);
        let inputs: Vec<_> = borrowed(&inputs).into_iter().filter(|(name, _)| known(name)).collect();
        let outputs = executor.run(&program.plan, &inputs).expect("a step");
        history.push(outputs.iter().map(|(name, values)| (name.to_owned(), values[0])).collect());
    }
    history
}

fn value(step: &[(String, f32)], name: &str) -> f32 {
    step.iter().find(|(output, _)| output == name).unwrap_or_else(|| panic!("{name} among {step:?}")).1
}

#[test]
fn losses_fall_on_a_fixed_batch_with_and_without_a_teacher() {
    for objective in [contrast(), alignment()] {
        let method = Method::of(Member::of(&objective)).with(Member::of(&ser()));
        let history = run(&method, 4, 2, 20);
        let name = format!("loss.{}", objective.spec().name);
        for term in ["loss", name.as_str(), "loss.ser"] {
            let (first, last) = (value(&history[0], term), value(&history[19], term));
            assert!(last < first, "{term} of {method} went from {first} to {last}");
        }
        assert!(value(&history[0], "gradient.ser") > 0.0);
    }
}

#[test]
fn the_total_is_the_weighted_sum_of_the_terms() {
    let method = Method::of(Member::of(&contrast())).with(Member::of(&ser()).weighted(0.25));
    let step = &run(&method, 3, 0, 1)[0];
    let sum = value(step, "loss.contrast") + 0.25 * value(step, "loss.ser");
    assert!((value(step, "loss") - sum).abs() < 1e-6, "{step:?}");
}

#[test]
fn one_regularizer_sits_at_several_layers_on_the_same_samples() {
    let early = Member::of(&ser());
    let late = Member::of(&ser()).placed(tokens(3));
    let method = Method::of(Member::of(&contrast())).with(early).with(late);
    assert_eq!(method.names(), ["contrast", "ser@tokens(2)", "ser@tokens(3)"]);
    let history = run(&method, 4, 0, 2);
    assert!(value(&history[1], "loss.ser@tokens(3)").is_finite());
}

#[test]
fn a_mini_batch_of_its_own_is_beside_the_batch() {
    let member = Member::of(&ser()).on(equilayer::plugin::BatchShare::own(4));
    let method = Method::of(Member::of(&contrast())).with(member);
    let layout = equilayer::method::Layout::of(&method, 16);
    assert_eq!((layout.batch, layout.plain, layout.loaded()), (16, 16, 20));
    let history = run(&method, 3, 0, 2);
    assert!(value(&history[1], "loss.ser").is_finite());
}

/// A regularizer that reads the objective's views on a share of the batch sees that share's rows alone.
#[test]
fn a_share_of_the_views_is_its_first_samples() {
    let spread =
        Plugin::regularizer("rows", |z: Views<Embedding>| Loss::from(z.all[0].tensor.square().sum_all()))
            .doc("Counts.")
            .at(equilayer::plugin::embedding())
            .argument("z");
    let all = Method::of(Member::of(&alignment())).with(Member::of(&spread));
    let half = Method::of(Member::of(&alignment())).with(Member::of(&spread).on(0.5));
    let [all, half] = [all, half].map(|method| value(&run(&method, 2, 0, 1)[0], "loss.rows"));
    assert!(half < 0.7 * all && half > 0.3 * all, "{half} of {all}");
}
