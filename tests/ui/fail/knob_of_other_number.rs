#![allow(unused)]
use equilayer::prelude::*;

/// Brings tokens together.
#[regularizer(name = "near", at = tokens(3))]
fn near(z: Pair<Tokens>, #[knob(default = 0.5)] temperature: f64) -> Loss {
    Loss::default()
}

fn main() {}
