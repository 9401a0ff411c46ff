/// Soft Equivariance Regularization (ICLR 2026, arXiv 2603.06693).
#[regularizer(
    name   = "ser",
    at     = tokens(3),
    action = Rot90.per_batch() * Rescale(0.7..=1.3).aspect(0.75..=4.0 / 3.0).per_batch()
           * (HalfTurn * HFlip).per_sample().complementary(),
    batch  = 0.01,
)]
pub fn soft_equivariance(
    z: Pair<Tokens>,
    rho: Relative,
    #[head(mlp(512, gelu, 512))] project: Head,
    #[knob(default = 0.4, above = 0.0, doc = "τ of the dense InfoNCE")] temperature: f32,
    #[knob(default = Negatives::BothViews)] negatives: Negatives,
) -> Loss {
    let moved = rho.act(project.forward(z.source));
    dense_info_nce(project.forward(z.student), moved, temperature, negatives)
}
