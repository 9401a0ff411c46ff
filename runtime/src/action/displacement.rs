//! Displacement fields given as data: optical flow between two frames, as FlowE uses it (arXiv 2101.06553).

use std::sync::Arc;

use super::grid_map::Grid;
use super::sampled::Interpolation;

/// A dense field that says, for each cell of one picture, where its value lies in another.
#[derive(Clone, Debug, PartialEq)]
pub struct DisplacementField {
    grid: Grid,
    vectors: Vec<[f32; 2]>,
    valid: Vec<bool>,
}

/// Why vectors are no displacement field.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FieldError {
    /// A list of another length than the grid has cells.
    #[error("{found} {what} for a field of {grid} cells; one for each of its {} cells is needed", .grid.cells())]
    Length {
        /// "vectors" or "flags".
        what: &'static str,
        /// How many were given.
        found: usize,
        /// The field's grid.
        grid: Grid,
    },
    /// A vector that is NaN or infinite in a cell said to be valid.
    #[error("the vector of cell ({row}, {column}) is not finite; mark such cells as not valid")]
    NotFinite {
        /// The cell's row.
        row: usize,
        /// The cell's column.
        column: usize,
    },
}

impl DisplacementField {
    /// A field on `grid`, which may be finer than the token maps it acts on. The value of a cell comes from the place
    /// `vectors[cell]` (cells down, cells right) away from it; what is not `valid` (occluded, out of frame, not
    /// consistent forward and backward) comes from nowhere.
    ///
    /// # Errors
    /// Lists of another length than the grid's, or a valid vector that is not finite.
    pub fn new(
        grid: Grid,
        vectors: Vec<[f32; 2]>,
        valid: Vec<bool>,
    ) -> Result<DisplacementField, FieldError> {
        for (what, found) in [("vectors", vectors.len()), ("flags", valid.len())] {
            if found != grid.cells() {
                return Err(FieldError::Length { what, found, grid });
            }
        }
        let broken =
            |cell: &usize| valid[*cell] && !vectors[*cell].iter().all(|component| component.is_finite());
        match (0..grid.cells()).find(broken) {
            Some(cell) => {
                Err(FieldError::NotFinite { row: cell / grid.columns, column: cell % grid.columns })
            }
            None => Ok(DisplacementField { grid, vectors, valid }),
        }
    }

    /// A field that is known everywhere: one finite vector for each cell.
    pub(super) fn known(grid: Grid, vectors: Vec<[f32; 2]>) -> DisplacementField {
        DisplacementField { valid: vec![true; vectors.len()], grid, vectors }
    }

    /// Where the value at a point of the square comes from, by the vectors around it; nothing beside the picture or
    /// where one of those vectors is not valid.
    pub(super) fn source(&self, target: [f64; 2]) -> Option<[f64; 2]> {
        let (row, column) = self.grid.position(target)?;
        let mut moved = target;
        for (row, row_weight) in Interpolation::Bilinear.weights(row, self.grid.rows) {
            for (column, column_weight) in Interpolation::Bilinear.weights(column, self.grid.columns) {
                let cell = row * self.grid.columns + column;
                if !self.valid[cell] {
                    return None;
                }
                let lengths = [self.grid.rows, self.grid.columns];
                for axis in 0..2 {
                    let half_squares = 2.0 * f64::from(self.vectors[cell][axis]) / lengths[axis] as f64;
                    moved[axis] += row_weight * column_weight * half_squares;
                }
            }
        }
        Some(moved)
    }
}

/// A displacement and, where it is known, the one back. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Flow {
    field: Arc<DisplacementField>,
    back: Option<Arc<DisplacementField>>,
}

impl Flow {
    /// A displacement that cannot be undone: nothing is known about the way back.
    pub fn new(field: DisplacementField) -> Flow {
        Flow { field: Arc::new(field), back: None }
    }

    /// Nothing moves: what stands in for data that is not there yet.
    pub(super) fn still() -> Flow {
        let field = Arc::new(DisplacementField::known(Grid::new(1, 1), vec![[0.0; 2]]));
        Flow { field: field.clone(), back: Some(field) }
    }

    /// With the displacement estimated the other way.
    pub fn with_back(self, back: DisplacementField) -> Flow {
        Flow { back: Some(Arc::new(back)), ..self }
    }

    /// The displacement back, if it is known.
    pub fn inverse(&self) -> Option<Flow> {
        Some(Flow { field: self.back.clone()?, back: Some(self.field.clone()) })
    }

    pub(super) fn source(&self, target: [f64; 2]) -> Option<[f64; 2]> {
        self.field.source(target)
    }
}

/// Fields are compared by place first: a batch's maps share theirs.
impl PartialEq for Flow {
    fn eq(&self, other: &Flow) -> bool {
        let same = |a: &Arc<DisplacementField>, b: &Arc<DisplacementField>| Arc::ptr_eq(a, b) || a == b;
        let back = match (&self.back, &other.back) {
            (Some(a), Some(b)) => same(a, b),
            (a, b) => a.is_none() && b.is_none(),
        };
        same(&self.field, &other.field) && back
    }
}
