//! What corruption costs a classifier.

use super::Severity;
use crate::evaluate::error::EvaluateError;
use crate::evaluate::features::same;
use crate::evaluate::measurement::{Evaluation, Measurement};
use crate::evaluate::predictions::Predictions;

/// Accuracy under corruptions, summed up.
#[derive(Clone, Debug, PartialEq)]
pub struct Robustness {
    /// The accuracy on the images as they are.
    pub clean: f64,
    /// For each corruption tried, in the order of the first predictions, the mean accuracy over its severities.
    pub by_corruption: Vec<(String, f64)>,
    /// For each severity tried, the mean accuracy over corruptions.
    pub by_severity: Vec<(Severity, f64)>,
    /// The mean over corruptions, each of the same weight.
    pub mean: f64,
    /// (clean − mean) / clean: the share of what was right that corruption takes. Nothing if nothing was right.
    pub relative_drop: Option<f64>,
}

/// Predictions of images under a corruption at a severity.
#[derive(Clone, Debug, PartialEq)]
pub struct Corrupted {
    /// The corruption's name.
    pub corruption: String,
    /// How much worse the images were.
    pub severity: Severity,
    /// What was predicted of them.
    pub predictions: Predictions,
}

/// What a frame of a sequence is compared with (ImageNet-P).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Against {
    /// The frame before: for sequences that change by degrees.
    Previous,
    /// The first frame: for noise, whose frames have no order.
    First,
}

/// Sums up predictions of images as they are and corrupted.
///
/// # Errors
/// No corrupted predictions.
pub fn robustness(clean: &Predictions, corrupted: &[Corrupted]) -> Result<Robustness, EvaluateError> {
    if corrupted.is_empty() {
        return Err(EvaluateError::Empty { what: "corrupted predictions" });
    }
    let mut names: Vec<&str> = Vec::new();
    for one in corrupted {
        if !names.contains(&one.corruption.as_str()) {
            names.push(&one.corruption);
        }
    }
    let accuracy = |of: &dyn Fn(&Corrupted) -> bool| {
        let these: Vec<f64> =
            corrupted.iter().filter(|one| of(one)).map(|one| one.predictions.accuracy()).collect();
        (!these.is_empty()).then(|| mean(&these))
    };
    let by_corruption: Vec<(String, f64)> = names
        .iter()
        .filter_map(|name| Some((name.to_string(), accuracy(&|one| one.corruption == *name)?)))
        .collect();
    let by_severity = Severity::ALL
        .into_iter()
        .filter_map(|severity| Some((severity, accuracy(&|one| one.severity == severity)?)))
        .collect();
    let clean = clean.accuracy();
    let mean = mean(&by_corruption.iter().map(|(_, accuracy)| *accuracy).collect::<Vec<_>>());
    let relative_drop = (clean > 0.0).then(|| (clean - mean) / clean);
    Ok(Robustness { clean, by_corruption, by_severity, mean, relative_drop })
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

impl Robustness {
    /// All numbers with their names. `evaluation` names the classifier, the images and the severities.
    pub fn measurements(&self, evaluation: &Evaluation) -> Vec<Measurement> {
        let mut found = vec![
            evaluation.measured("clean accuracy", self.clean),
            evaluation.measured("mean corrupted accuracy", self.mean),
        ];
        found.extend(self.relative_drop.map(|drop| evaluation.measured("relative drop", drop)));
        found.extend(self.by_corruption.iter().map(|(corruption, accuracy)| {
            evaluation.measured(format!("accuracy under {corruption}"), *accuracy)
        }));
        found.extend(self.by_severity.iter().map(|(severity, accuracy)| {
            evaluation.measured(format!("accuracy at severity {}", severity.get()), *accuracy)
        }));
        found
    }
}

/// For each sample, the share of a sequence's later frames whose predicted class is not that of the frame compared with;
/// its mean is the flip rate. `frames` has the predicted classes of all samples, frame by frame.
///
/// # Errors
/// Fewer than two frames, or frames of different numbers of samples.
pub fn flip_rate(frames: &[Vec<u32>], against: Against) -> Result<Vec<f64>, EvaluateError> {
    let [first, later @ ..] = frames else {
        return Err(EvaluateError::Empty { what: "frames of a sequence" });
    };
    if later.is_empty() {
        return Err(EvaluateError::Empty { what: "frames of a sequence after the first" });
    }
    for frame in later {
        same("numbers of samples in the frames", first.len(), frame.len())?;
    }
    let flips = |sample: usize| {
        let compared = |index: usize| match against {
            Against::Previous => frames[index][sample],
            Against::First => first[sample],
        };
        let flipped = later.iter().enumerate().filter(|(index, frame)| frame[sample] != compared(*index));
        flipped.count() as f64 / later.len() as f64
    };
    Ok((0..first.len()).map(flips).collect())
}
