#![allow(unused)]
use equilayer::prelude::*;

/// Brings tokens together.
#[regularizer(name = "near", at = tokens(3), teacher = Ema::after_step(Schedule::constant(0.99)))]
fn near(z: Pair<Tokens>) -> Loss {
    Loss::default()
}

fn main() {}
