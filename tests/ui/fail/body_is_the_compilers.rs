#![allow(unused)]
use equilayer::prelude::*;

/// The one mistake is in the body, and the compiler tells of it there.
#[regularizer(name = "near", at = tokens(3))]
fn near(z: Pair<Tokens>) -> Loss {
    z.studnet
}

fn main() {}
