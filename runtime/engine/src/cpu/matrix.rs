//! Strided views of `f32` slices as matrices.
//!
//! Bounds are checked where a view is made, so that kernels need not check again; [`SharedMatrix`] is how
//! tasks on several threads write disjoint parts of one matrix.

use std::marker::PhantomData;
use std::ops::Range;

/// A read-only `rows × cols` view: element (i, j) is `data[i * row_stride + j * col_stride]`.
///
/// Any strides do, 0 included (a broadcast).
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    data: &'a [f32],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Views `data` with explicit strides. Panics where an element would lie outside of `data`.
    pub fn new(data: &'a [f32], rows: usize, cols: usize, row_stride: usize, col_stride: usize) -> Self {
        assert_in_bounds(data.len(), rows, cols, row_stride, col_stride);
        Self { data, rows, cols, row_stride, col_stride }
    }

    /// Views all of `data` as a contiguous row-major matrix. Panics where the length is another one.
    pub fn row_major(data: &'a [f32], rows: usize, cols: usize) -> Self {
        assert_eq!(data.len(), rows * cols, "elements of a {rows} × {cols} matrix");
        Self::new(data, rows, cols, cols, 1)
    }

    /// The transposed view; no element moves.
    pub fn t(self) -> Self {
        let Self { data, rows, cols, row_stride, col_stride } = self;
        Self { data, rows: cols, cols: rows, row_stride: col_stride, col_stride: row_stride }
    }

    /// The part of the matrix in the given rows and columns.
    pub fn tile(self, rows: Range<usize>, cols: Range<usize>) -> Self {
        let start = tile_start(self.rows, self.cols, &rows, &cols, self.row_stride, self.col_stride);
        // An empty tile may start past the end of the data.
        let data = self.data.get(start..).unwrap_or_default();
        Self { data, rows: rows.len(), cols: cols.len(), ..self }
    }

    /// Row `i` as a slice. Panics unless the columns are adjacent.
    pub fn row(&self, i: usize) -> &'a [f32] {
        assert!(i < self.rows, "row {i} of {}", self.rows);
        assert!(self.col_stride == 1 || self.cols <= 1, "the columns are not adjacent");
        if self.cols == 0 {
            return &[];
        }
        &self.data[i * self.row_stride..][..self.cols]
    }

    /// The elements, from (0, 0) on, with whatever lies between and after them.
    pub fn data(&self) -> &'a [f32] {
        self.data
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Distance in elements between the starts of neighbouring rows.
    pub fn row_stride(&self) -> usize {
        self.row_stride
    }

    /// Distance in elements between neighbouring columns.
    pub fn col_stride(&self) -> usize {
        self.col_stride
    }
}

/// A writable `rows × cols` view: exclusive for its elements, but not for the gaps between its rows.
#[derive(Debug)]
pub struct MatrixMut<'a> {
    data: *mut f32,
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
    lifetime: PhantomData<&'a mut [f32]>,
}

// SAFETY: a `MatrixMut` has exclusive access to its elements for 'a, like the `&mut [f32]` it was made from.
unsafe impl Send for MatrixMut<'_> {}

impl<'a> MatrixMut<'a> {
    /// Views `data` with explicit strides. Panics where an element would lie outside of `data` or two
    /// elements would share a place.
    pub fn new(data: &'a mut [f32], rows: usize, cols: usize, row_stride: usize, col_stride: usize) -> Self {
        assert_in_bounds(data.len(), rows, cols, row_stride, col_stride);
        let rows_apart = rows <= 1 || row_stride >= cols.max(1) * col_stride.max(1);
        let cols_apart = cols <= 1 || col_stride >= rows.max(1) * row_stride.max(1);
        let no_zero = (rows <= 1 || row_stride > 0) && (cols <= 1 || col_stride > 0);
        assert!(no_zero && (rows_apart || cols_apart), "a writable matrix overlaps itself");
        Self { data: data.as_mut_ptr(), rows, cols, row_stride, col_stride, lifetime: PhantomData }
    }

    /// Views all of `data` as a contiguous row-major matrix. Panics where the length is another one.
    pub fn row_major(data: &'a mut [f32], rows: usize, cols: usize) -> Self {
        assert_eq!(data.len(), rows * cols, "elements of a {rows} × {cols} matrix");
        Self::new(data, rows, cols, cols, 1)
    }

    /// Row `i` as a slice. Panics unless the columns are adjacent.
    pub fn row_mut(&mut self, i: usize) -> &mut [f32] {
        assert!(i < self.rows, "row {i} of {}", self.rows);
        assert!(self.col_stride == 1 || self.cols <= 1, "the columns are not adjacent");
        if self.cols == 0 {
            return &mut [];
        }
        // SAFETY: the row's adjacent elements belong to this view, which is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.data.add(i * self.row_stride), self.cols) }
    }

    /// Gives up exclusive access, to write disjoint tiles from several threads.
    pub fn share(self) -> SharedMatrix<'a> {
        SharedMatrix(self)
    }

    /// Pointer to element (0, 0).
    pub fn as_mut_ptr(&mut self) -> *mut f32 {
        self.data
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Distance in elements between the starts of neighbouring rows.
    pub fn row_stride(&self) -> usize {
        self.row_stride
    }

    /// Distance in elements between neighbouring columns.
    pub fn col_stride(&self) -> usize {
        self.col_stride
    }
}

/// A writable matrix that several tasks take disjoint tiles from.
#[derive(Debug)]
pub struct SharedMatrix<'a>(MatrixMut<'a>);

// SAFETY: a shared reference gives nothing but `tile`, whose callers answer for disjointness.
unsafe impl Sync for SharedMatrix<'_> {}

impl<'a> SharedMatrix<'a> {
    /// The part of the matrix in the given rows and columns, exclusively.
    ///
    /// # Safety
    /// No other tile that is alive at the same time may share an element with it.
    pub unsafe fn tile(&self, rows: Range<usize>, cols: Range<usize>) -> MatrixMut<'a> {
        let Self(MatrixMut { data, row_stride, col_stride, .. }) = *self;
        let start = tile_start(self.0.rows, self.0.cols, &rows, &cols, row_stride, col_stride);
        let data = data.wrapping_add(start);
        MatrixMut { data, rows: rows.len(), cols: cols.len(), row_stride, col_stride, lifetime: PhantomData }
    }
}

/// Where a tile starts; panics where it does not lie in the matrix.
fn tile_start(
    rows: usize,
    cols: usize,
    tile_rows: &Range<usize>,
    tile_cols: &Range<usize>,
    row_stride: usize,
    col_stride: usize,
) -> usize {
    assert!(tile_rows.start <= tile_rows.end && tile_rows.end <= rows, "rows {tile_rows:?} of {rows}");
    assert!(tile_cols.start <= tile_cols.end && tile_cols.end <= cols, "columns {tile_cols:?} of {cols}");
    tile_rows.start * row_stride + tile_cols.start * col_stride
}

fn assert_in_bounds(len: usize, rows: usize, cols: usize, row_stride: usize, col_stride: usize) {
    if rows == 0 || cols == 0 {
        return;
    }
    let last = (rows - 1).checked_mul(row_stride).zip((cols - 1).checked_mul(col_stride));
    let last = last.and_then(|(row, col)| row.checked_add(col));
    assert!(
        last.is_some_and(|last| last < len),
        "a {rows} × {cols} matrix with strides ({row_stride}, {col_stride}) does not fit {len} elements"
    );
}

#[cfg(test)]
mod tests {
    use super::{Matrix, MatrixMut};

    #[test]
    fn views_index_as_they_say() {
        let data: Vec<f32> = (0..12).map(|x| x as f32).collect();
        let tile = Matrix::row_major(&data, 3, 4).tile(1..3, 1..3);
        assert_eq!(tile.row(0), [5.0, 6.0]);
        assert_eq!(tile.row(1), [9.0, 10.0]);
        assert_eq!(tile.t().tile(1..2, 0..2).data()[0], 6.0);
        let empty = Matrix::row_major(&data, 3, 4).tile(3..3, 4..4);
        assert_eq!((empty.rows(), empty.cols()), (0, 0));
    }

    #[test]
    fn tiles_write_through() {
        let mut data = [0.0; 12];
        let matrix = MatrixMut::row_major(&mut data, 3, 4);
        // SAFETY: the only tile.
        unsafe { matrix.share().tile(1..3, 2..4) }.row_mut(1).fill(1.0);
        assert_eq!(data[10..], [1.0, 1.0]);
        assert_eq!(data[..10], [0.0; 10]);
    }

    #[test]
    fn impossible_views_are_refused() {
        let refused = |f: fn() -> bool| std::panic::catch_unwind(f).is_err();
        assert!(refused(|| Matrix::new(&[0.0; 5], 2, 3, 3, 1).rows() > 0));
        assert!(refused(|| Matrix::row_major(&[0.0; 7], 2, 3).rows() > 0));
        assert!(refused(|| Matrix::new(&[0.0; 5], 2, 3, usize::MAX, 1).rows() > 0));
        assert!(refused(|| Matrix::row_major(&[0.0; 6], 2, 3).tile(0..3, 0..1).rows() > 0));
        assert!(refused(|| Matrix::row_major(&[0.0; 6], 2, 3).t().row(0).is_empty()));
        assert!(refused(|| MatrixMut::new(&mut [0.0; 6], 2, 3, 2, 1).rows() > 0));
        assert!(refused(|| MatrixMut::new(&mut [0.0; 6], 2, 3, 0, 1).rows() > 0));
        assert!(!refused(|| MatrixMut::new(&mut [0.0; 6], 2, 3, 1, 2).rows() == 0));
    }
}
