//! Barlow Twins.

use equilayer::prelude::*;

/// Barlow Twins: the views' cross-correlation is pushed towards the identity (arXiv 2103.03230).
///
/// L = Σᵢ (1 − cᵢᵢ)² + λ Σᵢ≠ⱼ cᵢⱼ², c = BN(z)ᵀ BN(z′) / N with batch norm that has no scale and shift (equation 1).
#[objective(name = "barlow_twins")]
pub fn barlow_twins(
    views: Views<Embedding>,
    #[head(mlp(hidden, batch_norm, relu, hidden, batch_norm, relu, hidden))] projector: Head,
    /// λ, weight of the redundancy term (section 2.2: 0.005; the authors' code: 0.0051)
    #[knob(default = 0.0051, at_least = 0.0)]
    lambda: f32,
    /// width of all three layers of the projector (section 2.2)
    #[knob(default = 8192, at_least = 2, unit = "channels")]
    hidden: usize,
) -> Loss {
    let z = views.map(|view| projector.forward(view.clone()));
    z.pairs().into_iter().map(|(a, b)| redundancy_reduction(a, b, lambda)).sum()
}
