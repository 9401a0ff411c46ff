//! Sparse matrices as taps: a fixed number of (column, weight) pairs for each row.

use super::index::INDEX_LIMIT;

/// A sparse matrix in the form that [`crate::Tensor::sparse_map`] reads: for each row as many taps as the fullest
/// row has, shorter rows padded with taps of weight 0.
///
/// # Examples
/// ```
/// # use equilayer_engine::Taps;
/// // Two neighbours averaged, and the last element kept.
/// let taps = Taps::new(2, 3, &[(0, 0, 0.5), (0, 1, 0.5), (1, 2, 1.0)])?;
/// assert_eq!((taps.rows(), taps.columns(), taps.taps()), (2, 3, 2));
/// assert_eq!(taps.indices(), [0.0, 1.0, 2.0, 0.0]);
/// assert_eq!(taps.weights(), [0.5, 0.5, 1.0, 0.0]);
/// # Ok::<(), equilayer_engine::TapsError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Taps {
    rows: usize,
    columns: usize,
    taps: usize,
    indices: Vec<f32>,
    weights: Vec<f32>,
}

/// Why entries are no sparse matrix.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TapsError {
    /// An entry outside the matrix.
    #[error(
        "entry {entry} is at row {row}, column {column}, outside a matrix of {rows} rows and {columns} columns"
    )]
    Outside {
        /// Its place in the list.
        entry: usize,
        /// Its row.
        row: usize,
        /// Its column.
        column: usize,
        /// Rows of the matrix.
        rows: usize,
        /// Columns of the matrix.
        columns: usize,
    },
    /// A weight that is NaN or infinite.
    #[error("entry {entry} has weight {weight}; weights must be finite")]
    NotFinite {
        /// Its place in the list.
        entry: usize,
        /// Its weight.
        weight: f32,
    },
    /// More columns than `f32` indices reach.
    #[error("{0} columns; indices are f32 and reach below 2^24 = {INDEX_LIMIT}")]
    TooManyColumns(usize),
    /// Fewer taps asked for than a row has.
    #[error("{asked} taps a row were asked for, but row {row} has {needed}")]
    TooFewTaps {
        /// Taps asked for.
        asked: usize,
        /// The first row that has more.
        row: usize,
        /// How many it has.
        needed: usize,
    },
}

impl Taps {
    /// A matrix from its entries (row, column, weight), in any order. Entries at one place add up. Rows keep the
    /// order of their entries, which is the order of summation.
    ///
    /// # Errors
    /// The first of [`TapsError`] that applies.
    pub fn new(rows: usize, columns: usize, entries: &[(usize, usize, f32)]) -> Result<Taps, TapsError> {
        let lengths = checked_lengths(rows, columns, entries)?;
        Ok(Taps::filled(rows, columns, lengths.into_iter().max().unwrap_or(0), entries))
    }

    /// [`Taps::new`] with a given number of taps a row: what is fed at each step must keep its shape.
    ///
    /// # Errors
    /// As for [`Taps::new`], and a row with more entries than `taps`.
    pub fn with_taps(
        rows: usize,
        columns: usize,
        taps: usize,
        entries: &[(usize, usize, f32)],
    ) -> Result<Taps, TapsError> {
        let lengths = checked_lengths(rows, columns, entries)?;
        match lengths.iter().position(|&length| length > taps) {
            Some(row) => Err(TapsError::TooFewTaps { asked: taps, row, needed: lengths[row] }),
            None => Ok(Taps::filled(rows, columns, taps, entries)),
        }
    }

    fn filled(rows: usize, columns: usize, taps: usize, entries: &[(usize, usize, f32)]) -> Taps {
        let mut matrix =
            Taps { rows, columns, taps, indices: vec![0.0; rows * taps], weights: vec![0.0; rows * taps] };
        let mut used = vec![0; rows];
        for &(row, column, weight) in entries {
            let tap = row * taps + used[row];
            matrix.indices[tap] = column as f32;
            matrix.weights[tap] = weight;
            used[row] += 1;
        }
        matrix
    }

    /// Number of rows: the length of the mapped axis afterwards.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns: the length of the mapped axis before.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Taps a row.
    pub fn taps(&self) -> usize {
        self.taps
    }

    /// Column of each tap, `[rows, taps]` row-major: whole numbers; 0 on padding.
    pub fn indices(&self) -> &[f32] {
        &self.indices
    }

    /// Weight of each tap, `[rows, taps]` row-major; 0 on padding.
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }
}

/// How many entries each row has.
fn checked_lengths(
    rows: usize,
    columns: usize,
    entries: &[(usize, usize, f32)],
) -> Result<Vec<usize>, TapsError> {
    if columns >= INDEX_LIMIT {
        return Err(TapsError::TooManyColumns(columns));
    }
    let mut lengths = vec![0; rows];
    for (entry, &(row, column, weight)) in entries.iter().enumerate() {
        if row >= rows || column >= columns {
            return Err(TapsError::Outside { entry, row, column, rows, columns });
        }
        if !weight.is_finite() {
            return Err(TapsError::NotFinite { entry, weight });
        }
        lengths[row] += 1;
    }
    Ok(lengths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_outside_the_matrix_are_named() {
        let error = Taps::new(2, 3, &[(0, 0, 1.0), (1, 3, 1.0)]).expect_err("column 3 of 3");
        assert_eq!(
            error.to_string(),
            "entry 1 is at row 1, column 3, outside a matrix of 2 rows and 3 columns"
        );
        assert!(matches!(Taps::new(2, 3, &[(2, 0, 1.0)]), Err(TapsError::Outside { row: 2, .. })));
        assert!(matches!(Taps::new(1, 1, &[(0, 0, f32::NAN)]), Err(TapsError::NotFinite { entry: 0, .. })));
        assert_eq!(Taps::new(1, INDEX_LIMIT, &[]), Err(TapsError::TooManyColumns(INDEX_LIMIT)));
    }

    #[test]
    fn rows_are_padded_to_the_asked_number_of_taps() {
        let entries = [(1, 2, 3.0), (1, 0, 4.0)];
        let padded = Taps::with_taps(2, 3, 3, &entries).expect("3 taps hold 2 entries");
        assert_eq!(padded.indices(), [0.0, 0.0, 0.0, 2.0, 0.0, 0.0]);
        assert_eq!(padded.weights(), [0.0, 0.0, 0.0, 3.0, 4.0, 0.0]);
        let error = TapsError::TooFewTaps { asked: 1, row: 1, needed: 2 };
        assert_eq!(Taps::with_taps(2, 3, 1, &entries), Err(error));
    }
}
