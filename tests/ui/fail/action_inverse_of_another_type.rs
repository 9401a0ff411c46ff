#![allow(unused)]
use equilayer::prelude::*;

/// Quarter turns.
#[group_action(elements = 0..4, compose = |a, b| (a + b) % 4, inverse = |k| -(k as i8))]
fn turn(k: u8, from: Grid) -> GridMap {
    GridMap::turn(from, 0)
}

fn main() {}
