/// Soft Equivariance Regularization (ICLR 2026, arXiv 2603.06693).
#[allow(clippy::needless_pass_by_value)]
pub fn soft_equivariance(
    z: Pair<Tokens>,
    rho: Relative,
    project: Head,
    temperature: f32,
    negatives: Negatives,
) -> Loss {
    let moved = rho.act(project.forward(z.source));
    dense_info_nce(project.forward(z.student), moved, temperature, negatives)
}
/// Soft Equivariance Regularization (ICLR 2026, arXiv 2603.06693).
///
/// The regularizer that [`soft_equivariance`] computes.
#[derive(Clone, Debug, PartialEq)]
pub struct Ser {
    /// τ of the dense InfoNCE (default `0.4`, above 0)
    pub temperature: f32,
    /// default `Negatives::BothViews`
    pub negatives: Negatives,
}
#[automatically_derived]
impl ::core::default::Default for Ser {
    fn default() -> Self {
        Ser {
            temperature: 0.4,
            negatives: Negatives::BothViews,
        }
    }
}
#[automatically_derived]
impl ::equilayer::plugin::Declared for Ser {
    type Feature = ::equilayer::plugin::Tokens;
    fn plugin() -> ::equilayer::plugin::Plugin {
        ::equilayer::plugin::Plugin::regularizer("ser", soft_equivariance)
            .doc("Soft Equivariance Regularization (ICLR 2026, arXiv 2603.06693).")
            .at(::equilayer::plugin::tokens(3usize))
            .action(
                Rot90.per_batch()
                    * Rescale(0.7..=1.3).aspect(0.75..=4.0 / 3.0).per_batch()
                    * (HalfTurn * HFlip).per_sample().complementary(),
            )
            .batch(0.01)
            .argument("z")
            .argument("rho")
            .head(
                "project",
                ::equilayer::plugin::Mlp::new().linear(512usize).gelu().linear(512usize),
            )
            .knob(
                "temperature",
                ::equilayer::plugin::Knob::new(Self::default().temperature)
                    .above(0.0)
                    .doc("τ of the dense InfoNCE"),
            )
            .knob("negatives", ::equilayer::plugin::Knob::new(Self::default().negatives))
    }
    fn knobs(&self) -> ::std::vec::Vec<::equilayer::plugin::KnobValue> {
        ::std::vec![
            ::equilayer::plugin::KnobType::value(& self.temperature),
            ::equilayer::plugin::KnobType::value(& self.negatives)
        ]
    }
}
#[automatically_derived]
impl ::equilayer::plugin::Regularizer for Ser {}
::equilayer::plugin::register!(Ser);
