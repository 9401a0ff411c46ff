//! Grid maps as sparse matrices.

use equilayer_engine::Tensor;
use equilayer_engine::{Taps, TapsError};

use super::grid_map::{Grid, GridMap, ON_CENTRE};

/// How values between cells are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interpolation {
    /// Two neighbours along each axis.
    Bilinear,
    /// Four neighbours along each axis, as PyTorch: a = −0.75, no antialiasing, borders repeated.
    Bicubic,
}

/// PyTorch's parameter of the cubic kernel.
const A: f64 = -0.75;

impl Interpolation {
    /// How many neighbours a cell has at most.
    pub fn taps(self) -> usize {
        match self {
            Interpolation::Bilinear => 4,
            Interpolation::Bicubic => 16,
        }
    }

    /// The weight of a neighbour at a distance from the position, in cells.
    pub(crate) fn kernel(self, distance: f64) -> f64 {
        let t = distance.abs();
        match self {
            Interpolation::Bilinear => (1.0 - t).max(0.0),
            Interpolation::Bicubic if t <= 1.0 => ((A + 2.0) * t - (A + 3.0)) * t * t + 1.0,
            Interpolation::Bicubic if t < 2.0 => ((A * t - 5.0 * A) * t + 8.0 * A) * t - 4.0 * A,
            Interpolation::Bicubic => 0.0,
        }
    }

    /// The neighbours of a position along an axis of `length` cells, with their weights, which sum to 1. Neighbours
    /// outside stand for the border's cell.
    pub(super) fn weights(self, position: f64, length: usize) -> impl Iterator<Item = (usize, f64)> + Clone {
        let nearest = position.round();
        let position = if (position - nearest).abs() < ON_CENTRE { nearest } else { position };
        let (first, t) = (position.floor(), position - position.floor());
        let neighbours = match self {
            // On a centre the neighbours' weights are zero but for rounding.
            _ if t == 0.0 => 0..1,
            Interpolation::Bilinear => 0..2,
            Interpolation::Bicubic => -1..3,
        };
        let inside = move |cell: f64| cell.clamp(0.0, length as f64 - 1.0) as usize;
        neighbours
            .map(move |cell| (first + f64::from(cell), self.kernel(t - f64::from(cell))))
            .filter(|&(_, weight)| weight != 0.0)
            .map(move |(cell, weight)| (inside(cell), weight))
    }
}

/// A grid map made a sparse matrix: a row for each cell of the target, a column for each cell of the source.
#[derive(Clone, Debug, PartialEq)]
pub struct SampledMap {
    from: Grid,
    to: Grid,
    taps: Taps,
    valid: Vec<bool>,
}

impl GridMap {
    /// The sparse matrix of the map. Cells that come from outside the source have an empty row and are not valid.
    ///
    /// # Errors
    /// A source of 2²⁴ cells or more, which `f32` indices do not reach.
    pub fn sample(&self, interpolation: Interpolation) -> Result<SampledMap, TapsError> {
        let (from, to) = (self.from(), self.to());
        let (entries, valid) = self.entries(interpolation);
        Ok(SampledMap { from, to, taps: Taps::new(to.cells(), from.cells(), &entries)?, valid })
    }

    /// [`GridMap::sample`] with a given number of taps a row, so that maps fed step by step keep one shape.
    ///
    /// # Errors
    /// A source of 2²⁴ cells or more; a row that needs more taps.
    pub fn sample_with_taps(
        &self,
        interpolation: Interpolation,
        taps: usize,
    ) -> Result<SampledMap, TapsError> {
        let (from, to) = (self.from(), self.to());
        let (entries, valid) = self.entries(interpolation);
        Ok(SampledMap { from, to, taps: Taps::with_taps(to.cells(), from.cells(), taps, &entries)?, valid })
    }

    /// Entries (row, column, weight) of the matrix, and whether each row is valid.
    fn entries(&self, interpolation: Interpolation) -> (Vec<(usize, usize, f32)>, Vec<bool>) {
        let (from, to) = (self.from(), self.to());
        let mut entries = Vec::with_capacity(to.cells());
        let valid = (0..to.cells()).map(|cell| {
            let source = self.source(to.centre(cell)).and_then(|source| from.position(source));
            let Some((row, column)) = source else { return false };
            let columns = interpolation.weights(column, from.columns);
            for (source_row, row_weight) in interpolation.weights(row, from.rows) {
                for (source_column, column_weight) in columns.clone() {
                    let source_cell = source_row * from.columns + source_column;
                    entries.push((cell, source_cell, (row_weight * column_weight) as f32));
                }
            }
            true
        });
        let valid = valid.collect();
        (entries, valid)
    }
}

impl SampledMap {
    /// The grid it reads.
    pub fn from(&self) -> Grid {
        self.from
    }

    /// The grid it makes.
    pub fn to(&self) -> Grid {
        self.to
    }

    /// The matrix.
    pub fn taps(&self) -> &Taps {
        &self.taps
    }

    /// Whether each target cell comes from inside the source.
    pub fn valid(&self) -> &[bool] {
        &self.valid
    }

    /// Tokens `[batch, cells of the source, width]` to `[batch, cells of the target, width]`.
    #[track_caller]
    pub fn act_on_tokens(&self, tokens: &Tensor) -> Tensor {
        tokens.map_axis(1, &self.taps)
    }

    /// Images `[batch, channels, rows, columns]` of the source grid to images of the target grid.
    #[track_caller]
    pub fn act_on_images(&self, images: &Tensor) -> Tensor {
        let [batch, channels] = [0, 1].map(|axis| images.dim(axis));
        let flat = images.reshape([batch, channels, self.from.cells()]).map_axis(2, &self.taps);
        flat.reshape([batch, channels, self.to.rows, self.to.columns])
    }

    /// The map on plain numbers, `channels` planes of the source grid one after the other: what a data loader does to
    /// an image. Cells that are not valid become 0.
    ///
    /// # Errors
    /// A slice of another length than its planes have.
    pub fn apply(&self, source: &[f32], channels: usize, out: &mut [f32]) -> Result<(), PlanesError> {
        for (slice, found, grid) in [("source", source.len(), self.from), ("result", out.len(), self.to)] {
            if found != channels * grid.cells() {
                return Err(PlanesError { slice, found, channels, grid });
            }
        }
        let taps = self.taps.taps();
        for channel in 0..channels {
            let plane = &source[channel * self.from.cells()..];
            let target = &mut out[channel * self.to.cells()..][..self.to.cells()];
            for (cell, value) in target.iter_mut().enumerate() {
                let row = cell * taps..(cell + 1) * taps;
                let terms = self.taps.indices()[row.clone()].iter().zip(&self.taps.weights()[row]);
                *value = terms.map(|(&index, &weight)| weight * plane[index as usize]).sum();
            }
        }
        Ok(())
    }
}

/// A slice that does not hold the planes of an image.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("the {slice} has {found} numbers; {channels} channels of {grid} pixels are {}", .channels * .grid.cells())]
pub struct PlanesError {
    /// "source" or "result".
    pub slice: &'static str,
    /// How many numbers it has.
    pub found: usize,
    /// How many channels it should have.
    pub channels: usize,
    /// The grid of each channel.
    pub grid: Grid,
}
