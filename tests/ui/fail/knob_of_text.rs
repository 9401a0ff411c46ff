#![allow(unused)]
use equilayer::prelude::*;

/// Brings tokens together.
#[regularizer(name = "near", at = tokens(3))]
fn near(z: Pair<Tokens>, #[knob(default = String::new())] mode: String) -> Loss {
    Loss::default()
}

fn main() {}
