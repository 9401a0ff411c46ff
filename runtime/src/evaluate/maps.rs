//! Images in, token maps out: what an encoder is to the measurements here.

use super::compute::Compute;
use super::error::{EvaluateError, size};
use super::features::check_finite;
use crate::action::{Grid, SampledMap};

/// Images `[count, channels, rows, columns]` of one size.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageBatch {
    values: Vec<f32>,
    channels: usize,
    grid: Grid,
}

/// Token maps `[count, cells, width]`. One vector an image is a map of a single cell ([`TokenMaps::vectors`]).
#[derive(Clone, Debug, PartialEq)]
pub struct TokenMaps {
    values: Vec<f32>,
    grid: Grid,
    width: usize,
}

/// The grid of an output that has no place in the image.
const NOWHERE: Grid = Grid { rows: 1, columns: 1 };

impl ImageBatch {
    /// Images from their values, row-major.
    ///
    /// # Errors
    /// No values, a number of them that whole images do not have, or a value that is not finite.
    pub fn new(values: Vec<f32>, channels: usize, grid: Grid) -> Result<ImageBatch, EvaluateError> {
        check_shape("images", &values, &[channels, grid.rows, grid.columns])?;
        Ok(ImageBatch { values, channels, grid })
    }

    /// Number of images.
    pub fn count(&self) -> usize {
        self.values.len() / self.image_len()
    }

    /// Colour channels.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Height and width, pixels.
    pub fn grid(&self) -> Grid {
        self.grid
    }

    /// All values, `[count, channels, rows, columns]` row-major.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The images, one after the other, each `[channels, rows, columns]`.
    pub fn images(&self) -> std::slice::ChunksExact<'_, f32> {
        self.values.chunks_exact(self.image_len())
    }

    fn image_len(&self) -> usize {
        self.channels * self.grid.cells()
    }

    /// Other values in the same shape.
    pub(super) fn with_values(&self, values: Vec<f32>) -> ImageBatch {
        ImageBatch { values, ..*self }
    }

    /// The images moved; pixels from outside are 0.
    pub(super) fn moved(&self, compute: &mut Compute, map: &SampledMap) -> Result<ImageBatch, EvaluateError> {
        check_grid("images", map.from(), self.grid)?;
        Ok(ImageBatch { values: compute.act(map, &self.values, 1)?, channels: self.channels, grid: map.to() })
    }
}

impl TokenMaps {
    /// Token maps from their values `[count, cells, width]`, row-major.
    ///
    /// # Errors
    /// No values, a number of them that whole maps do not have, or a value that is not finite.
    pub fn new(values: Vec<f32>, grid: Grid, width: usize) -> Result<TokenMaps, EvaluateError> {
        check_shape("token maps", &values, &[grid.rows, grid.columns, width])?;
        Ok(TokenMaps { values, grid, width })
    }

    /// Feature vectors `[count, width]`, which stay what they are whatever moves the image.
    ///
    /// # Errors
    /// As for [`TokenMaps::new`].
    pub fn vectors(values: Vec<f32>, width: usize) -> Result<TokenMaps, EvaluateError> {
        TokenMaps::new(values, NOWHERE, width)
    }

    /// Number of maps.
    pub fn count(&self) -> usize {
        self.values.len() / self.map_len()
    }

    /// Rows and columns of tokens.
    pub fn grid(&self) -> Grid {
        self.grid
    }

    /// Width of a token.
    pub fn width(&self) -> usize {
        self.width
    }

    /// All values, `[count, cells, width]` row-major.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The maps, one after the other, each `[cells, width]`.
    pub(super) fn maps(&self) -> std::slice::ChunksExact<'_, f32> {
        self.values.chunks_exact(self.map_len())
    }

    fn map_len(&self) -> usize {
        self.grid.cells() * self.width
    }

    /// Whether the map is a vector without a place.
    pub(super) fn is_vector(&self) -> bool {
        self.grid == NOWHERE
    }

    /// The maps moved; tokens from outside are 0.
    pub(super) fn moved(&self, compute: &mut Compute, map: &SampledMap) -> Result<TokenMaps, EvaluateError> {
        check_grid("token maps", map.from(), self.grid)?;
        let values = compute.act(map, &self.values, self.width)?;
        Ok(TokenMaps { values, grid: map.to(), width: self.width })
    }
}

/// That values are finite and fill a whole number of samples of this shape.
fn check_shape(what: &'static str, values: &[f32], sample: &[usize]) -> Result<(), EvaluateError> {
    if values.is_empty() {
        return Err(EvaluateError::Empty { what });
    }
    let size = size(sample);
    if size == 0 || !values.len().is_multiple_of(size) {
        let count = values.len().checked_div(size).unwrap_or(0);
        let shape = [&[count], sample].concat();
        return Err(EvaluateError::Shape { what, values: values.len(), shape });
    }
    check_finite(what, values, size)
}

pub(super) fn check_grid(what: &'static str, expected: Grid, found: Grid) -> Result<(), EvaluateError> {
    match expected == found {
        true => Ok(()),
        false => Err(EvaluateError::Grids { what, expected, found }),
    }
}
