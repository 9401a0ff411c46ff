//! What a classifier predicts, counted.

use super::error::EvaluateError;
use super::features::{Labelled, same};
use super::measurement::{Evaluation, Measurement};

/// Predicted classes beside the true ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Predictions {
    predicted: Vec<u32>,
    truth: Vec<u32>,
    classes: usize,
}

impl Predictions {
    /// Predicted classes beside the true ones, one each a sample, each below `classes`.
    ///
    /// # Errors
    /// No samples, other numbers of them, or a true class that is not below `classes`.
    pub fn of(predicted: Vec<u32>, truth: Vec<u32>, classes: usize) -> Result<Predictions, EvaluateError> {
        if truth.is_empty() {
            return Err(EvaluateError::Empty { what: "predictions" });
        }
        same("numbers of samples", predicted.len(), truth.len())?;
        match truth.iter().position(|&label| label as usize >= classes) {
            Some(sample) => Err(EvaluateError::LabelRange { sample, label: truth[sample], classes }),
            None => Ok(Predictions { predicted, truth, classes }),
        }
    }

    /// One prediction a labelled sample.
    pub(super) fn new(predicted: Vec<u32>, truth: Labelled<'_>) -> Predictions {
        Predictions { predicted, truth: truth.of.to_vec(), classes: truth.classes }
    }

    /// The predicted class of each sample.
    pub fn predicted(&self) -> &[u32] {
        &self.predicted
    }

    /// 1 for each sample predicted rightly, 0 for each other.
    pub fn hits(&self) -> Vec<f64> {
        self.predicted.iter().zip(&self.truth).map(|(a, b)| f64::from(u8::from(a == b))).collect()
    }

    /// The share of samples predicted rightly.
    pub fn accuracy(&self) -> f64 {
        self.hits().iter().sum::<f64>() / self.truth.len() as f64
    }

    /// The accuracy within each class; nothing for a class without a sample.
    pub fn per_class(&self) -> Vec<Option<f64>> {
        let mut classes = vec![(0.0, 0.0); self.classes];
        for (hit, &class) in self.hits().into_iter().zip(&self.truth) {
            let (right, all) = &mut classes[class as usize];
            *right += hit;
            *all += 1.0;
        }
        classes.into_iter().map(|(right, all)| (all > 0.0).then(|| right / all)).collect()
    }

    /// Accuracy, and the mean of the classes' accuracies.
    pub(super) fn measurements(&self, evaluation: &Evaluation) -> Result<Vec<Measurement>, EvaluateError> {
        let present: Vec<f64> = self.per_class().into_iter().flatten().collect();
        let balanced = present.iter().sum::<f64>() / present.len() as f64;
        Ok(vec![
            evaluation.mean("accuracy", &self.hits())?,
            evaluation.measured("mean class accuracy", balanced),
        ])
    }
}

/// The index of the largest value, the first of equals.
pub(super) fn first_largest<T: PartialOrd + Copy>(values: &[T]) -> u32 {
    let larger = |best: usize, index: usize| if values[index] > values[best] { index } else { best };
    (0..values.len()).reduce(larger).unwrap_or(0) as u32
}
