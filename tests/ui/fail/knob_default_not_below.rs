#![allow(unused)]
use equilayer::prelude::*;

/// Brings tokens together.
#[regularizer(name = "near", at = tokens(3))]
fn near(z: Pair<Tokens>, #[knob(default = 1.0, at_least = 0.0, below = 1.0)] temperature: f32) -> Loss {
    Loss::default()
}

fn main() {}
