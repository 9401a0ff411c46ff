#![allow(unused)]
use equilayer::prelude::*;

/// Brings tokens together.
#[regularizer(name = "near", at = tokens(3))]
fn near(z: Pair<Tokens>, #[state([], init = 0.0)] center: State) -> Loss {
    Loss::default()
}

fn main() {}
