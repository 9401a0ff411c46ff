//! Images made worse, and what that costs.

use equilayer::action::Grid;
use equilayer::data::{Split, digits};
use equilayer::evaluate::corruption::{
    Against, Corrupted, Corruption, Draws, Severity, flip_rate, robustness,
};
use equilayer::evaluate::{EvaluateError, Evaluation, ImageBatch, Predictions};

use super::{assert_close, refusal, wave};

const DRAWS: Draws = Draws { seed: 9, first: 0 };

fn waves(channels: usize) -> Result<ImageBatch, EvaluateError> {
    let values = wave(channels * 99, 0).into_iter().map(|value| (0.5 + 0.5 * f64::from(value)) as f32);
    ImageBatch::new(values.collect(), channels, Grid::new(11, 9))
}

fn some_digits(first: usize, count: usize) -> Result<ImageBatch, EvaluateError> {
    let digits = digits(Split::Test);
    let pixels = &digits.pixels()[784 * first..][..784 * count];
    ImageBatch::new(pixels.iter().map(|&byte| f32::from(byte) / 255.0).collect(), 1, Grid::new(28, 28))
}

/// Mean squared distance of each image from its original.
fn distance(a: &ImageBatch, b: &ImageBatch) -> f64 {
    let squares = a.values().iter().zip(b.values()).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2));
    squares.sum::<f64>() / a.values().len() as f64
}

#[test]
fn corruptions_without_draws_are_numpys() -> Result<(), EvaluateError> {
    for (corruption, severity, channels, expected) in [
        (Corruption::Contrast, 2, 3, 1.5233738642685677),
        (Corruption::Brightness, 2, 3, -3.004776256459455),
        (Corruption::GaussianBlur, 5, 3, -3.282498880980093),
        (Corruption::Pixelate, 3, 3, 3.967494817938822),
        (Corruption::Jpeg, 3, 3, 0.5734290684883807),
        (Corruption::Jpeg, 2, 1, -4.031324499757851),
    ] {
        let worse = corruption.apply(&waves(channels)?, Severity::new(severity)?, DRAWS)?;
        let weights = wave(worse.values().len(), 77);
        let sum = worse.values().iter().zip(weights).map(|(&a, b)| f64::from(a) * f64::from(b)).sum::<f64>();
        assert!((sum - expected).abs() < 1e-4, "{}: {sum}, not {expected}", corruption.name());
    }
    Ok(())
}

#[test]
fn each_severity_is_further_from_the_image() -> Result<(), EvaluateError> {
    let clean = some_digits(0, 64)?;
    for corruption in Corruption::ALL {
        let mut last = 0.0;
        for severity in Severity::ALL {
            let worse = corruption.apply(&clean, severity, DRAWS)?;
            assert!(worse.values().iter().all(|value| (0.0..=1.0).contains(value)), "{}", corruption.name());
            let distance = distance(&worse, &clean);
            assert!(distance > last, "{} {}: {distance} after {last}", corruption.name(), severity.get());
            last = distance;
        }
    }
    Ok(())
}

#[test]
fn draws_belong_to_the_image_and_the_seed() -> Result<(), EvaluateError> {
    let (all, later) = (some_digits(0, 20)?, some_digits(15, 5)?);
    for corruption in
        [Corruption::GaussianNoise, Corruption::Rotation, Corruption::Translation, Corruption::Scale]
    {
        let severity = Severity::new(3)?;
        let whole = corruption.apply(&all, severity, DRAWS)?;
        let part = corruption.apply(&later, severity, Draws { first: 15, ..DRAWS })?;
        assert_eq!(whole.values()[15 * 784..], *part.values(), "{}", corruption.name());
        let other = corruption.apply(&all, severity, Draws { seed: 10, ..DRAWS })?;
        assert_ne!(whole, other, "{}", corruption.name());
    }
    Ok(())
}

#[test]
fn noise_has_its_deviation() -> Result<(), EvaluateError> {
    let grey = ImageBatch::new(vec![0.5; 28 * 28 * 20], 1, Grid::new(28, 28))?;
    let noisy = Corruption::GaussianNoise.apply(&grey, Severity::new(1)?, DRAWS)?;
    // 15,680 samples: a standard error of 0.6 % of the deviation; cutting at ±6 deviations takes nothing.
    assert_close(distance(&noisy, &grey).sqrt(), 0.08, 0.003);
    Ok(())
}

#[test]
fn a_sequence_goes_from_the_image_to_the_severity() -> Result<(), EvaluateError> {
    let clean = some_digits(0, 8)?;
    let severity = Severity::new(4)?;
    for corruption in Corruption::ALL {
        let frames = corruption.sequence(&clean, severity, 5, DRAWS)?;
        assert_eq!((frames.len(), &frames[0]), (5, &clean));
        if corruption == Corruption::GaussianNoise {
            assert_ne!(frames[1], frames[2], "noise is drawn anew");
        } else {
            assert_eq!(frames[4], corruption.apply(&clean, severity, DRAWS)?, "{}", corruption.name());
        }
    }
    assert_eq!(
        refusal(Corruption::Jpeg.sequence(&clean, severity, 1, DRAWS)),
        "frames of a sequence is 1; it must be at least 2"
    );
    let normalised = ImageBatch::new(vec![-1.5; 784], 1, Grid::new(28, 28))?;
    assert_eq!(
        refusal(Corruption::Jpeg.apply(&normalised, severity, DRAWS)),
        "an image's value is -1.5; it must be in [0, 1]: corrupt images before they are normalised"
    );
    assert_eq!(refusal(Severity::new(6)), "severity is 6; it must be 1 to 5");
    Ok(())
}

/// Predictions of ten samples, the first `right` of them right.
fn predictions(right: usize) -> Result<Predictions, EvaluateError> {
    Predictions::of((0..10).map(|sample| u32::from(sample >= right)).collect(), vec![0; 10], 2)
}

#[test]
fn corruptions_weigh_the_same_however_many_severities_were_tried() -> Result<(), EvaluateError> {
    let under = |name: &str, severity: u8, right: usize| -> Result<Corrupted, EvaluateError> {
        let (corruption, severity) = (name.into(), Severity::new(severity)?);
        Ok(Corrupted { corruption, severity, predictions: predictions(right)? })
    };
    let tried = [under("jpeg", 1, 6)?, under("contrast", 1, 8)?, under("jpeg", 2, 2)?];
    let found = robustness(&predictions(9)?, &tried)?;
    assert_eq!(found.by_corruption, [("jpeg".to_owned(), 0.4), ("contrast".to_owned(), 0.8)]);
    assert_eq!(found.by_severity, [(Severity::new(1)?, 0.7), (Severity::new(2)?, 0.2)]);
    assert_close(found.clean, 0.9, 1e-12);
    assert_close(found.mean, 0.6, 1e-12);
    assert_close(found.relative_drop.expect("something was right"), 1.0 / 3.0, 1e-12);
    let names: Vec<String> =
        found.measurements(&Evaluation::new("test", "kNN")).into_iter().map(|number| number.name).collect();
    let expected = [
        "clean accuracy",
        "mean corrupted accuracy",
        "relative drop",
        "accuracy under jpeg",
        "accuracy under contrast",
        "accuracy at severity 1",
        "accuracy at severity 2",
    ];
    assert_eq!(names, expected);
    assert_eq!(robustness(&predictions(0)?, &tried)?.relative_drop, None);
    assert_eq!(
        refusal(robustness(&predictions(9)?, &[])),
        "corrupted predictions: there are none; an evaluation needs at least one"
    );
    Ok(())
}

#[test]
fn predictions_belong_to_their_samples() {
    assert_eq!(
        refusal(Predictions::of(vec![0, 1], vec![0], 2)),
        "numbers of samples differ: 2 and 1; both must come from the same encoder and images"
    );
    assert_eq!(
        refusal(Predictions::of(vec![0], vec![2], 2)),
        "sample 0 has the label 2, but there are 2 classes, 0 to 1"
    );
}

#[test]
fn flips_are_counted_against_the_frame_before_or_the_first() -> Result<(), EvaluateError> {
    let frames = [vec![0, 1], vec![0, 2], vec![3, 2], vec![0, 2], vec![0, 2]];
    assert_eq!(flip_rate(&frames, Against::Previous)?, [0.5, 0.25]);
    assert_eq!(flip_rate(&frames, Against::First)?, [0.25, 1.0]);
    assert!(flip_rate(&frames[..1], Against::First).is_err());
    assert_eq!(
        refusal(flip_rate(&[vec![0, 1], vec![0]], Against::First)),
        "numbers of samples in the frames differ: 2 and 1; both must come from the same encoder and images"
    );
    Ok(())
}
