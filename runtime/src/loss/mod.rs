//! Losses that several methods share, written from their papers' equations.
//!
//! They take features, or any tensors, and normalise where the equation does. "The batch" is the leading axis.

use equilayer_engine::Tensor;
use equilayer_engine::ops;

use crate::plugin::{Choice, Feature, Loss, Tokens};

/// PyTorch's `normalize` keeps norms above this.
const NORM_EPS: f32 = 1e-12;

/// Which tokens of other samples an anchor is compared with in [`dense_info_nce`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Negatives {
    /// Those of the other view. The anchors are the student's tokens.
    CrossView,
    /// Those of both views. Every token of both views is an anchor once: the paper's equation.
    #[default]
    BothViews,
}

impl Choice for Negatives {
    fn options() -> &'static [(&'static str, Negatives)] {
        &[("cross_view", Negatives::CrossView), ("both_views", Negatives::BothViews)]
    }
}

/// InfoNCE of queries and keys, `[batch, width]` each, row by row: the mean of −log softmax(q̂ k̂ᵀ / τ) at the diagonal
/// (van den Oord et al. 2018, arXiv 1807.03748). Negatives are the other rows of the keys.
#[track_caller]
pub fn info_nce(queries: &impl Feature, keys: &impl Feature, temperature: f32) -> Loss {
    let [queries, keys] = [queries.tensor(), keys.tensor()].map(|x| x.l2_normalize(NORM_EPS));
    let logits = queries.einsum("nd,md->nm", &keys) * (1.0 / temperature);
    logits.cross_entropy(&row_numbers(&logits)).into()
}

/// Dense InfoNCE of two aligned token maps, `[samples, tokens, width]` each: every token's positive is its counterpart,
/// its negatives are tokens of *other* samples (METHODS: SER, equation of L_equiv). Anchors first, positives second.
///
/// The mean is over tokens, then samples. One sample alone has no negatives and a loss of 0.
#[track_caller]
pub fn dense_info_nce(anchors: Tokens, positives: Tokens, temperature: f32, negatives: Negatives) -> Loss {
    let negatives = match negatives {
        Negatives::CrossView => ops::Negatives::CrossView,
        Negatives::BothViews => ops::Negatives::BothViews,
    };
    anchors.tensor.dense_info_nce(&positives.tensor, temperature, negatives).into()
}

/// 0, 1, .. for the rows of a matrix: the classes of a contrast with its own row.
fn row_numbers(rows: &Tensor) -> Tensor {
    let count = rows.dim(0);
    rows.graph().constant([count], (0..count).map(|row| row as f32).collect::<Vec<_>>())
}
