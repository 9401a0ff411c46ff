#![allow(unused)]
use equilayer::prelude::*;

/// Brings tokens together.
#[regularizer(name = "near", at = cls)]
fn near(z: Orbit<Embedding>) -> Loss {
    Loss::default()
}

fn main() {}
