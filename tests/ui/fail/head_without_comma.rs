#![allow(unused)]
use equilayer::prelude::*;

/// Brings tokens together.
#[regularizer(name = "near", at = tokens(3))]
fn near(z: Pair<Tokens>, #[head(mlp(512 gelu, 512))] project: Head) -> Loss {
    Loss::default()
}

fn main() {}
