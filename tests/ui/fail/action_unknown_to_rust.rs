#![allow(unused)]
use equilayer::prelude::*;

/// Brings tokens together.
#[regularizer(name = "near", at = tokens(3), action = Negatives::BothViews)]
fn near(z: Pair<Tokens>, rho: Relative) -> Loss {
    Loss::default()
}

fn main() {}
