//! Contrasts: a sample's other view among those of other samples.

use equilayer_engine::Tensor;
use equilayer_engine::ops::Negatives;

use super::NORM_EPS;
use crate::plugin::{Feature, Loss};

/// InfoNCE of queries and keys, `[batch, width]` each, row by row: the mean of −log softmax(q̂ k̂ᵀ / τ) at the diagonal
/// (van den Oord et al. 2018, arXiv 1807.03748, equation 4). Negatives are the other rows of the keys.
#[track_caller]
pub fn info_nce(queries: &impl Feature, keys: &impl Feature, temperature: f32) -> Loss {
    let [queries, keys] = [queries.tensor(), keys.tensor()].map(|x| x.l2_normalize(NORM_EPS));
    let logits = queries.einsum("nd,md->nm", &keys) * (1.0 / temperature);
    logits.cross_entropy(&row_numbers(&logits)).into()
}

/// NT-Xent of two views, `[batch, width]` each: every row of both is compared with the 2N − 1 others, and its counterpart
/// in the other view is the right one; the mean over all 2N (Chen et al. 2020, arXiv 2002.05709, equation 1).
#[track_caller]
pub fn nt_xent(first: &impl Feature, second: &impl Feature, temperature: f32) -> Loss {
    // Dense InfoNCE with both views' negatives, of maps of one token: the same sum, without a 2N × 2N matrix.
    let [first, second] = [first.tensor(), second.tensor()].map(|x| x.unsqueeze(1));
    first.dense_info_nce(&second, temperature, Negatives::BothViews).into()
}

/// 0, 1, .. for the rows of a matrix: the classes of a contrast with its own row.
fn row_numbers(rows: &Tensor) -> Tensor {
    let count = rows.dim(0);
    rows.graph().constant([count], (0..count).map(|row| row as f32).collect::<Vec<_>>())
}
