//! Agreement in direction.

use super::NORM_EPS;
use crate::plugin::{Feature, Loss};

/// Mean of ‖x̂ − ŷ‖² = 2 − 2 cos(x, y) over rows, `[.., width]` each (BYOL: Grill et al. 2020, arXiv 2006.07733,
/// equation 2).
#[track_caller]
pub fn normalized_distance(x: &impl Feature, y: &impl Feature) -> Loss {
    2.0 * negative_cosine(x, y) + 2.0
}

/// Mean of −cos(x, y) over rows, `[.., width]` each (SimSiam: Chen and He 2021, arXiv 2011.10566, equation 1).
#[track_caller]
pub fn negative_cosine(x: &impl Feature, y: &impl Feature) -> Loss {
    let [x, y] = [x.tensor(), y.tensor()].map(|x| x.l2_normalize(NORM_EPS));
    (-(x * y).sum(&[-1]).mean_all()).into()
}
