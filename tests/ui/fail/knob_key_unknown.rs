#![allow(unused)]
use equilayer::prelude::*;

/// Brings tokens together.
#[regularizer(name = "near", at = tokens(3))]
fn near(z: Pair<Tokens>, #[knob(default = 0.4, min = 0.0)] temperature: f32) -> Loss {
    Loss::default()
}

fn main() {}
