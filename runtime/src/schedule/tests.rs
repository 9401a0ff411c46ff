use std::f64::consts::PI;

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn schedule(text: &str) -> Schedule {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_schedule_prints_as_it_is_written() {
    for text in [
        "0.2",
        "0",
        "-1",
        "1.5e-4",
        "3e6",
        "0.04 -> 0.07 over 30 epochs",
        "0.04 -> 0.4",
        "cosine(0.996 -> 1)",
        "cosine(1 -> 0) over 50%",
        "warmup(1 epoch) then cosine(3e-4 -> 1e-6)",
        "warmup(500 steps) then 0.1 for 2.5 epochs then 0.1 -> 0.01",
        "0.1 for 30 epochs then 0.01 for 30 epochs then 0.001",
    ] {
        assert_eq!(schedule(text).to_string(), text);
    }
    assert_eq!(schedule(" cosine( .996->1.0 )over 1epochs "), schedule("cosine(0.996 -> 1) over 1 epoch"));
    assert_eq!(schedule("0.1 over 3 steps then 0"), schedule("0.1 for 3 steps then 0"));
}

/// MoCo-v3's `adjust_learning_rate` and `adjust_moco_momentum` (its main_moco.py), with the epoch as the loop has it:
/// `epoch + i / iterations`.
#[test]
fn moco_v3s_learning_rate_and_momentum() {
    let (iterations, epochs, warmup) = (13, 30, 4);
    let rate = schedule("warmup(4 epochs) then cosine(0.6 -> 0)");
    let momentum = schedule("cosine(0.99 -> 1)");
    for epoch in 0..epochs {
        for i in 0..iterations {
            let now = f64::from(epoch) + f64::from(i) / f64::from(iterations);
            let (warmup, end) = (f64::from(warmup), f64::from(epochs));
            let expected_rate = match now < warmup {
                true => 0.6 * now / warmup,
                false => 0.6 * 0.5 * (1.0 + (PI * (now - warmup) / (end - warmup)).cos()),
            };
            let expected_momentum = 1.0 - 0.5 * (1.0 + (PI * now / end).cos()) * (1.0 - 0.99);
            let (step, per_epoch) = ((epoch * iterations + i) as u64, iterations as u64);
            let value = |schedule: &Schedule| f64::from(schedule.value(step, per_epoch, 30 * per_epoch));
            assert!((value(&rate) - expected_rate).abs() < 1e-7, "step {step}");
            assert!((value(&momentum) - expected_momentum).abs() < 1e-7, "step {step}");
        }
    }
}

/// DINO's `cosine_scheduler` without warm-up, for the weight decay, and `linspace` over the epochs for the teacher's
/// temperature.
#[test]
fn dinos_weight_decay_and_teacher_temperature() {
    let (per_epoch, epochs) = (7, 100);
    let total = per_epoch * epochs;
    let decay = schedule("cosine(0.04 -> 0.4)");
    for step in 0..total {
        let expected = 0.4 + 0.5 * (0.04 - 0.4) * (1.0 + (PI * step as f64 / total as f64).cos());
        assert!((f64::from(decay.value(step, per_epoch, total)) - expected).abs() < 1e-7, "step {step}");
    }
    let temperature = schedule("0.04 -> 0.07 over 29 epochs");
    for epoch in 0..epochs {
        let expected = if epoch < 30 { 0.04 + (0.07 - 0.04) * epoch as f64 / 29.0 } else { 0.07 };
        let value = f64::from(temperature.value(epoch * per_epoch, per_epoch, total));
        assert!((value - expected).abs() < 1e-7, "epoch {epoch}: {value}");
    }
}

#[test]
fn phases_follow_one_another_and_the_last_value_stays() {
    let steps = schedule("0.1 for 2 epochs then 0.01 for 3 steps then 0.001");
    let values: Vec<f32> = [0, 19, 20, 22, 23, 99, 1000].map(|step| steps.value(step, 10, 100)).into();
    assert_eq!(values, [0.1, 0.1, 0.01, 0.01, 0.001, 0.001, 0.001]);
    let half = schedule("1 -> 0 over 50%");
    assert_eq!([0, 25, 50, 75].map(|step| half.value(step, 10, 100)), [1.0, 0.5, 0.0, 0.0]);
    assert_eq!(schedule("cosine(0 -> 1)").value(100, 10, 100), 1.0);
}

#[test]
fn lengths_of_nothing_are_passed_over() {
    assert_eq!(schedule("warmup(0 epochs) then 0.5").value(0, 10, 100), 0.5);
    assert_eq!(schedule("cosine(1 -> 0)").value(0, 10, 0), 0.0);
    let longer_than_training = schedule("warmup(10 epochs) then cosine(1 -> 0)");
    assert_eq!(longer_than_training.value(50, 10, 60), 0.5);
    assert_eq!(longer_than_training.value(100, 10, 60), 0.0);
}

#[test]
fn bounds_hold_for_every_phase() {
    assert_eq!(schedule("warmup(1 epoch) then cosine(3 -> 1)").bounds(), (0.0, 3.0));
    assert_eq!(schedule("0.2").bounds(), (0.2, 0.2));
    assert_eq!(schedule("1 -> -2 over 1 step then 0").bounds(), (-2.0, 1.0));
}

#[test]
fn numbers_and_texts_are_both_read_and_written() {
    for (value, text) in [(json!(0.2), "0.2"), (json!(3), "3"), (json!(-1), "-1"), (json!("0.5"), "0.5")] {
        assert_eq!(serde_json::from_value::<Schedule>(value).expect("a schedule"), schedule(text));
    }
    assert_eq!(json!(schedule("0.2")), json!(0.2));
    assert_eq!(json!(schedule("0.2 for 3 steps then 0")), json!("0.2 for 3 steps then 0"));
    assert_eq!(json!(Schedule::from(0.1_f32)), json!(0.1));
    let error = |value| serde_json::from_value::<Schedule>(value).expect_err("no schedule").to_string();
    assert!(
        error(json!([0.2])).contains("expected a number or a schedule such as"),
        "{}",
        error(json!([0.2]))
    );
    assert!(error(json!("0.2 thn 3")).contains("column 5"), "{}", error(json!("0.2 thn 3")));
}

#[test]
fn mistakes_are_located_and_remedied() {
    for (text, column, detail) in [
        ("", 1, "found the end, expected a number"),
        ("warm", 1, "found `warm` (did you mean `warmup`?), expected a number, `cosine(` or `warmup(`"),
        ("1 -> inf", 6, "`inf` is not finite; give a finite number"),
        ("1e999", 1, "`1e999` is not finite; give a finite number"),
        (
            "0.1 thn 0.2",
            5,
            "found `thn` (did you mean `then`?), expected the end, `->`, `for`, `over` or `then`",
        ),
        ("0.1 then 0.2", 5, "how long does the phase before `then` last? Add `for 10 epochs`"),
        ("1 -> 0 then 0.2", 8, "how long does the phase before `then` last? Add `over 10 epochs`"),
        ("0.1 for 3 epocs", 11, "found `epocs` (did you mean `epochs`?), expected `epochs`, `steps` or `%`"),
        ("0.1 for 3", 10, "found the end, expected `epochs`, `steps` or `%`"),
        ("0.1 for -3 steps then 1", 9, "-3 is no length; give 0 or more"),
        ("cosine 1 -> 2", 8, "found `1`, expected `(`; write `cosine(0.996 -> 1)`"),
        ("cosine(1, 2)", 9, "found `,`, expected `->`; write `cosine(0.996 -> 1)`"),
        ("cosine(1 -> 2", 14, "found the end, expected `)`; close the parenthesis"),
        ("warmup(1 step)", 1, "a warm-up needs something to warm up to; add `then` and its value or curve"),
        ("1 for 1 step 2", 14, "found `2`, expected `then`; add `then` and another phase, or end here"),
        ("1 \u{2192} 2", 3, "found `\u{2192}`, expected the end, `->`, `for`, `over` or `then`"),
    ] {
        let error = text.parse::<Schedule>().expect_err(text);
        assert_eq!((error.column, error.detail.as_str()), (column, detail), "{text}");
    }
    assert_eq!(
        "0.1 for 3".parse::<Schedule>().expect_err("no unit").to_string(),
        "schedule `0.1 for 3`, column 10: found the end, expected `epochs`, `steps` or `%`"
    );
}

fn phase(last: bool) -> impl Strategy<Value = Phase> {
    let value = || prop_oneof![-1e3..1e3_f64, Just(0.0), -1e-9..1e-9_f64, -1e12..1e12_f64];
    let span = prop_oneof![
        (0.0..1e4_f64).prop_map(Span::Epochs),
        (0..10_000_u32).prop_map(|steps| Span::Steps(steps.into())),
        (0.0..100.0_f64).prop_map(Span::Percent),
    ];
    let curve = prop_oneof![
        value().prop_map(Curve::Constant),
        (value(), value()).prop_map(|(from, to)| Curve::Linear { from, to }),
        (value(), value()).prop_map(|(from, to)| Curve::Cosine { from, to }),
        Just(Curve::Warmup),
    ];
    (curve, span).prop_map(move |(curve, span)| match (last, curve) {
        (true, Curve::Warmup) => Phase { curve: Curve::Constant(1.0), span: None },
        (true, _) => Phase { curve, span: None },
        (false, _) => Phase { curve, span: Some(span) },
    })
}

proptest! {
    #[test]
    fn every_schedule_is_read_back_as_it_was(
        mut phases in prop::collection::vec(phase(false), 0..4),
        last in phase(true),
    ) {
        phases.push(last);
        let schedule = Schedule { phases };
        prop_assert_eq!(schedule.to_string().parse::<Schedule>(), Ok(schedule));
    }

    #[test]
    fn any_text_is_read_or_refused_at_a_column_it_has(text in "[-0-9.e>a-z()% \u{e9}]{0,40}|\\PC{0,20}") {
        match text.parse::<Schedule>() {
            Ok(schedule) => prop_assert!(schedule.value(5, 10, 100).is_finite() || schedule.bounds().1 > 1e30),
            Err(error) => prop_assert!((1..=text.chars().count() + 1).contains(&error.column)),
        }
    }
}
