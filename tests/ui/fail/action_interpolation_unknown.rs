#![allow(unused)]
use equilayer::prelude::*;

/// Quarter turns.
#[group_action(elements = 0..4, interpolation = bicupic, floor = 0.05, compose = |a, b| (a + b) % 4, inverse = |k| (4 - k) % 4)]
fn turn(k: u8, from: Grid) -> GridMap {
    GridMap::turn(from, 0)
}

fn main() {}
