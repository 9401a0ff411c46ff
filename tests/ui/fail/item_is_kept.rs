#![allow(unused)]
use equilayer::prelude::*;

/// Two views agree.
#[objective(name = "agree")]
fn agree(z: Views<Embedding>) -> Loss {
    Loss::default()
}

/// Brings tokens together. The one mistake of this file is its batch.
#[regularizer(name = "near", at = tokens(3), batch = 0)]
fn near(z: Pair<Tokens>, #[head(mlp(64))] project: Head, #[knob(default = 0.5)] scale: f32) -> Loss {
    Loss::from(project.forward(z.student).tensor.mean_all() * scale)
}

/// Quarter turns. The one mistake is the unknown key.
#[group_action(elements = 0..4, compose = |a, b| (a + b) % 4, inverse = |k| (4 - k) % 4, flor = 0.1)]
fn quarter(k: u8, from: Grid) -> GridMap {
    GridMap::turn(from, k)
}

/// Uses what both declare: no error here.
fn uses(z: Pair<Tokens>, project: Head) -> (Loss, Method, Near, Action) {
    let placed = Near { scale: 0.1, ..Default::default() };
    let method = method! { Agree + 0.5 * Near { scale: 0.2 } at tokens(6) };
    (near(z, project, placed.scale), method, placed, Action::from(Quarter.per_batch() * HFlip))
}

fn main() {}
