/// MoCo v3: queries of one view against the teacher's keys of the other (arXiv 2104.02057).
#[allow(clippy::needless_pass_by_value)]
pub fn moco_v3(
    queries: Views<Embedding>,
    keys: Teacher<Views<Embedding>>,
    project: Head,
    predict: Head,
    #[allow(unused_variables)]
    hidden: usize,
    temperature: f32,
) -> Loss {
    cross_view_info_nce(queries, keys, project, predict, temperature)
}
/// MoCo v3: queries of one view against the teacher's keys of the other (arXiv 2104.02057).
///
/// The objective that [`moco_v3`] computes.
#[derive(Clone, Debug, PartialEq)]
pub struct MocoV3 {
    /// Width of the hidden layers (default `4096`, at least 1)
    pub hidden: usize,
    /// τ of InfoNCE (default `0.2`, above 0)
    pub temperature: f32,
}
#[automatically_derived]
impl ::core::default::Default for MocoV3 {
    fn default() -> Self {
        MocoV3 {
            hidden: 4096,
            temperature: 0.2,
        }
    }
}
#[automatically_derived]
impl ::equilayer::plugin::Declared for MocoV3 {
    type Feature = ::equilayer::plugin::Embedding;
    fn plugin() -> ::equilayer::plugin::Plugin {
        ::equilayer::plugin::Plugin::objective("moco_v3", moco_v3)
            .doc(
                "MoCo v3: queries of one view against the teacher's keys of the other (arXiv 2104.02057).",
            )
            .teacher(Ema::before_keys(Schedule::cosine(0.99, 1.0)))
            .argument("queries")
            .argument("keys")
            .head(
                "project",
                ::equilayer::plugin::Mlp::new()
                    .linear(::equilayer::plugin::Width::knob("hidden"))
                    .batch_norm()
                    .relu()
                    .linear(::equilayer::plugin::Width::knob("hidden"))
                    .batch_norm()
                    .relu()
                    .linear(256usize)
                    .plain_batch_norm()
                    .ema(),
            )
            .head(
                "predict",
                ::equilayer::plugin::Mlp::new()
                    .linear(::equilayer::plugin::Width::knob("hidden"))
                    .batch_norm()
                    .relu()
                    .linear(256usize)
                    .plain_batch_norm(),
            )
            .knob(
                "hidden",
                ::equilayer::plugin::Knob::new(Self::default().hidden)
                    .at_least(1.0)
                    .doc("Width of the hidden layers"),
            )
            .knob(
                "temperature",
                ::equilayer::plugin::Knob::new(Self::default().temperature)
                    .above(0.0)
                    .doc("τ of InfoNCE"),
            )
    }
    fn knobs(&self) -> ::std::vec::Vec<::equilayer::plugin::KnobValue> {
        ::std::vec![
            ::equilayer::plugin::KnobType::value(& self.hidden),
            ::equilayer::plugin::KnobType::value(& self.temperature)
        ]
    }
}
#[automatically_derived]
impl ::equilayer::plugin::Objective for MocoV3 {}
::equilayer::plugin::register!(MocoV3);
