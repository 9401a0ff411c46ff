//! Expansions bring no warnings of their own, whatever the user denies.
#![deny(warnings, missing_docs, unused_qualifications, unreachable_pub, clippy::all, clippy::pedantic)]
//! Documented.
use equilayer::prelude::*;

/// Two views agree.
#[objective(name = "quiet")]
fn quiet(
    z: Views<Embedding>,
    #[head(mlp(hidden, gelu, 128))] project: Head,
    #[knob(default = 512)] hidden: usize,
    #[knob(default = 1.0)] scale: f32,
) -> Loss {
    let z = z.map(|z| project.forward(z.clone()).tensor);
    Loss::from((&z.all[0] - &z.all[1]).square().mean_all() * scale)
}

/// Tokens agree.
#[regularizer(name = "dense", at = tokens(3))]
fn dense(z: Pair<Tokens>) -> Loss {
    Loss::from((z.student.tensor - z.source.tensor).square().mean_all())
}

/// Quarter turns.
#[group_action(elements = 0..4, compose = |a, b| (a + b) % 4, inverse = |k| (4 - k) % 4)]
fn quarter(k: u8, from: Grid) -> GridMap {
    GridMap::turn(from, k)
}

#[test]
fn bring_no_warnings() {
    let _ = method! { Quiet { hidden: 64, scale: 0.5 } + 0.5 * Dense at tokens(6) };
    let _ = Quarter;
}
