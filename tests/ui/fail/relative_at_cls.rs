#![allow(unused)]
use equilayer::prelude::*;

/// Brings tokens together.
#[regularizer(name = "near", at = cls(3), action = Rot90)]
fn near(z: Pair<Embedding>, rho: Relative) -> Loss {
    Loss::default()
}

fn main() {}
