//! λ = 0 is the base method on the same views; what is switched off is left out; what cannot be is refused.

use equilayer::engine::Executor;
use equilayer::method::{Member, Method, Placed};
use equilayer::plugin::{Embedding, Loss, Plugin, Teacher, Views, cls};
use equilayer_plugins::Augself;

use super::bench::{Bench, encoder};
use super::zoo::{objectives, pairs};

/// With λ = 0 the regularizer's gradient is added as zeros: weights and losses of the base are those of the control, in
/// which the loss is not there at all, bit for bit.
#[test]
fn at_weight_zero_a_method_is_its_control_bit_for_bit() {
    for method in pairs() {
        let regularizer = method.regularizers()[0].clone();
        let base = || Method::of(method.objective().clone());
        let silent = Bench::new(&base().with(regularizer.clone().weighted(0.0)));
        let control = Bench::new(&base().with(regularizer.as_control()));
        let ((history, executor), (expected, reference)) = (silent.run(4), control.run(4));
        let loss = format!("loss.{}", method.names()[0]);
        for (step, expected) in history.iter().zip(&expected) {
            assert_eq!(step["loss"].to_bits(), expected["loss"].to_bits(), "{method}");
            assert_eq!(step[&loss].to_bits(), expected[&loss].to_bits(), "{method}");
        }
        for name in reference.state_names().iter().filter(|name| name.starts_with("encoder.")) {
            let [found, expected] =
                [&executor, &reference].map(|executor| executor.state(name).expect("a state"));
            let same = found.iter().zip(&expected).all(|(a, b)| a.to_bits() == b.to_bits());
            assert!(same, "{name} of {method}");
        }
    }
}

/// STL's pairs need an even batch.
#[test]
fn groups_that_do_not_divide_the_batch_are_refused() {
    let stl = pairs().into_iter().find(|method| method.names()[1] == "stl").expect("a pair with STL");
    assert!(stl.problems(&encoder(), 8).is_empty());
    let problems = stl.problems(&encoder(), 7);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].starts_with("stl: a batch of 7 does not divide into groups of 2"), "{problems:?}");
}

/// A loss on a teacher's features is refused beside an objective without one, with the objective's name.
#[test]
fn a_teacher_that_is_not_there_is_missed() {
    let loss = |z: Views<Embedding>, target: Teacher<Views<Embedding>>| {
        Loss::from((&z.all[0].tensor - &target.0.all[0].tensor).square().mean_all())
    };
    let plugin = Plugin::regularizer("distillation", loss).doc("Follows the teacher.").at(cls(3_usize));
    let plugin = plugin.argument("z").argument("target");
    let mut with_teacher = Vec::new();
    for objective in objectives() {
        let name = &objective.spec().name.clone();
        let method = Method::of(objective).with(Member::of(&plugin));
        match &method.problems(&encoder(), 8)[..] {
            [] => with_teacher.push(name.clone()),
            [problem] => assert!(
                problem.starts_with(&format!(
                    "distillation: it reads a teacher's features, and `{name}` has no teacher"
                )),
                "{problem}"
            ),
            problems => panic!("{problems:?}"),
        }
    }
    assert_eq!(with_teacher, ["moco_v3", "byol", "dino"]);
}

/// What is switched off is left out, head and all, and the guard asks for nothing there.
#[test]
fn targets_of_weight_zero_have_no_head() {
    let objective = pairs()[0].objective().clone();
    let augself: Member = Placed::new(Augself::default()).into();
    let found = Bench::new(&Method::of(objective).with(augself)).guard().expect("a sound method");
    let heads: Vec<&str> = found[1].heads.iter().map(|(head, _)| head.as_str()).collect();
    assert_eq!(heads, ["color_head", "crop_head"]);
}

/// A loss that has nothing left is an error, not a 0 that trains nothing.
#[test]
fn a_loss_with_every_target_switched_off_is_refused() {
    let objective = pairs()[0].objective().clone();
    let augself: Member =
        Placed::new(Augself { crop_weight: 0.0, color_weight: 0.0, ..Augself::default() }).into();
    let refused = Bench::new(&Method::of(objective).with(augself)).program().err().map(|e| e.to_string());
    assert!(refused.as_ref().is_some_and(|said| said.contains("the loss `augself` is empty")), "{refused:?}");
}
