//! Corruptions that move the picture.

use super::Corruption;
use crate::action::{Grid, GridMap, Interpolation};
use crate::evaluate::compute::Compute;
use crate::evaluate::error::EvaluateError;
use crate::evaluate::maps::ImageBatch;

/// Directions in which a picture can be moved, 45° apart. Turning and scaling have two, by their parity.
const DIRECTIONS: u8 = 8;

/// Each image moved in its direction, 0 to 7. Images of one direction are moved together: a map is sampled once.
pub(super) fn moved(
    compute: &mut Compute,
    images: &ImageBatch,
    corruption: Corruption,
    strength: f64,
    direction: impl Fn(usize) -> u8,
) -> Result<ImageBatch, EvaluateError> {
    let size = images.values().len() / images.count();
    let mut values = vec![0.0; images.values().len()];
    for heading in 0..DIRECTIONS {
        let members: Vec<usize> = (0..images.count()).filter(|&image| direction(image) == heading).collect();
        if members.is_empty() {
            continue;
        }
        let gathered = members.iter().flat_map(|&image| &images.values()[image * size..][..size]).copied();
        let map = map(corruption, images.grid(), strength, heading).sample(Interpolation::Bilinear)?;
        let together = images.with_values(gathered.collect()).moved(compute, &map)?;
        for (&image, moved) in members.iter().zip(together.images()) {
            values[image * size..][..size].copy_from_slice(moved);
        }
    }
    Ok(images.with_values(values))
}

fn map(corruption: Corruption, grid: Grid, strength: f64, heading: u8) -> GridMap {
    let side = if heading.is_multiple_of(2) { 1.0 } else { -1.0 };
    match corruption {
        Corruption::Translation => {
            let (down, right) = (f64::from(heading) * std::f64::consts::FRAC_PI_4).sin_cos();
            let (rows, columns) = (grid.rows as f64, grid.columns as f64);
            GridMap::translate(grid, strength * down * rows, strength * right * columns)
        }
        Corruption::Scale => GridMap::zoom(grid, strength.powf(side)),
        _ => GridMap::rotate(grid, side * strength.to_radians()),
    }
}
