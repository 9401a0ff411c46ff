#![allow(unused)]
use equilayer::prelude::*;

/// Brings tokens together.
#[regularizer(name = "near", at = cls, action = Rot90)]
fn near(z: Pair<Embedding>, turns: Labels) -> Loss {
    Loss::default()
}

fn main() {}
