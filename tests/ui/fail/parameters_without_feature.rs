#![allow(unused)]
use equilayer::prelude::*;

/// Brings tokens together.
#[regularizer(name = "near", at = tokens(3))]
fn near(#[knob(default = 1.0)] scale: f32) -> Loss {
    Loss::default()
}

fn main() {}
