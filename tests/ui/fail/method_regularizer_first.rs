#![allow(unused)]
use equilayer::prelude::*;

/// Two views agree.
#[objective(name = "agree")]
fn agree(z: Views<Embedding>, #[knob(default = 0.2)] temperature: f32) -> Loss {
    Loss::default()
}

/// Brings tokens together.
#[regularizer(name = "near", at = tokens(3))]
fn near(z: Pair<Tokens>) -> Loss {
    Loss::default()
}

fn main() {
    let method = method! { Near + Near };
    println!("{method}");
}
