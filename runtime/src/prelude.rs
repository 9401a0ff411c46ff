//! What declarations use: `use equilayer::prelude::*`.

pub use equilayer_macros::{group_action, method, objective, regularizer};

pub use crate::action::{
    Action, D4, Displacement, Grid, GridMap, GroupAction, HFlip, HalfTurn, IntoAction, Involutive, Relative,
    Rescale, Rot90, Rotate, Symmetry, Translate, VFlip,
};
pub use crate::engine::Tensor;
pub use crate::loss::{
    Negatives, centred_softmax, covariance_penalty, dense_info_nce, distillation, info_nce, invariance,
    masked_distance, most_similar, moved_center, negative_cosine, normalized_distance, nt_xent,
    redundancy_reduction, variance_hinge,
};
pub use crate::method::{Method, Placed};
pub use crate::plugin::{
    BatchShare, Choice, Crop, Crops, Differences, Ema, Embedding, Feature, Head, LAST, Labels, Loss, Orbit,
    Pair, Parameters, Positions, Scheduled, Sharing, State, Teacher, Tokens, Untransformed, Views, cls,
    embedding, joined, pooled, stacked, tokens,
};
pub use crate::schedule::Schedule;
