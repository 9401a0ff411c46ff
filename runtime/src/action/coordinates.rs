//! Affine maps of the square [−1, 1]², in which every grid lies with its outer edges on the square's.

/// An affine map of (row, column) coordinates, from where a value goes to where it comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CoordinateMap {
    linear: [[f64; 2]; 2],
    shift: [f64; 2],
}

impl CoordinateMap {
    /// Everything stays.
    pub const IDENTITY: CoordinateMap = CoordinateMap::linear([[1.0, 0.0], [0.0, 1.0]]);

    /// A linear map: rows of the matrix give the source's row and column coordinate.
    pub const fn linear(linear: [[f64; 2]; 2]) -> CoordinateMap {
        CoordinateMap { linear, shift: [0.0; 2] }
    }

    /// Sources lie `shift` away from targets, in units of half the square.
    pub const fn shifted(shift: [f64; 2]) -> CoordinateMap {
        CoordinateMap { shift, ..CoordinateMap::IDENTITY }
    }

    /// Where the value at `target` comes from.
    pub fn source(&self, target: [f64; 2]) -> [f64; 2] {
        let row = |axis: usize| {
            self.linear[axis][0] * target[0] + self.linear[axis][1] * target[1] + self.shift[axis]
        };
        [row(0), row(1)]
    }

    /// This map first, then `next`: a target of `next` comes from where this map takes its source from.
    pub fn then(&self, next: &CoordinateMap) -> CoordinateMap {
        let (a, b) = (&self.linear, &next.linear);
        let entry = |i: usize, j: usize| a[i][0] * b[0][j] + a[i][1] * b[1][j];
        CoordinateMap {
            linear: [[entry(0, 0), entry(0, 1)], [entry(1, 0), entry(1, 1)]],
            shift: self.source(next.shift),
        }
    }

    /// The map that undoes this one; nothing for a map that flattens the square.
    pub fn inverse(&self) -> Option<CoordinateMap> {
        let [[a, b], [c, d]] = self.linear;
        let determinant = a * d - b * c;
        if determinant == 0.0 || !determinant.is_finite() {
            return None;
        }
        let linear = [[d, -b], [-c, a]].map(|row| row.map(|entry| entry / determinant));
        let undone = CoordinateMap::linear(linear).source(self.shift);
        Some(CoordinateMap { linear, shift: undone.map(|shift| -shift) })
    }

    /// The largest difference from another map over the square's corners, in half squares.
    pub fn distance(&self, other: &CoordinateMap) -> f64 {
        let corners = [[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]];
        let apart = |corner: [f64; 2]| {
            let (a, b) = (self.source(corner), other.source(corner));
            (a[0] - b[0]).abs().max((a[1] - b[1]).abs())
        };
        corners.into_iter().map(apart).fold(0.0, f64::max)
    }
}
