//! `equilayer` under another path, and names that a declaration must not take from its surroundings.
#![allow(dead_code, non_camel_case_types)]
mod core {}
mod std {}
struct Vec;
struct Option;
struct Clone;

pub mod framework {
    pub use equilayer::*;
}

use framework::prelude::{Embedding, Grid, GridMap, Loss, Pair};

/// Nothing but its name.
#[framework::regularizer(name = "elsewhere", at = cls(3), crate = crate::framework)]
fn elsewhere(z: Pair<Embedding>, #[knob(default = 1.0, above = 0.0)] scale: f32) -> Loss {
    Loss((z.student.tensor - z.source.tensor).square().mean_all() * scale)
}

/// Nothing moves.
#[framework::group_action(elements = [0], compose = |_, _| 0, inverse = |k| k, crate = crate::framework)]
fn nothing(_k: u8, from: Grid) -> GridMap {
    GridMap::turn(from, 0)
}

fn main() {}
