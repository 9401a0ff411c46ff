#![allow(unused)]
use equilayer::prelude::*;

/// Brings tokens together.
#[regularizer(name = "near", at = tokens(3))]
fn near(z: Pair<Tokens>, when: std::time::Duration) -> Loss {
    Loss::default()
}

fn main() {}
