//! `equilayer` under another path, and names that a declaration must not take from its surroundings.
#![allow(dead_code, unused_qualifications)]
mod core {}
mod std {}
struct Vec;
struct Option;
struct Clone;

pub mod framework {
    pub use equilayer::*;
}

use self::framework::prelude::{Embedding, Grid, GridMap, Loss, Pair};

/// Nothing but its name.
#[crate::renamed_crate::framework::regularizer(name = "elsewhere", at = cls(3), crate = crate::renamed_crate::framework)]
fn elsewhere(z: Pair<Embedding>, #[knob(default = 1.0, above = 0.0)] scale: f32) -> Loss {
    Loss::from((z.student.tensor - z.source.tensor).square().mean_all() * scale)
}

/// Half turns.
#[crate::renamed_crate::framework::group_action(elements = 0..2, compose = |a, b| (a + b) % 2, inverse = |k| k, crate = crate::renamed_crate::framework)]
fn half(k: u8, from: Grid) -> GridMap {
    GridMap::turn(from, 2 * k)
}

#[test]
fn compiles() {}
