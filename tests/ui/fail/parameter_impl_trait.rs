#![allow(unused)]
use equilayer::prelude::*;

/// Brings tokens together.
#[regularizer(name = "near", at = tokens(3))]
fn near(z: Pair<Tokens>, f: impl Fn(f32) -> f32) -> Loss {
    Loss::default()
}

fn main() {}
