//! Maps between grids, before they are sampled.

use std::fmt;

use super::coordinates::CoordinateMap;
use super::displacement::Flow;
use super::path::{Path, Step};

/// Rows and columns of an image or a token map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Grid {
    /// Cells from top to bottom.
    pub rows: usize,
    /// Cells from left to right.
    pub columns: usize,
}

impl Grid {
    /// A grid of this many rows and columns.
    pub fn new(rows: usize, columns: usize) -> Grid {
        Grid { rows, columns }
    }

    /// Number of cells.
    pub fn cells(&self) -> usize {
        self.rows * self.columns
    }

    /// The same area with every cell cut into `factor` × `factor`: the pixels behind a token map.
    pub fn refined(&self, factor: usize) -> Grid {
        Grid::new(self.rows * factor, self.columns * factor)
    }

    fn transposed(&self) -> Grid {
        Grid::new(self.columns, self.rows)
    }

    /// The centre of a cell, in the square [−1, 1]².
    pub(super) fn centre(&self, cell: usize) -> [f64; 2] {
        let along = |cell: usize, length: usize| (2 * cell + 1) as f64 / length as f64 - 1.0;
        [along(cell / self.columns, self.rows), along(cell % self.columns, self.columns)]
    }

    /// Row and column of a point of the square, whole numbers at cells' centres; nothing outside the square.
    pub(super) fn position(&self, point: [f64; 2]) -> Option<(f64, f64)> {
        let along = |axis: usize, length: usize| {
            let position = 0.5 * (point[axis] + 1.0) * length as f64 - 0.5;
            let end = length as f64 - 0.5;
            let within = length > 0 && (-0.5 - ON_CENTRE..=end + ON_CENTRE).contains(&position);
            within.then_some(position)
        };
        Some((along(0, self.rows)?, along(1, self.columns)?))
    }
}

impl fmt::Display for Grid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} × {}", self.rows, self.columns)
    }
}

/// Positions this close to a cell's centre or to the grid's edge, in cells, are taken to be on it: turns and flips are
/// exact then, whatever the rounding of their coordinates. The error it makes is of the order of `f32`'s own.
pub(super) const ON_CENTRE: f64 = 1e-9;

/// What a transformation does to a grid: the grid it makes, and where each of its points comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct GridMap {
    from: Grid,
    to: Grid,
    path: Path,
}

impl GridMap {
    /// Nothing moves.
    pub fn identity(grid: Grid) -> GridMap {
        GridMap::affine(grid, grid, CoordinateMap::IDENTITY)
    }

    fn affine(from: Grid, to: Grid, map: CoordinateMap) -> GridMap {
        GridMap { from, to, path: Path::affine(map) }
    }

    /// `quarters` counterclockwise quarter turns, as `torch.rot90`; any whole number.
    pub fn turn(from: Grid, quarters: impl Into<i64>) -> GridMap {
        let (to, linear) = match quarters.into().rem_euclid(4) {
            0 => (from, [[1.0, 0.0], [0.0, 1.0]]),
            1 => (from.transposed(), [[0.0, 1.0], [-1.0, 0.0]]),
            2 => (from, [[-1.0, 0.0], [0.0, -1.0]]),
            _ => (from.transposed(), [[0.0, -1.0], [1.0, 0.0]]),
        };
        GridMap::affine(from, to, CoordinateMap::linear(linear))
    }

    /// Left and right exchanged.
    pub fn hflip(from: Grid) -> GridMap {
        GridMap::affine(from, from, CoordinateMap::linear([[1.0, 0.0], [0.0, -1.0]]))
    }

    /// Top and bottom exchanged.
    pub fn vflip(from: Grid) -> GridMap {
        GridMap::affine(from, from, CoordinateMap::linear([[-1.0, 0.0], [0.0, 1.0]]))
    }

    /// The same picture on a grid of other sides.
    pub fn rescale(from: Grid, to: Grid) -> GridMap {
        GridMap::affine(from, to, CoordinateMap::IDENTITY)
    }

    /// [`GridMap::rescale`] as `torch.interpolate` does it when told a scale factor of (sides + `offset`) / sides instead
    /// of a size: how DINO and its descendants, SER among them, resize positional embeddings, with an offset of 0.1.
    pub fn rescale_with_offset(from: Grid, to: Grid, offset: f64) -> GridMap {
        let scale = [to.rows, to.columns].map(|side| side as f64 / (side as f64 + offset));
        let linear = CoordinateMap::linear([[scale[0], 0.0], [0.0, scale[1]]]);
        let shift = CoordinateMap::shifted(scale.map(|scale| scale - 1.0));
        GridMap::affine(from, to, shift.then(&linear))
    }

    /// The picture moved down and to the right by cells, or parts of cells; what comes from outside is masked.
    pub fn translate(from: Grid, down: f64, right: f64) -> GridMap {
        let shift = [-2.0 * down / from.rows as f64, -2.0 * right / from.columns as f64];
        GridMap::affine(from, from, CoordinateMap::shifted(shift))
    }

    /// The picture turned counterclockwise about its centre by an angle in radians; what comes from outside is masked.
    pub fn rotate(from: Grid, angle: f64) -> GridMap {
        let (sin, cos) = angle.sin_cos();
        // Cells are square, the coordinates' units are not: they are half a side.
        let (rows, columns) = (from.rows as f64, from.columns as f64);
        let linear = [[cos, sin * columns / rows], [-sin * rows / columns, cos]];
        GridMap::affine(from, from, CoordinateMap::linear(linear))
    }

    /// The picture displaced by a field; what the field does not know, or takes from outside, is masked.
    pub fn displaced(from: Grid, flow: &Flow) -> GridMap {
        GridMap { from, to: from, path: Path::step(Step::Displaced(flow.clone())) }
    }

    /// The picture enlarged about its centre by a factor above 0, on the same grid; below 1 it shrinks, and what comes
    /// from outside is masked.
    pub fn zoom(from: Grid, factor: f64) -> GridMap {
        let linear = [[1.0 / factor, 0.0], [0.0, 1.0 / factor]];
        GridMap::affine(from, from, CoordinateMap::linear(linear))
    }

    /// The grid it starts from.
    pub fn from(&self) -> Grid {
        self.from
    }

    /// The grid it makes.
    pub fn to(&self) -> Grid {
        self.to
    }

    /// Where the value at a point of the target comes from, both in the square [−1, 1]², (row, column). Nothing for a
    /// point that comes from nowhere; a source outside the square is masked when the map is sampled.
    pub fn source(&self, target: [f64; 2]) -> Option<[f64; 2]> {
        self.path.source(target)
    }

    /// The map as one affine map of coordinates; nothing where a displacement field or a border is in between.
    pub fn coordinates(&self) -> Option<&CoordinateMap> {
        self.path.as_affine()
    }

    /// This map first, then `next`, which carries on from the grid that this one makes. Nothing if it does not.
    pub fn then(&self, next: &GridMap) -> Option<GridMap> {
        let fits = self.to == next.from;
        fits.then(|| GridMap { from: self.from, to: next.to, path: self.path.then(&next.path) })
    }

    /// This map first, then the one that `next` makes of the grid it is given: `turn.followed_by(GridMap::vflip)`.
    pub fn followed_by(&self, next: impl FnOnce(Grid) -> GridMap) -> GridMap {
        let next = next(self.to);
        GridMap { from: self.from, to: next.to, path: self.path.then(&next.path) }
    }

    /// The map back; nothing for a map that loses part of the picture altogether or whose way back is not known.
    pub fn inverse(&self) -> Option<GridMap> {
        Some(GridMap { from: self.to, to: self.from, path: self.path.inverse()? })
    }

    /// From the view this map makes to the view that `other` makes of the same grid. What comes from outside that grid
    /// is masked, even where this view has something in its place. Nothing if they start from different grids or this
    /// map has no inverse.
    pub fn relative_to(&self, other: &GridMap) -> Option<GridMap> {
        let back = self.inverse()?;
        if other.path.stays_inside() {
            return back.then(other);
        }
        let inside = GridMap { from: self.from, to: self.from, path: Path::step(Step::Inside) };
        back.then(&inside)?.then(other)
    }

    /// The same transformation of grids `factor` times as fine: of the pixels behind a token map.
    pub fn refined(&self, factor: usize) -> GridMap {
        GridMap { from: self.from.refined(factor), to: self.to.refined(factor), path: self.path.clone() }
    }

    /// The same transformation, with its result laid out on another grid.
    pub(super) fn onto(&self, to: Grid) -> GridMap {
        GridMap { to, ..self.clone() }
    }
}
