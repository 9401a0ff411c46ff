#![allow(unused)]
use equilayer::prelude::*;

/// Brings tokens together.
#[regularizer(name = "near")]
fn near(z: Pair<Embedding>) -> Loss {
    Loss::default()
}

fn main() {}
