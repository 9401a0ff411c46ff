#![allow(unused)]
use equilayer::prelude::*;

/// Brings tokens together.
#[regularizer(name = "near", at = tokens(3))]
extern "C" fn near(z: Pair<Tokens>) -> Loss {
    Loss::default()
}

fn main() {}
