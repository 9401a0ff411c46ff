#![allow(unused)]
use equilayer::prelude::*;

/// Brings tokens together.
#[regularizer(name = "near", at = tokens(3))]
fn near(z: Pair<Tokens>, #[knob(default = 0.4, above = 0.0, at_least = 0.1)] temperature: f32) -> Loss {
    Loss::default()
}

fn main() {}
