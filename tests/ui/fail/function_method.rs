#![allow(unused)]
use equilayer::prelude::*;

struct Plugins;

impl Plugins {
    /// Brings tokens together.
    #[regularizer(name = "near", at = tokens(3))]
    fn near(&self, z: Pair<Tokens>) -> Loss {
        Loss::default()
    }
}

fn main() {}
