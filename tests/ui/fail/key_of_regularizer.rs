#![allow(unused)]
use equilayer::prelude::*;

/// Two views agree.
#[objective(name = "agree", batch = 0.5)]
fn agree(z: Views<Embedding>) -> Loss {
    Loss::default()
}

fn main() {}
