#![allow(unused)]
use equilayer::prelude::*;

/// Brings tokens together.
#[regularizer(name = "near", at = tokens(3))]
fn near(z: Pair<Tokens>, #[knob(default = true, above = 0.0)] temperature: bool) -> Loss {
    Loss::default()
}

fn main() {}
