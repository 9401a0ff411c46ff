//! Token maps as pictures: their first three principal components as red, green and blue.

use nalgebra::{DMatrix, SymmetricEigen};

use super::AssessError;
use super::assessment::{Assessment, Subject};
use super::bench::{Bench, Encoding};
use super::extract::Read;
use crate::action::{Grid, GridMap, Interpolation};
use crate::evaluate::{EvaluateError, ImageBatch};
use crate::report::{Picture, TokenMaps};

/// Images shown, of each map.
const IMAGES: usize = 2;

/// Components shown.
const COLOURS: usize = 3;

/// A component with less than this share of the variance is rounding, and not shown.
const NOISE: f64 = 1e-10;

impl Bench {
    /// f(g·x) beside ρ_g f(x) for a quarter turn: at the tap and the last layer of the trained encoder, at the tap of the
    /// untrained one.
    pub(super) fn picture_token_maps(
        &self,
        assessment: &mut Assessment,
        subjects: &mut [(Subject, Encoding<'_>)],
        images: &ImageBatch,
    ) -> Result<(), AssessError> {
        let grid = images.grid();
        if grid.rows != grid.columns {
            return Ok(());
        }
        let last = self.encoder.layers();
        let tap = self.tap.unwrap_or(last.div_ceil(2));
        for (subject, layer) in [(Subject::Trained, tap), (Subject::Trained, last), (Subject::Untrained, tap)]
        {
            let Some((_, encoding)) = subjects.iter_mut().find(|(other, _)| *other == subject) else {
                continue;
            };
            for (number, image) in images.images().take(IMAGES).enumerate() {
                let image = ImageBatch::new(image.to_vec(), images.channels(), grid)?;
                let name = format!("{}, layer {layer}, image {}", subject.name(), number + 1);
                assessment.token_maps.extend(self.picture(encoding, &image, layer, name)?);
            }
        }
        Ok(())
    }

    fn picture(
        &self,
        encoding: &mut Encoding<'_>,
        image: &ImageBatch,
        layer: usize,
        name: String,
    ) -> Result<Option<TokenMaps>, AssessError> {
        let pixels = image.grid();
        let grid = self.encoder.grid(layer, [pixels.rows, pixels.columns]);
        let turn = GridMap::turn(grid, 1);
        let on_pixels = turn.refined(pixels.rows / grid.rows.max(1)).sample(Interpolation::Bicubic);
        let on_tokens = turn.sample(Interpolation::Bicubic).map_err(EvaluateError::from)?;
        let mut turned = vec![0.0; image.values().len()];
        let applied = on_pixels
            .map_err(EvaluateError::from)?
            .apply(image.values(), image.channels(), &mut turned)
            .is_ok();
        let turned = ImageBatch::new(turned, image.channels(), pixels)?;
        let extractor = self.extractor(&[Read::Tokens(layer)])?;
        let width = self.encoder.width(layer);
        // Channels first, as maps act.
        let planes = |tokens: Vec<f32>| DMatrix::from_row_slice(grid.cells(), width, &tokens);
        let still = planes(encoding.features(&extractor, image)?);
        let of_moved = planes(encoding.features(&extractor, &turned)?);
        let mut moved = vec![0.0; still.len()];
        // A matrix's columns lie one after the other: those are the planes.
        let applied = applied && on_tokens.apply(still.as_slice(), width, &mut moved).is_ok();
        let moved = DMatrix::from_column_slice(grid.cells(), width, &moved);
        let [of_moved, moved] = coloured([&of_moved, &moved]);
        let pictures = (|| {
            Some(TokenMaps {
                caption: format!("{name}, quarter turn"),
                image: shown(image)?,
                of_moved: picture(grid, of_moved)?,
                moved: picture(grid, moved)?,
            })
        })();
        Ok(pictures.filter(|_| applied))
    }
}

fn picture(grid: Grid, rgb: Vec<u8>) -> Option<Picture> {
    Picture::new(grid.columns as u32, grid.rows as u32, rgb).ok()
}

/// The image itself, in [0, 1].
fn shown(image: &ImageBatch) -> Option<Picture> {
    let (grid, channels) = (image.grid(), image.channels());
    let byte = |value: f32| (255.0 * value).round().clamp(0.0, 255.0) as u8;
    let at = |cell: usize, channel: usize| byte(image.values()[channel * grid.cells() + cell]);
    let pixel = |cell| [0, 1, 2].map(|colour| at(cell, if channels == 3 { colour } else { 0 }));
    picture(grid, (0..grid.cells()).flat_map(pixel).collect())
}

/// Two maps `[tokens, width]` in their common principal components, each component scaled to a byte by its range over
/// both: `[tokens, 3]`.
fn coloured(maps: [&DMatrix<f32>; 2]) -> [Vec<u8>; 2] {
    let (tokens, width) = maps[0].shape();
    let mut both = DMatrix::from_fn(2 * tokens, width, |row, column| {
        f64::from(maps[row / tokens][(row % tokens, column)])
    });
    for mut column in both.column_iter_mut() {
        let mean = column.mean();
        column.add_scalar_mut(-mean);
    }
    // Of the smaller Gram matrix: there are fewer tokens than channels.
    let eigen = SymmetricEigen::new(&both * both.transpose());
    let mut order: Vec<usize> = (0..2 * tokens).collect();
    order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
    let total: f64 = eigen.eigenvalues.iter().map(|value| value.abs()).sum();
    let component = |&index: &usize| match eigen.eigenvalues[index] > NOISE * total {
        true => bytes(eigen.eigenvectors.column(index).iter()),
        false => vec![0; 2 * tokens],
    };
    let scores: Vec<Vec<u8>> = order.iter().take(COLOURS).map(component).collect();
    let colours = |token: usize| (0..COLOURS).map(|colour| scores[colour][token]).collect::<Vec<_>>();
    [0, tokens].map(|first| (first..first + tokens).flat_map(colours).collect())
}

/// Values scaled from their range to 0 to 255; the sign, which an eigenvector leaves open, so that the largest value is
/// positive.
fn bytes<'a>(values: impl Iterator<Item = &'a f64> + Clone) -> Vec<u8> {
    let (low, high) = values.clone().fold((f64::MAX, f64::MIN), |(low, high), &v| (low.min(v), high.max(v)));
    let (low, high, sign) = if -low > high { (-high, -low, -1.0) } else { (low, high, 1.0) };
    let range = if high > low { high - low } else { 1.0 };
    values.map(|value| (255.0 * (sign * value - low) / range).round() as u8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_map_twice_has_the_same_colours() {
        let map = DMatrix::from_fn(9, 5, |token, channel| ((7 * token + 3 * channel) % 11) as f32);
        let [first, second] = coloured([&map, &map]);
        assert_eq!(first, second);
        assert_eq!(first.len(), 27);
        assert!(first.contains(&0) && first.contains(&255));
    }

    #[test]
    fn a_constant_map_is_one_colour() {
        let map = DMatrix::from_element(4, 3, 2.5);
        assert_eq!(coloured([&map, &map]), [vec![0; 12], vec![0; 12]]);
    }
}
