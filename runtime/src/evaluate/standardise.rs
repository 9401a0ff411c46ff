//! Features brought to mean 0 and deviation 1 by the training samples' statistics.

use super::features::Features;

/// A feature's deviation counts for at least this share of the features' root-mean-square deviation: one that is
/// constant but for a few samples (a border pixel) would otherwise put those samples far outside.
const LEAST_DEVIATION: f64 = 0.1;

/// The shift and scale of each feature.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Standardise {
    means: Vec<f64>,
    scales: Vec<f64>,
}

impl Standardise {
    /// By the statistics of these features; a constant feature becomes 0. Divided by √width besides, so that a sample
    /// has length 1 in the mean.
    pub(super) fn fit(train: &Features) -> Standardise {
        let (count, width) = (train.len() as f64, train.width());
        let mut means = vec![0.0; width];
        for row in train.rows() {
            means.iter_mut().zip(row).for_each(|(mean, &value)| *mean += f64::from(value) / count);
        }
        let mut variances = vec![0.0; width];
        for row in train.rows() {
            for ((variance, &value), mean) in variances.iter_mut().zip(row).zip(&means) {
                *variance += (f64::from(value) - mean).powi(2) / count;
            }
        }
        let least = LEAST_DEVIATION * (variances.iter().sum::<f64>() / width as f64).sqrt();
        let scale = |variance: &f64| {
            let deviation = variance.sqrt().max(least);
            if deviation > 0.0 { 1.0 / (deviation * (width as f64).sqrt()) } else { 0.0 }
        };
        Standardise { scales: variances.iter().map(scale).collect(), means }
    }

    /// Features of the same width, `[samples, width]`.
    pub(super) fn apply(&self, features: &Features) -> Vec<f32> {
        let standard = |row: &[f32]| -> Vec<f32> {
            let terms = row.iter().zip(&self.means).zip(&self.scales);
            terms.map(|((&value, mean), scale)| ((f64::from(value) - mean) * scale) as f32).collect()
        };
        features.rows().flat_map(standard).collect()
    }
}
