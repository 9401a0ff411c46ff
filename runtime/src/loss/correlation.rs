//! Redundancy reduction between channels.

use crate::plugin::{Feature, Loss};

/// PyTorch's default for batch norm.
const BATCH_NORM_EPS: f32 = 1e-5;

/// Σᵢ (1 − cᵢᵢ)² + λ Σᵢ≠ⱼ cᵢⱼ² of the cross-correlation c of two views, `[batch, width]` each, normalised over the batch
/// (Barlow Twins: Zbontar et al. 2021, arXiv 2103.03230, equation 1).
#[track_caller]
pub fn redundancy_reduction(first: &impl Feature, second: &impl Feature, lambda: f32) -> Loss {
    let [first, second] =
        [first.tensor(), second.tensor()].map(|z| z.batch_norm_training(None, None, BATCH_NORM_EPS).output);
    let on_diagonal = (&first * &second).mean(&[0]);
    let redundancy = first.cross_correlation(&second).off_diagonal_squares();
    ((1.0 - on_diagonal).square().sum_all() + redundancy * lambda).into()
}
