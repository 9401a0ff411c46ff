//! Motions of the picture within its frame. What they bring in from outside is masked.

use std::ops::RangeInclusive;

use equilayer_grammar::actions;

use crate::action::{Draw, Grid, GridMap, GroupAction, Interpolation, Sampling};

/// The mismatch that bilinear interpolation leaves for band-limited pictures.
const FLOOR: f64 = 0.05;

/// The picture turned counterclockwise about its centre by an angle in radians: `Rotate(-0.2..=0.2)`. Bilinear.
#[derive(Clone, Debug, PartialEq)]
pub struct Rotate(pub RangeInclusive<f64>);

impl GroupAction for Rotate {
    type Element = f64;

    fn name(&self) -> &str {
        "Rotate"
    }

    fn identity(&self) -> f64 {
        0.0
    }

    fn compose(&self, a: &f64, b: &f64) -> f64 {
        a + b
    }

    fn inverse(&self, angle: &f64) -> Option<f64> {
        Some(-angle)
    }

    fn sample(&self, draw: &mut Draw<'_>) -> f64 {
        draw.uniform(self.0.clone())
    }

    fn map(&self, angle: &f64, from: Grid) -> GridMap {
        GridMap::rotate(from, *angle)
    }

    fn sampling(&self) -> Sampling {
        Sampling::Interpolated { interpolation: Interpolation::Bilinear, floor: FLOOR }
    }

    fn parameters(&self) -> Vec<(&'static str, RangeInclusive<f64>)> {
        vec![("angle", self.0.clone())]
    }

    fn declaration(&self) -> String {
        format!("Rotate({:?})", self.0)
    }

    fn check(&self) -> Result<(), String> {
        actions::range("angle", &self.0, None)
    }
}

/// The picture moved by parts of its sides, down and right each drawn from one range: `Translate(-0.2..=0.2)`. Bilinear.
#[derive(Clone, Debug, PartialEq)]
pub struct Translate(pub RangeInclusive<f64>);

impl GroupAction for Translate {
    /// Down and right, in parts of the sides.
    type Element = [f64; 2];

    fn name(&self) -> &str {
        "Translate"
    }

    fn identity(&self) -> [f64; 2] {
        [0.0; 2]
    }

    fn compose(&self, a: &[f64; 2], b: &[f64; 2]) -> [f64; 2] {
        [a[0] + b[0], a[1] + b[1]]
    }

    fn inverse(&self, shift: &[f64; 2]) -> Option<[f64; 2]> {
        Some(shift.map(|part| -part))
    }

    fn sample(&self, draw: &mut Draw<'_>) -> [f64; 2] {
        let down = draw.uniform(self.0.clone());
        [down, draw.uniform(self.0.clone())]
    }

    fn map(&self, [down, right]: &[f64; 2], from: Grid) -> GridMap {
        GridMap::translate(from, down * from.rows as f64, right * from.columns as f64)
    }

    fn sampling(&self) -> Sampling {
        Sampling::Interpolated { interpolation: Interpolation::Bilinear, floor: FLOOR }
    }

    fn parameters(&self) -> Vec<(&'static str, RangeInclusive<f64>)> {
        vec![("shift", self.0.clone())]
    }

    fn declaration(&self) -> String {
        format!("Translate({:?})", self.0)
    }

    fn check(&self) -> Result<(), String> {
        actions::range("shift", &self.0, None)
    }
}

crate::group_action_operators!(Rotate);
crate::group_action_operators!(Translate);
