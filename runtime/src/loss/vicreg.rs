//! The three terms of VICReg (Bardes et al. 2022, arXiv 2105.04906, equations 1 to 5).

use crate::plugin::{Feature, Loss};

/// Added to variances before their root, as in the authors' code.
const VARIANCE_EPS: f32 = 1e-4;

/// s: the mean squared difference of two views, over channels too.
#[track_caller]
pub fn invariance(first: &impl Feature, second: &impl Feature) -> Loss {
    first.tensor().mse_loss(second.tensor()).into()
}

/// v: the mean over channels of max(0, 1 − S), where S is a channel's standard deviation over the batch.
#[track_caller]
pub fn variance_hinge(z: &impl Feature) -> Loss {
    let deviation = (z.tensor().variance(&[0], 1) + VARIANCE_EPS).sqrt();
    (1.0 - deviation).relu().mean_all().into()
}

/// c: the sum of squared covariances of different channels over the batch, by the number of channels.
#[track_caller]
pub fn covariance_penalty(z: &impl Feature) -> Loss {
    let width = z.tensor().dim(-1);
    (z.tensor().covariance().off_diagonal_squares() * (1.0 / width as f32)).into()
}
