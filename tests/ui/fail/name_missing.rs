#![allow(unused)]
use equilayer::prelude::*;

/// Brings tokens together.
#[regularizer(at = tokens(3))]
fn near(z: Pair<Tokens>) -> Loss {
    Loss::default()
}

fn main() {}
