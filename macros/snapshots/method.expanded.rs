fn value() -> Method {
    ::equilayer::method::Method::new(
            ::equilayer::method::Placed::new({
                #[allow(clippy::needless_update)]
                let plugin = MocoV3 {
                    temperature: 0.2,
                    ..::core::default::Default::default()
                };
                plugin
            }),
        )
        .plus(
            ::equilayer::method::Placed::new(
                    <Ser as ::core::default::Default>::default(),
                )
                .weight(1.0)
                .at(::equilayer::plugin::tokens(3usize)),
        )
        .plus(
            ::equilayer::method::Placed::new(
                    <plugins::EquiMod as ::core::default::Default>::default(),
                )
                .weight(lambda / 2.0)
                .at(::equilayer::plugin::cls(::equilayer::plugin::LAST)),
        )
        .plus(
            ::equilayer::method::Placed::new(
                    <Ser as ::core::default::Default>::default(),
                )
                .weight(
                    ::equilayer::schedule::Schedule::literal("0 -> 1 over 10 epochs"),
                )
                .at(::equilayer::plugin::tokens(l)),
        )
}
