#![allow(unused)]
use equilayer::prelude::*;

/// Brings tokens together.
#[regularizer(name = "near", at = tokens(3))]
fn near(z: Pair<Tokens>, #[knob(default = "both_views")] negatives: Negatives) -> Loss {
    Loss::default()
}

fn main() {}
