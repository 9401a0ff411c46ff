#![allow(unused)]
use equilayer::prelude::*;

/// Brings crops together.
#[regularizer(name = "near", at = cls)]
fn near(views: Views<Embedding>, places: Positions) -> Loss {
    Loss::default()
}

fn main() {}
