#![allow(unused)]
use equilayer::prelude::*;

/// Two views agree.
#[objective(name = "agree")]
fn agree(z: Views<Embedding>, rho: Relative) -> Loss {
    Loss::default()
}

fn main() {}
