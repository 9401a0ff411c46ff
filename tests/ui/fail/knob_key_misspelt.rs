#![allow(unused)]
use equilayer::prelude::*;

/// Brings tokens together.
#[regularizer(name = "near", at = tokens(3))]
fn near(z: Pair<Tokens>, #[knob(defualt = 0.4)] temperature: f32) -> Loss {
    Loss::default()
}

fn main() {}
