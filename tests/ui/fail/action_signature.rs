#![allow(unused)]
use equilayer::prelude::*;

/// Quarter turns.
#[group_action(elements = 0..4, compose = |a, b| (a + b) % 4, inverse = |k| (4 - k) % 4)]
fn turn(k: u8) -> GridMap {
    GridMap::turn(from, 0)
}

fn main() {}
