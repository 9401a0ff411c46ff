//! Matrix products as numbers: what cuBLASLt is asked for, before there is a device.

use super::task::{Address, Number};

/// `C = alpha · A · B`, or added to what lies where C will or somewhere else; rows of C lie one after another. Several
/// products of one shape are one task.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Product {
    /// Everything that the choice of an algorithm depends on.
    pub form: Form,
    /// The left matrices, `[rows, depth]`.
    pub a: Address,
    /// The right matrices, `[depth, columns]`.
    pub b: Address,
    /// The results, `[rows, columns]`.
    pub c: Address,
    /// Factor on the product.
    pub alpha: f32,
    /// A row to be added to every row of the result.
    pub bias: Option<Address>,
    /// What the product is added to where that is not C; it lies as C does, and `form.accumulate` is set.
    pub addend: Option<Address>,
}

/// Lengths and strides of a [`Product`], in elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Form {
    /// Rows of A and C.
    pub rows: usize,
    /// Columns of B and C.
    pub columns: usize,
    /// Columns of A and rows of B, which are summed over.
    pub depth: usize,
    /// How many products there are.
    pub batch: usize,
    /// How A lies.
    pub a: Side,
    /// How B lies.
    pub b: Side,
    /// How C lies; never transposed.
    pub c: Side,
    /// Whether the product is added to what C, or the addend, holds.
    pub accumulate: bool,
    /// Whether a row is added to every row of the result.
    pub bias: bool,
    /// What the elements of A and B are.
    pub factors: Number,
    /// What those of C are, of the addend and of the row.
    pub result: Number,
}

/// How a matrix lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Side {
    /// From one row to the next, or from one column to the next where it is transposed.
    pub leading: usize,
    /// Whether columns, not rows, are dense.
    pub transposed: bool,
    /// From one matrix to the next.
    pub step: usize,
}

impl Side {
    /// A `rows × columns` matrix with these strides, where it is one that cuBLASLt reads: dense along one axis, and
    /// no element twice.
    pub fn of(rows: usize, columns: usize, row_stride: isize, column_stride: isize) -> Option<Side> {
        let fits = |outer: usize, inner: usize, outer_stride: isize, inner_stride: isize| {
            let dense = inner <= 1 || inner_stride == 1;
            let apart = outer <= 1 || outer_stride >= inner as isize;
            let leading = if outer <= 1 { inner } else { outer_stride.unsigned_abs() };
            (dense && apart).then_some(leading.max(inner).max(1))
        };
        let dense_rows = fits(rows, columns, row_stride, column_stride).map(|leading| Side {
            leading,
            transposed: false,
            step: 0,
        });
        let dense_columns = || {
            let leading = fits(columns, rows, column_stride, row_stride)?;
            Some(Side { leading, transposed: true, step: 0 })
        };
        dense_rows.or_else(dense_columns)
    }

    /// Rows of this many elements, one after another.
    pub fn dense(columns: usize) -> Side {
        Side { leading: columns.max(1), transposed: false, step: 0 }
    }

    /// The same memory as the transposed matrix.
    pub fn turned(self) -> Side {
        Side { transposed: !self.transposed, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_must_be_dense_along_one_axis() {
        let side = |leading, transposed| Some(Side { leading, transposed, step: 0 });
        assert_eq!(Side::of(4, 3, 3, 1), side(3, false));
        assert_eq!(Side::of(4, 3, 1, 4), side(4, true));
        assert_eq!(Side::of(4, 3, 7, 1), side(7, false));
        assert_eq!(Side::of(1, 3, 0, 1), side(3, false));
        assert_eq!(Side::of(4, 1, 5, 0), side(5, false));
        assert_eq!(Side::of(4, 3, 6, 2), None);
        assert_eq!(Side::of(4, 3, 0, 1), None);
        assert_eq!(Side::of(4, 3, -3, 1), None);
    }
}
