//! Corruptions that mix neighbours, along one axis and then the other.

use crate::action::Grid;

/// A kernel is cut this many deviations from its middle, as scikit-image does.
const REACH: f64 = 4.0;

/// For each target of an axis, its sources with their weights.
type Mixture = Vec<Vec<(usize, f64)>>;

/// A normal kernel of this deviation, in pixels, borders repeated.
pub(super) fn blur(image: &[f32], grid: Grid, deviation: f64) -> Vec<f32> {
    if deviation <= 0.0 {
        return image.to_vec();
    }
    let reach = (REACH * deviation).round().max(1.0) as isize;
    let weight = |offset: isize| (-0.5 * (offset as f64 / deviation).powi(2)).exp();
    let total: f64 = (-reach..=reach).map(weight).sum();
    let axis = |length: usize| -> Mixture {
        let inside = |place: isize| place.clamp(0, length as isize - 1) as usize;
        let taps = |target: usize| {
            (-reach..=reach)
                .map(|offset| (inside(target as isize + offset), weight(offset) / total))
                .collect()
        };
        (0..length).map(taps).collect()
    };
    mix(image, grid, &axis(grid.rows), &axis(grid.columns))
}

/// Sides shrunk to `factor` of theirs, each new pixel the mean of the area it covers, and brought back, each pixel
/// that of the new one at its centre.
pub(super) fn pixelate(image: &[f32], grid: Grid, factor: f64) -> Vec<f32> {
    let axis = |length: usize| -> Mixture {
        let fewer = ((length as f64 * factor).round() as usize).clamp(1, length);
        let wide = length as f64 / fewer as f64;
        let area = |target: usize| {
            let block = ((target as f64 + 0.5) / wide) as usize;
            let (start, end) = (block as f64 * wide, (block + 1) as f64 * wide);
            let overlap = |source: usize| end.min(source as f64 + 1.0) - start.max(source as f64);
            let sources = start as usize..(end.ceil() as usize).min(length);
            sources
                .map(|source| (source, overlap(source) / wide))
                .filter(|&(_, weight)| weight > 0.0)
                .collect()
        };
        (0..length).map(area).collect()
    };
    mix(image, grid, &axis(grid.rows), &axis(grid.columns))
}

/// Every channel mixed along its columns' and then its rows' axis.
fn mix(image: &[f32], grid: Grid, rows: &Mixture, columns: &Mixture) -> Vec<f32> {
    let sum = |taps: &[(usize, f64)], value: &dyn Fn(usize) -> f64| -> f64 {
        taps.iter().map(|&(source, weight)| weight * value(source)).sum()
    };
    let mut mixed = Vec::with_capacity(image.len());
    for channel in image.chunks_exact(grid.cells()) {
        let along: Vec<f64> = channel
            .chunks_exact(grid.columns)
            .flat_map(|row| columns.iter().map(move |taps| sum(taps, &|source| f64::from(row[source]))))
            .collect();
        for taps in rows {
            for column in 0..grid.columns {
                mixed.push(sum(taps, &|source| along[source * grid.columns + column]).clamp(0.0, 1.0) as f32);
            }
        }
    }
    mixed
}
