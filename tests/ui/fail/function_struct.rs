#![allow(unused)]
use equilayer::prelude::*;

/// Brings tokens together.
#[regularizer(name = "near", at = tokens(3))]
pub struct Near;

fn main() {
    let _ = Near;
}
