//! Soft Equivariance Regularization.

use equilayer::prelude::*;

/// SER: tokens of one view, moved by the known action, match those of the other (ICLR 2026, arXiv 2603.06693).
///
/// L_equiv = mean over tokens of −log softmax of s(g(z), ρ g(z′)) = cos / τ, where the positive is the token that the
/// action puts in the same place and negatives are tokens of *other* samples. The projector comes first, then the
/// action: bicubic resizing does not commute with GELU.
///
/// Both views show one crop, under two elements of the group, for a share of the batch; those samples take part in the
/// objective too. With small crops (`local = 4`: 2 + 4 views) those are pairs as well, and the pairs' losses are summed.
/// Published at layer 3, with CLS joining after it.
#[regularizer(
    name = "ser",
    at = tokens(3),
    action = Rot90.per_batch()
        * Rescale(0.7..=1.3).aspect(0.75..=4.0 / 3.0).per_batch()
        * (HalfTurn * HFlip).per_sample().complementary(),
    batch = 0.01,
)]
pub fn soft_equivariance(
    z: Pair<Tokens>,
    rho: Relative,
    #[head(mlp(512, gelu, 512))] project: Head,
    /// τ; the authors' scripts have 0.4 and 0.5, their checkpoints 0.4, the paper 0.3 to 0.5
    #[knob(default = 0.4, above = 0.0)]
    temperature: f32,
    /// tokens of which views are negatives; the paper's equation has both, the released two-view code one
    #[knob(default = Negatives::BothViews)]
    negatives: Negatives,
) -> Loss {
    let moved = project.forward(z.source).moved(&rho);
    dense_info_nce(project.forward(z.student), moved, temperature, negatives)
}
