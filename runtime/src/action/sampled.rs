//! Grid maps as sparse matrices.

use equilayer_engine::Tensor;
use equilayer_engine::ops::Taps;

use super::grid_map::{Grid, GridMap};

/// How values between cells are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interpolation {
    /// Two neighbours along each axis.
    Bilinear,
    /// Four neighbours along each axis, as PyTorch: a = −0.75, no antialiasing, borders repeated.
    Bicubic,
}

/// Positions this close to a cell's centre, in cells, are taken to be on it: turns and flips are exact then, whatever
/// the rounding of their coordinates. The error it makes is of the order of `f32`'s own.
const ON_CENTRE: f64 = 1e-9;

/// PyTorch's parameter of the cubic kernel.
const A: f64 = -0.75;

impl Interpolation {
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
    fn weights(self, position: f64, length: usize) -> Vec<(usize, f64)> {
        let nearest = position.round();
        let position = if (position - nearest).abs() < ON_CENTRE { nearest } else { position };
        let (first, t) = (position.floor(), position - position.floor());
        let inside = |cell: f64| cell.clamp(0.0, length as f64 - 1.0) as usize;
        let neighbours = match self {
            Interpolation::Bilinear => 0..2,
            Interpolation::Bicubic => -1..3,
        };
        let taps = neighbours.map(|cell| (first + f64::from(cell), self.kernel(t - f64::from(cell))));
        // On a centre the neighbours' weights are zero but for rounding.
        let exact = t == 0.0;
        taps.filter(|&(cell, weight)| if exact { cell == first } else { weight != 0.0 })
            .map(|(cell, weight)| (inside(cell), if exact { 1.0 } else { weight }))
            .collect()
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
    pub fn sample(
        &self,
        interpolation: Interpolation,
    ) -> Result<SampledMap, equilayer_engine::ops::TapsError> {
        let (from, to) = (self.from(), self.to());
        let mut entries = Vec::new();
        let mut valid = Vec::with_capacity(to.cells());
        let centre = |cell: usize, length: usize| (2 * cell + 1) as f64 / length as f64 - 1.0;
        for cell in 0..to.cells() {
            let target = [centre(cell / to.columns, to.rows), centre(cell % to.columns, to.columns)];
            let source = self.coordinates().source(target);
            let position = |axis: usize, length: usize| 0.5 * (source[axis] + 1.0) * length as f64 - 0.5;
            let (row, column) = (position(0, from.rows), position(1, from.columns));
            let within = |position: f64, length: usize| {
                position >= -0.5 - ON_CENTRE && position <= length as f64 - 0.5 + ON_CENTRE
            };
            valid.push(within(row, from.rows) && within(column, from.columns));
            if !valid[cell] {
                continue;
            }
            for (source_row, row_weight) in interpolation.weights(row, from.rows) {
                for (source_column, column_weight) in interpolation.weights(column, from.columns) {
                    let source_cell = source_row * from.columns + source_column;
                    entries.push((cell, source_cell, (row_weight * column_weight) as f32));
                }
            }
        }
        Ok(SampledMap { from, to, taps: Taps::new(to.cells(), from.cells(), &entries)?, valid })
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
}
