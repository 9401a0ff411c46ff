//! Numbers with their evaluation.

use equilayer::evaluate::{EvaluateError, Evaluation, Interval, Measurement, bootstrap};

use super::{assert_close, refusal, wave};

#[test]
fn a_number_is_written_with_what_made_it() -> Result<(), EvaluateError> {
    let evaluation = Evaluation::new("digits test", "kNN, k = 20");
    let written = |value: Measurement| serde_json::to_value(value).expect("plain data");
    assert_eq!(
        written(evaluation.mean("accuracy", &[1.0, 0.0, 1.0, 1.0])?),
        serde_json::json!({
            "name": "accuracy", "value": 0.75, "split": "digits test", "protocol": "kNN, k = 20", "seed": null,
            "interval": { "kind": "standard_error", "error": 0.25 },
        })
    );
    assert_eq!(
        written(evaluation.seeded(3).measured("RankMe", 12.5)),
        serde_json::json!({
            "name": "RankMe", "value": 12.5, "split": "digits test", "protocol": "kNN, k = 20", "seed": 3,
        })
    );
    Ok(())
}

#[test]
fn a_bootstrap_agrees_with_the_standard_error() -> Result<(), EvaluateError> {
    let samples: Vec<f64> = wave(400, 0).into_iter().map(f64::from).collect();
    let mean = samples.iter().sum::<f64>() / 400.0;
    let measured = Evaluation::new("wave", "mean").mean("value", &samples)?;
    let interval = bootstrap(&samples, 4000, 5)?;
    assert_eq!(interval, bootstrap(&samples, 4000, 5)?);
    assert_ne!(interval, bootstrap(&samples, 4000, 6)?);
    let expected = measured.interval.map(|error| error.ends(mean)).expect("400 samples have an error");
    let width = expected[1] - expected[0];
    for (found, expected) in interval.ends(mean).into_iter().zip(expected) {
        assert_close(found, expected, 0.05 * width);
    }
    let resampled = measured.within(interval);
    assert!(matches!(resampled.interval, Some(Interval::Bootstrap { resamples: 4000, .. })));
    Ok(())
}

#[test]
fn one_sample_has_a_mean_and_no_error() -> Result<(), EvaluateError> {
    let evaluation = Evaluation::new("one", "mean");
    assert_eq!(evaluation.mean("value", &[2.0])?.interval, None);
    assert_eq!(
        refusal(evaluation.mean("value", &[])),
        "samples: there are none; an evaluation needs at least one"
    );
    assert_eq!(
        refusal(bootstrap(&[1.0], 0, 0)),
        "resamples: there are none; an evaluation needs at least one"
    );
    Ok(())
}
