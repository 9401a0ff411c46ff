#![allow(unused)]
use equilayer::prelude::*;

#[derive(Clone, Debug, PartialEq)]
struct Colour;

/// Brings tokens together.
#[regularizer(name = "near", at = tokens(3))]
fn near(z: Pair<Tokens>, #[knob(default = Colour)] colour: Colour) -> Loss {
    Loss::default()
}

fn main() {}
