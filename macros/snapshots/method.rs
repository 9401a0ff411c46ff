method! { MocoV3 { temperature: 0.2 } + 1 * Ser at tokens(3) + (lambda / 2.0) * plugins::EquiMod at cls + "0 -> 1 over 10 epochs" * Ser at tokens(l) }
