//! The declaration of the README, its function called as a function, its struct used as a value.
use equilayer::plugin::{Declared, Knob, Mlp, Plugin};
use equilayer::prelude::*;

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
    let moved = project.forward(z.source).moved(&rho);
    dense_info_nce(project.forward(z.student), moved, temperature, negatives)
}

/// The same by the builder.
fn built() -> Plugin {
    Plugin::regularizer("ser", soft_equivariance)
        .doc("Soft Equivariance Regularization (ICLR 2026, arXiv 2603.06693).")
        .at(tokens(3_usize))
        .action(
            Rot90.per_batch()
                * Rescale(0.7..=1.3).aspect(0.75..=4.0 / 3.0).per_batch()
                * (HalfTurn * HFlip).per_sample().complementary(),
        )
        .batch(0.01)
        .argument("z")
        .argument("rho")
        .head("project", Mlp::new().linear(512_usize).gelu().linear(512_usize))
        .knob("temperature", Knob::new(0.4_f32).above(0.0).doc("τ of the dense InfoNCE"))
        .knob("negatives", Knob::new(Negatives::BothViews))
}

#[test]
fn equals_the_builder() {
    assert_eq!(Ser::plugin().problems(), Vec::<String>::new());
    assert_eq!(Ser::plugin().spec(), built().spec());
    assert_eq!(Ser::default(), Ser { temperature: 0.4, negatives: Negatives::BothViews });
}
