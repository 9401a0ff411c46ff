//! Agreement of pixels and tokens: ρ_g(f(x)) against f(g·x), for an encoder f that means over patches.

use std::f64::consts::TAU;

use super::{LawViolation, Laws, apart, apply, place, point, text};
use crate::action::{Grid, GridMap, GroupAction, SampledMap};

/// Pixels along a patch. A power of two: the means of whole numbers are exact.
const PATCH: usize = 4;

/// How many images are tried.
const IMAGES: usize = 3;

/// Waves of which a band-limited image is made: cycles down and across the picture, at most one along each axis.
const WAVES: [[f64; 2]; 4] = [[1.0, 0.0], [0.0, 1.0], [0.5, -1.0], [1.0, 0.5]];

impl<A: GroupAction> Laws<'_, A> {
    pub(super) fn agreement(&self, element: &A::Element, grid: Grid) -> Result<(), LawViolation> {
        let tokens = self.action.map(element, grid);
        let pixels = self.action.map(element, grid.refined(PATCH));
        if let Some(detail) = self.other_coordinates(&tokens, &pixels) {
            let (action, element) = (self.name(), text(element));
            return Err(LawViolation::PixelsAndTokens { action, element, detail });
        }
        // An action that rounds sides rounds those of images otherwise; images get those of their tokens.
        let pixels = pixels.onto(tokens.to().refined(PATCH)).sample(self.interpolation)?;
        let tokens = tokens.sample(self.interpolation)?;
        for image in 0..IMAGES {
            match self.floor {
                None => {
                    self.agrees_exactly(element, &tokens, &pixels, &whole_numbers(pixels.from(), image))?
                }
                Some(floor) => {
                    let mismatch = mismatch(&tokens, &pixels, &waves(pixels.from(), image))?;
                    // A mismatch that is not a number is not below the floor either.
                    if mismatch > floor || mismatch.is_nan() {
                        let (action, element) = (self.name(), text(element));
                        return Err(LawViolation::AboveFloor { action, element, grid, mismatch, floor });
                    }
                }
            }
        }
        Ok(())
    }

    /// Where the pixels of a token's centre come from another place than the token.
    fn other_coordinates(&self, tokens: &GridMap, pixels: &GridMap) -> Option<String> {
        let (to, fine) = (tokens.to(), tokens.to().refined(PATCH));
        if self.floor.is_none() && pixels.to() != fine {
            return Some(format!("{PATCH} pixels a token, it makes {to} tokens but {} pixels", pixels.to()));
        }
        (0..to.cells()).find_map(|cell| {
            let target = to.centre(cell);
            let (token, pixel) = (tokens.source(target), pixels.source(target));
            let same = match (token, pixel) {
                (Some(token), Some(pixel)) => apart(token, pixel) <= super::COORDINATES,
                (token, pixel) => token == pixel,
            };
            let [row, column] = place(to, cell);
            (!same).then(|| {
                let grid = tokens.from();
                let (token, pixel) = (point(token), point(pixel));
                format!(
                    "on a grid of {grid}, token ({row}, {column}) comes from {token}, the pixels there from {pixel}"
                )
            })
        })
    }

    fn agrees_exactly(
        &self,
        element: &A::Element,
        tokens: &SampledMap,
        pixels: &SampledMap,
        image: &[f32],
    ) -> Result<(), LawViolation> {
        let acted = apply(tokens, &pooled(image, tokens.from()))?;
        let encoded = pooled(&apply(pixels, image)?, tokens.to());
        let cell = (0..acted.len()).find(|&cell| acted[cell].to_bits() != encoded[cell].to_bits());
        cell.map_or(Ok(()), |cell| {
            let [row, column] = place(tokens.to(), cell);
            let (grid, token, pixel) = (tokens.from(), acted[cell], encoded[cell]);
            let detail = format!(
                "on a grid of {grid}, token ({row}, {column}) is {token}, and {pixel} from moved pixels"
            );
            Err(LawViolation::PixelsAndTokens { action: self.name(), element: text(element), detail })
        })
    }
}

/// The distance of ρ_g(f(x)) from f(g·x), over the latter's distance from its mean; over tokens that are valid with all
/// their pixels.
fn mismatch(tokens: &SampledMap, pixels: &SampledMap, image: &[f32]) -> Result<f64, LawViolation> {
    let acted = apply(tokens, &pooled(image, tokens.from()))?;
    let encoded = pooled(&apply(pixels, image)?, tokens.to());
    let known: Vec<f32> = pixels.valid().iter().map(|&valid| f32::from(valid)).collect();
    let known = pooled(&known, tokens.to());
    let valid: Vec<usize> =
        (0..acted.len()).filter(|&cell| tokens.valid()[cell] && known[cell] == 1.0).collect();
    let mean = valid.iter().map(|&cell| f64::from(encoded[cell])).sum::<f64>() / valid.len() as f64;
    let squares =
        |difference: &dyn Fn(usize) -> f64| valid.iter().map(|&cell| difference(cell).powi(2)).sum::<f64>();
    let missed = squares(&|cell| f64::from(acted[cell]) - f64::from(encoded[cell]));
    let spread = squares(&|cell| f64::from(encoded[cell]) - mean);
    // With nothing to compare there is no mismatch: that something is valid is a law of its own.
    Ok(if missed == 0.0 { 0.0 } else { (missed / spread).sqrt() })
}

/// Means over the patches behind each token.
fn pooled(image: &[f32], tokens: Grid) -> Vec<f32> {
    let pixels = tokens.refined(PATCH);
    let mean = |cell: usize| {
        let [row, column] = place(tokens, cell).map(|place| place * PATCH);
        let line = |row: usize| &image[row * pixels.columns + column..][..PATCH];
        (row..row + PATCH).flat_map(line).sum::<f32>() / (PATCH * PATCH) as f32
    };
    (0..tokens.cells()).map(mean).collect()
}

/// Whole numbers below 64 without symmetry.
fn whole_numbers(grid: Grid, image: usize) -> Vec<f32> {
    (0..grid.cells()).map(|pixel| ((pixel * (11 + 2 * image) + pixel * pixel / 7) % 64) as f32).collect()
}

fn waves(grid: Grid, image: usize) -> Vec<f32> {
    let value = |pixel: usize| {
        let [row, column] = grid.centre(pixel);
        let wave = |(index, [down, across]): (usize, [f64; 2])| {
            let phase = (image * WAVES.len() + index) as f64;
            (0.5 * TAU * (down * row + across * column) + phase).cos()
        };
        WAVES.into_iter().enumerate().map(wave).sum::<f64>() as f32
    };
    (0..grid.cells()).map(value).collect()
}
