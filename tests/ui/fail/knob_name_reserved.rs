#![allow(unused)]
use equilayer::prelude::*;

/// Brings tokens together.
#[regularizer(name = "near", at = tokens(3))]
fn near(z: Pair<Tokens>, #[knob(default = 1.0)] weight: f32) -> Loss {
    Loss::default()
}

fn main() {}
