//! The ideal encoder, whose only error is interpolation.

use crate::action::Grid;
use crate::evaluate::error::EvaluateError;
use crate::evaluate::maps::{ImageBatch, TokenMaps};

/// An encoder whose tokens are the mean colours of patches of `patch` × `patch` pixels: it knows no direction and no
/// place, so what it lacks in equivariance, sampling took.
///
/// Each channel stands beside its complement, (m, 1 − m), so that a grey patch too has a direction that shows its
/// brightness; images are in [0, 1].
pub fn patch_pooling(patch: usize) -> impl Fn(&ImageBatch) -> Result<Vec<TokenMaps>, EvaluateError> {
    move |images| {
        let pixels = images.grid();
        if patch == 0 || !pixels.rows.is_multiple_of(patch) || !pixels.columns.is_multiple_of(patch) {
            let range = "a divisor of the images' height and width";
            return Err(EvaluateError::Setting { setting: "patch", value: patch.to_string(), range });
        }
        let grid = Grid::new(pixels.rows / patch, pixels.columns / patch);
        let channels = images.channels();
        let area = (patch * patch) as f64;
        let mut values = Vec::with_capacity(images.count() * grid.cells() * 2 * channels);
        for image in images.images() {
            for cell in 0..grid.cells() {
                let (top, left) = (cell / grid.columns * patch, cell % grid.columns * patch);
                for channel in image.chunks_exact(pixels.cells()) {
                    let rows = (top..top + patch).map(|row| &channel[row * pixels.columns + left..][..patch]);
                    let mean = rows.flatten().map(|&value| f64::from(value)).sum::<f64>() / area;
                    values.extend([mean as f32, (1.0 - mean) as f32]);
                }
            }
        }
        Ok(vec![TokenMaps::new(values, grid, 2 * channels)?])
    }
}
