//! VICReg.

use equilayer::prelude::*;

/// VICReg: views agree, channels vary, and channels do not covary (arXiv 2105.04906).
///
/// L = λ s(z, z′) + μ ½ (v(z) + v(z′)) + ν (c(z) + c(z′)): s the mean squared difference, v the mean over channels of
/// max(0, 1 − √(var + 10⁻⁴)), c the squared covariances off the diagonal by the width (equations 1 to 6; the half is the
/// authors' code's).
#[objective(name = "vicreg")]
pub fn vicreg(
    views: Views<Embedding>,
    #[head(mlp(hidden, batch_norm, relu, hidden, batch_norm, relu, hidden))] expander: Head,
    /// λ (section 4.2)
    #[knob(default = 25.0, at_least = 0.0)]
    invariance_weight: f32,
    /// μ (section 4.2)
    #[knob(default = 25.0, at_least = 0.0)]
    variance_weight: f32,
    /// ν (section 4.2)
    #[knob(default = 1.0, at_least = 0.0)]
    covariance_weight: f32,
    /// width of all three layers of the expander (section 4.2)
    #[knob(default = 8192, at_least = 2, unit = "channels")]
    hidden: usize,
) -> Loss {
    let z = views.map(|view| expander.forward(view.clone()));
    let loss = |(a, b)| {
        invariance_weight * invariance(a, b)
            + variance_weight * (variance_hinge(a) + variance_hinge(b)) / 2.0
            + covariance_weight * (covariance_penalty(a) + covariance_penalty(b))
    };
    z.pairs().into_iter().map(loss).sum()
}
