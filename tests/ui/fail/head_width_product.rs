#![allow(unused)]
use equilayer::prelude::*;

/// Brings tokens together.
#[regularizer(name = "near", at = tokens(3))]
fn near(z: Pair<Tokens>, #[head(mlp(2 * 256, gelu, hidden * hiden))] project: Head, #[knob(default = 512)] hidden: usize) -> Loss {
    Loss::default()
}

fn main() {}
