#![allow(unused)]
use equilayer::prelude::*;

/// Brings tokens together.
#[regularizer(name = "near", at = tokens(3))]
fn near(z: Pair<Tokens>, #[knob(default = "0.04 -> 0.07 over 30 epoks")] temperature: Scheduled) -> Loss {
    Loss::default()
}

fn main() {}
