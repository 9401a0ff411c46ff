/// Predicts which quarter turn was applied (E-SSL, arXiv 2111.00899).
#[allow(clippy::needless_pass_by_value)]
fn predict_turns(z: Orbit<Embedding>, turns: Labels, predict: Head) -> Loss {
    predict.forward(z.features).cross_entropy(turns)
}
/// Predicts which quarter turn was applied (E-SSL, arXiv 2111.00899).
///
/// The regularizer that [`predict_turns`] computes.
#[derive(Clone, Debug, PartialEq)]
struct Essl;
#[automatically_derived]
impl ::core::default::Default for Essl {
    fn default() -> Self {
        Essl
    }
}
#[automatically_derived]
impl ::equilayer::plugin::Declared for Essl {
    type Feature = ::equilayer::plugin::Embedding;
    fn plugin() -> ::equilayer::plugin::Plugin {
        ::equilayer::plugin::Plugin::regularizer("essl", predict_turns)
            .doc("Predicts which quarter turn was applied (E-SSL, arXiv 2111.00899).")
            .at(::equilayer::plugin::cls(::equilayer::plugin::LAST))
            .action(Rot90)
            .batch(BatchShare::own(128))
            .weight(
                ::equilayer::schedule::Schedule::literal("warmup(10 epochs) then 0.4"),
            )
            .argument("z")
            .argument("turns")
            .head(
                "predict",
                ::equilayer::plugin::Mlp::new()
                    .linear(::equilayer::plugin::Width::tap(2))
                    .layer_norm()
                    .relu()
                    .biased(4usize),
            )
    }
    fn knobs(&self) -> ::std::vec::Vec<::equilayer::plugin::KnobValue> {
        ::std::vec![]
    }
}
#[automatically_derived]
impl ::equilayer::plugin::Regularizer for Essl {}
::equilayer::plugin::register!(Essl);
