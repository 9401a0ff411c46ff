//! Whether features collapsed: to a point, to a line, to few directions.
//!
//! | measure | collapsed | healthy | source |
//! |---|---|---|---|
//! | deviation of unit features × √width | 0 | 0.5 to 1; 1 is a uniform sphere | Chen and He 2021 (SimSiam) |
//! | RankMe | 1, or a few | a large part of the width; compare like with like | Garrido et al. 2023 |
//! | uniformity | 0 | −2 to −4; about −4 is a uniform sphere of high dimension | Wang and Isola 2020 |
//! | alignment | 0 | as low as uniformity allows: 0 to 1; 2 is unrelated | Wang and Isola 2020 |
//!
//! No single one is enough. Features on a line have a healthy deviation and RankMe near 1; alignment is best when
//! everything is one point. All compare encoders of one width on one split.

use nalgebra::DMatrix;

use super::compute::Compute;
use super::error::EvaluateError;
use super::features::{Features, same};
use super::measurement::{Evaluation, Measurement};

/// Long sides are taken in pieces of this length, to bound memory.
const PIECE: usize = 1024;

/// The smaller side of a matrix whose singular values are still found within minutes.
const LARGEST_RANK: usize = 8192;

/// The signals of one feature matrix.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Collapse {
    /// [`feature_deviation`].
    pub deviation: f64,
    /// [`rank_me`].
    pub rank: f64,
    /// [`uniformity`].
    pub uniformity: f64,
}

/// All signals that one view of each image gives.
///
/// # Errors
/// Fewer than two samples, or more than 8192 of a width above 8192.
pub fn collapse(features: &Features) -> Result<Collapse, EvaluateError> {
    Ok(Collapse {
        deviation: feature_deviation(features),
        rank: rank_me(features)?,
        uniformity: uniformity(features)?,
    })
}

impl Collapse {
    /// The signals with their names.
    pub fn measurements(&self, split: &str) -> Vec<Measurement> {
        let measured = |name, protocol, value| Evaluation::new(split, protocol).measured(name, value);
        vec![
            measured("feature deviation", "standard deviation of unit features × √width", self.deviation),
            measured("RankMe", "exp entropy of the feature matrix's singular values", self.rank),
            measured("uniformity", "ln mean exp(−2 ‖x − y‖²) over pairs of unit features", self.uniformity),
        ]
    }
}

/// The standard deviation over samples of each unit feature (‖x‖ = 1), mean over features, × √width: 0 when all
/// directions are one, 1 when they fill the sphere.
pub fn feature_deviation(features: &Features) -> f64 {
    let (width, count) = (features.width(), features.len() as f64);
    let unit = features.unit_rows();
    let deviation = |feature: usize| {
        let values = || unit[feature..].iter().step_by(width).map(|&value| f64::from(value));
        let mean = values().sum::<f64>() / count;
        (values().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt()
    };
    (0..width).map(deviation).sum::<f64>() / (width as f64).sqrt()
}

/// RankMe: exp(−Σ pₖ ln pₖ) of the singular values' shares pₖ = σₖ / Σ σ of the feature matrix as it is, neither
/// centred nor scaled. Between 1 and the smaller side of the matrix; 0 if all features are 0.
///
/// Singular values are roots of the Gram matrix's eigenvalues, all in `f64`: relative to the largest, values below
/// 1e-8 are lost, and the features' own rounding to `f32` is above that.
///
/// # Errors
/// A matrix whose smaller side is above 8192.
pub fn rank_me(features: &Features) -> Result<f64, EvaluateError> {
    let small = features.len().min(features.width());
    if small > LARGEST_RANK {
        let value = small.to_string();
        let range = "at most 8192: take fewer samples";
        return Err(EvaluateError::Setting { setting: "RankMe's smaller side", value, range });
    }
    let eigenvalues = gram(features).symmetric_eigenvalues();
    let singular: Vec<f64> = eigenvalues.iter().map(|value| value.max(0.0).sqrt()).collect();
    let total: f64 = singular.iter().sum();
    if total == 0.0 {
        return Ok(0.0);
    }
    let shares = singular.iter().map(|value| value / total).filter(|share| *share > 0.0);
    Ok((-shares.map(|share| share * share.ln()).sum::<f64>()).exp())
}

/// The Gram matrix along the smaller side, whose eigenvalues are the squares of the singular values.
fn gram(features: &Features) -> DMatrix<f64> {
    let (count, width, values) = (features.len(), features.width(), features.values());
    let (small, long) = (count.min(width), count.max(width));
    let at = |short: usize, long: usize| match width <= count {
        true => values[long * width + short],
        false => values[short * width + long],
    };
    let mut gram = DMatrix::zeros(small, small);
    for first in (0..long).step_by(PIECE) {
        let piece = DMatrix::from_fn(small, PIECE.min(long - first), |i, j| f64::from(at(i, first + j)));
        gram.gemm(1.0, &piece, &piece.transpose(), 1.0);
    }
    gram
}

/// Uniformity: ln E exp(−2 ‖x − y‖²) over all pairs of different samples, of unit features. 0 at most, for one point.
///
/// # Errors
/// Fewer than two samples.
pub fn uniformity(features: &Features) -> Result<f64, EvaluateError> {
    if features.len() < 2 {
        return Err(EvaluateError::Empty { what: "pairs of samples" });
    }
    let unit = features.unit_rows();
    let mut sum = 0.0;
    Compute::new()?.products(&unit, &unit, features.width(), |[first, other], cosines, [_, columns]| {
        for (row, cosines) in cosines.chunks_exact(columns).enumerate() {
            for (column, &cosine) in cosines.iter().enumerate() {
                // ‖x − y‖² = 2 − 2 cos of unit vectors.
                if first + row != other + column {
                    sum += (4.0 * (f64::from(cosine) - 1.0)).exp();
                }
            }
        }
    })?;
    let count = features.len() as f64;
    Ok((sum / (count * (count - 1.0))).ln())
}

/// Alignment: ‖x − y‖² of the unit features of two views, for each image; its mean is the measure.
///
/// # Errors
/// Another number of samples, or another width, on either side.
pub fn alignment(first: &Features, second: &Features) -> Result<Vec<f64>, EvaluateError> {
    same("numbers of samples", first.len(), second.len())?;
    same("feature widths", first.width(), second.width())?;
    let (x, y) = (first.unit_rows(), second.unit_rows());
    let rows = x.chunks_exact(first.width()).zip(y.chunks_exact(first.width()));
    let distance = |(x, y): (&[f32], &[f32])| {
        x.iter().zip(y).map(|(&x, &y)| (f64::from(x) - f64::from(y)).powi(2)).sum()
    };
    Ok(rows.map(distance).collect())
}
