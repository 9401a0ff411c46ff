#![allow(unused)]
use equilayer::prelude::*;

/// Two views agree.
#[objective(name = "agree")]
fn agree(z: Views<Embedding>, t: Teacher<Views<Embedding>>) -> Loss {
    Loss::default()
}

fn main() {}
