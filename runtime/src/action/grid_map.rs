//! Maps between grids, before they are sampled.

use std::fmt;

use super::coordinates::CoordinateMap;

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
}

impl fmt::Display for Grid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} × {}", self.rows, self.columns)
    }
}

/// What a transformation does to a grid: the grid it makes, and where each of its points comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GridMap {
    from: Grid,
    to: Grid,
    coordinates: CoordinateMap,
}

impl GridMap {
    /// Nothing moves.
    pub fn identity(grid: Grid) -> GridMap {
        GridMap { from: grid, to: grid, coordinates: CoordinateMap::IDENTITY }
    }

    /// `quarters` counterclockwise quarter turns, as `torch.rot90`; any whole number.
    pub fn turn(from: Grid, quarters: i64) -> GridMap {
        let (to, linear) = match quarters.rem_euclid(4) {
            0 => (from, [[1.0, 0.0], [0.0, 1.0]]),
            1 => (from.transposed(), [[0.0, 1.0], [-1.0, 0.0]]),
            2 => (from, [[-1.0, 0.0], [0.0, -1.0]]),
            _ => (from.transposed(), [[0.0, -1.0], [1.0, 0.0]]),
        };
        GridMap { from, to, coordinates: CoordinateMap::linear(linear) }
    }

    /// Left and right exchanged.
    pub fn hflip(from: Grid) -> GridMap {
        GridMap { coordinates: CoordinateMap::linear([[1.0, 0.0], [0.0, -1.0]]), ..GridMap::identity(from) }
    }

    /// Top and bottom exchanged.
    pub fn vflip(from: Grid) -> GridMap {
        GridMap { coordinates: CoordinateMap::linear([[-1.0, 0.0], [0.0, 1.0]]), ..GridMap::identity(from) }
    }

    /// The same picture on a grid of other sides.
    pub fn rescale(from: Grid, to: Grid) -> GridMap {
        GridMap { from, to, coordinates: CoordinateMap::IDENTITY }
    }

    /// [`GridMap::rescale`] as `torch.interpolate` does it when told a scale factor of (sides + `offset`) / sides instead
    /// of a size: how DINO and its descendants, SER among them, resize positional embeddings, with an offset of 0.1.
    pub fn rescale_with_offset(from: Grid, to: Grid, offset: f64) -> GridMap {
        let scale = [to.rows, to.columns].map(|side| side as f64 / (side as f64 + offset));
        let linear = CoordinateMap::linear([[scale[0], 0.0], [0.0, scale[1]]]);
        let shift = CoordinateMap::shifted(scale.map(|scale| scale - 1.0));
        GridMap { from, to, coordinates: shift.then(&linear) }
    }

    /// The picture moved down and to the right by cells, or parts of cells; what comes from outside is masked.
    pub fn translate(from: Grid, down: f64, right: f64) -> GridMap {
        let shift = [-2.0 * down / from.rows as f64, -2.0 * right / from.columns as f64];
        GridMap { coordinates: CoordinateMap::shifted(shift), ..GridMap::identity(from) }
    }

    /// The picture turned counterclockwise about its centre by an angle in radians; what comes from outside is masked.
    pub fn rotate(from: Grid, angle: f64) -> GridMap {
        let (sin, cos) = angle.sin_cos();
        // Cells are square, the coordinates' units are not: they are half a side.
        let (rows, columns) = (from.rows as f64, from.columns as f64);
        let linear = [[cos, sin * columns / rows], [-sin * rows / columns, cos]];
        GridMap { coordinates: CoordinateMap::linear(linear), ..GridMap::identity(from) }
    }

    /// The picture enlarged about its centre by a factor above 0, on the same grid; below 1 it shrinks, and what comes
    /// from outside is masked.
    pub fn zoom(from: Grid, factor: f64) -> GridMap {
        let linear = [[1.0 / factor, 0.0], [0.0, 1.0 / factor]];
        GridMap { coordinates: CoordinateMap::linear(linear), ..GridMap::identity(from) }
    }

    /// The grid it starts from.
    pub fn from(&self) -> Grid {
        self.from
    }

    /// The grid it makes.
    pub fn to(&self) -> Grid {
        self.to
    }

    /// Where each point comes from.
    pub fn coordinates(&self) -> &CoordinateMap {
        &self.coordinates
    }

    /// This map first, then `next`, which carries on from the grid that this one makes. Nothing if it does not.
    pub fn then(&self, next: &GridMap) -> Option<GridMap> {
        let fits = self.to == next.from;
        fits.then(|| GridMap {
            from: self.from,
            to: next.to,
            coordinates: self.coordinates.then(&next.coordinates),
        })
    }

    /// The map back; nothing for a map that loses part of the picture altogether.
    pub fn inverse(&self) -> Option<GridMap> {
        let coordinates = self.coordinates.inverse()?;
        Some(GridMap { from: self.to, to: self.from, coordinates })
    }

    /// From the view this map makes to the view that `other` makes of the same grid. Nothing if they start from
    /// different grids or this map has no inverse.
    pub fn relative_to(&self, other: &GridMap) -> Option<GridMap> {
        self.inverse()?.then(other)
    }

    /// The same transformation of grids `factor` times as fine: of the pixels behind a token map.
    pub fn refined(&self, factor: usize) -> GridMap {
        GridMap { from: self.from.refined(factor), to: self.to.refined(factor), ..*self }
    }
}
