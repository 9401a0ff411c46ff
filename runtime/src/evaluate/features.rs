//! Frozen features of a data set, one row a sample.

use super::error::EvaluateError;

/// A feature matrix, with labels or without.
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    values: Vec<f32>,
    width: usize,
    labels: Option<Labels>,
}

/// A class for each sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Labelled<'a> {
    /// One class a sample, each below `classes`.
    pub of: &'a [u32],
    /// How many classes there are.
    pub classes: usize,
}

#[derive(Clone, Debug, PartialEq)]
struct Labels {
    of: Vec<u32>,
    classes: usize,
}

impl Features {
    /// Row-major values `[samples, width]`, without labels.
    ///
    /// # Errors
    /// No values, a width that does not divide them, or a value that is not finite.
    pub fn new(values: Vec<f32>, width: usize) -> Result<Features, EvaluateError> {
        if values.is_empty() {
            return Err(EvaluateError::Empty { what: "features" });
        }
        if width == 0 || !values.len().is_multiple_of(width) {
            let samples = values.len().checked_div(width).unwrap_or(0);
            let shape = vec![samples, width];
            return Err(EvaluateError::Shape { what: "features", values: values.len(), shape });
        }
        check_finite("features", &values, width)?;
        Ok(Features { values, width, labels: None })
    }

    /// The same features with a label for each sample, below `classes`.
    ///
    /// # Errors
    /// Another number of labels than of samples, or a label that is not below `classes`.
    pub fn labelled(self, of: Vec<u32>, classes: usize) -> Result<Features, EvaluateError> {
        if of.len() != self.len() {
            return Err(EvaluateError::LabelCount { labels: of.len(), samples: self.len() });
        }
        if let Some((sample, &label)) = of.iter().enumerate().find(|&(_, &label)| label as usize >= classes) {
            return Err(EvaluateError::LabelRange { sample, label, classes });
        }
        Ok(Features { labels: Some(Labels { of, classes }), ..self })
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.values.len() / self.width
    }

    /// Whether there are none, which [`Features::new`] refuses.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Width of a feature vector.
    pub fn width(&self) -> usize {
        self.width
    }

    /// All values, `[samples, width]` row-major.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The feature vectors, one after the other.
    pub fn rows(&self) -> std::slice::ChunksExact<'_, f32> {
        self.values.chunks_exact(self.width)
    }

    /// The labels, if there are any.
    pub fn labels(&self) -> Option<Labelled<'_>> {
        self.labels.as_ref().map(|labels| Labelled { of: &labels.of, classes: labels.classes })
    }

    /// The labels, for a measurement that needs them.
    pub(super) fn need_labels(
        &self,
        what: &'static str,
        role: &'static str,
    ) -> Result<Labelled<'_>, EvaluateError> {
        self.labels().ok_or(EvaluateError::Unlabelled { what, role })
    }

    /// The feature vectors scaled to unit length; a vector of zeros stays one.
    pub(super) fn unit_rows(&self) -> Vec<f32> {
        let mut values = self.values.clone();
        for row in values.chunks_exact_mut(self.width) {
            let norm = norm(row);
            if norm > 0.0 {
                row.iter_mut().for_each(|value| *value = (f64::from(*value) / norm) as f32);
            }
        }
        values
    }
}

impl Labelled<'_> {
    /// Samples of each class.
    pub fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes];
        self.of.iter().for_each(|&label| counts[label as usize] += 1);
        counts
    }

    /// That each class has a sample.
    pub(super) fn check_classes(&self, what: &'static str, role: &'static str) -> Result<(), EvaluateError> {
        match self.counts().iter().position(|&count| count == 0) {
            Some(class) => Err(EvaluateError::EmptyClass { what, class, classes: self.classes, role }),
            None => Ok(()),
        }
    }
}

/// Labelled training and test features that belong together: one width, the same classes, none of them untaught.
pub(super) fn check_splits<'a>(
    what: &'static str,
    train: &'a Features,
    test: &'a Features,
) -> Result<(Labelled<'a>, Labelled<'a>), EvaluateError> {
    let (taught, asked) = (train.need_labels(what, "training")?, test.need_labels(what, "test")?);
    taught.check_classes(what, "training")?;
    same("feature widths", train.width(), test.width())?;
    same("numbers of classes", taught.classes, asked.classes)?;
    Ok((taught, asked))
}

/// That two sizes are one.
pub(super) fn same(what: &'static str, first: usize, second: usize) -> Result<(), EvaluateError> {
    match first == second {
        true => Ok(()),
        false => Err(EvaluateError::Mismatch { what, first, second }),
    }
}

/// That all values are finite; `row` of them belong to a sample.
pub(super) fn check_finite(what: &'static str, values: &[f32], row: usize) -> Result<(), EvaluateError> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(at) => Err(EvaluateError::NotFinite { what, row: at / row, index: at % row, value: values[at] }),
        None => Ok(()),
    }
}

/// Length of a vector.
pub(super) fn norm(x: &[f32]) -> f64 {
    dot(x, x).sqrt()
}

/// Inner product, summed in `f64`.
pub(super) fn dot(x: &[f32], y: &[f32]) -> f64 {
    x.iter().zip(y).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum()
}

/// cos(x, y); 0 where one of them has no direction.
pub(super) fn cosine(x: &[f32], y: &[f32]) -> f64 {
    let norms = norm(x) * norm(y);
    if norms > 0.0 { dot(x, y) / norms } else { 0.0 }
}
