use equilayer::prelude::*;

/// SIE: one half of the representation is invariant, and the transform predicts the other (arXiv 2302.10283).
///
/// L = 10 · ‖z_inv − z′_inv‖² + 4.5 · ‖ρ(g) z_equi − z′_equi‖² + 10 · (v(z) + v(z′)) / 2 + c(z) + c(z′) + 10 · v(ρ(g) z_equi),
/// with VICReg's v and c of both halves together; ρ(g) is a matrix for each sample, which a linear hyper-network makes of
/// how the two views' transforms differ (section 4).
#[objective(name = "sie")]
pub fn split_invariance(
    views: Views<Embedding>,
    g: Differences,
    #[head(mlp(hidden, batch_norm, relu, hidden, batch_norm, relu, out))] invariant: Head,
    #[head(mlp(hidden, batch_norm, relu, hidden, batch_norm, relu, out))] equivariant: Head,
    #[head(mlp(out * out))] hyper: Head,
    /// of the invariant halves' distance (the authors' code)
    #[knob(default = 10.0, at_least = 0.0)]
    invariance_weight: f32,
    /// of the equivariant halves' distance (the authors' code)
    #[knob(default = 4.5, at_least = 0.0)]
    equivariance_weight: f32,
    /// of the variances (the authors' code)
    #[knob(default = 10.0, at_least = 0.0)]
    variance_weight: f32,
    /// of the covariances (the authors' code)
    #[knob(default = 1.0, at_least = 0.0)]
    covariance_weight: f32,
    /// width of the projectors' hidden layers (the authors' code)
    #[knob(default = 1024, at_least = 2, unit = "channels")]
    hidden: usize,
    /// width of each half's embedding (the authors' code)
    #[knob(default = 1024, at_least = 2, unit = "channels")]
    out: usize,
) -> Loss {
    let Some(pair) = views.pair() else { return Loss::default() };
    let half = pair[0].tensor.dim(-1) / 2;
    let [i1, i2] = pair.map(|y| invariant.forward(y.tensor.slice(-1, 0, half)));
    let [e1, e2] = pair.map(|y| equivariant.forward(y.tensor.slice(-1, half, half)));
    let rho = hyper.forward(joined(&g.crop, &g.color)).reshape([e1.dim(0), out, out]);
    let predicted = rho.einsum("bij,bj->bi", &e1);
    let (z1, z2) = (joined(&i1, &e1), joined(&i2, &e2));
    invariance_weight * invariance(&i1, &i2)
        + equivariance_weight * invariance(&predicted, &e2)
        + variance_weight * ((variance_hinge(&z1) + variance_hinge(&z2)) / 2.0 + variance_hinge(&predicted))
        + covariance_weight * (covariance_penalty(&z1) + covariance_penalty(&z2))
}
