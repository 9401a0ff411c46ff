#![allow(unused)]
use equilayer::prelude::*;

/// Brings tokens together.
#[regularizer(name = "near", at = tokens(3))]
fn near(z: Pair<Tokens>, #[state(width)] center: State) -> Loss {
    Loss::default()
}

fn main() {}
