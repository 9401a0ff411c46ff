#![allow(unused)]
use equilayer::prelude::*;

/// Brings tokens together.
#[regularizer(name = "near", at = tokens)]
fn near(z: Teacher<Tokens>) -> Loss {
    Loss::default()
}

fn main() {}
