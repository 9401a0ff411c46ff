#![allow(unused)]
use equilayer::prelude::*;

/// Brings tokens together.
#[regularizer(name = "near", at = tokens(3))]
fn near(
    z: Pair<Tokens>,
    #[head(mlp(512), freeze_last = freze)] project: Head,
    #[knob(default = 1)] freeze: usize,
) -> Loss {
    Loss::default()
}

fn main() {}
