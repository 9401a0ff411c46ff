#![allow(unused)]
use equilayer::prelude::*;

/// Two views agree.
#[objective(name = "agree")]
fn agree(z: Views<Tokens>) -> Loss {
    Loss::default()
}

fn main() {}
