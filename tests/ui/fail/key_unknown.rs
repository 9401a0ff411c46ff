#![allow(unused)]
use equilayer::prelude::*;

/// Brings tokens together.
#[regularizer(name = "near", at = tokens(3), weigth = 0.5)]
fn near(z: Pair<Tokens>) -> Loss {
    Loss::default()
}

fn main() {}
