//! A finite and a continuous group, and a product with one that comes with the library.
use equilayer::action::laws::check_group_laws;
use equilayer::prelude::*;

/// Quarter turns. One coordinate map acts on pixels and on tokens alike.
#[group_action(elements = 0..4, compose = |a, b| (a + b) % 4, inverse = |k| (4 - k) % 4)]
pub fn quarter(k: u8, from: Grid) -> GridMap {
    GridMap::turn(from, k)
}

/// Small tilts, in radians.
#[group_action(
    sample = |draw| draw.uniform(-0.1..=0.1),
    compose = |a, b| a + b,
    inverse = |angle| -angle,
    interpolation = bilinear,
    floor = 0.05,
)]
pub fn tilt(angle: f64, from: Grid) -> GridMap {
    GridMap::rotate(from, angle)
}

#[test]
fn keep_the_laws_and_multiply() {
    check_group_laws(&Quarter).unwrap();
    check_group_laws(&Tilt).unwrap();
    let action = Action::from(Quarter.per_batch() * HFlip * Tilt);
    assert_eq!(action.to_string(), "Quarter.per_batch() * HFlip.per_sample() * Tilt.per_sample()");
}
