//! Transposed copies.

use rayon::prelude::*;

use super::matrix::Matrix;

/// Copies `src` into `dst` as a contiguous row-major matrix, on all threads.
pub fn par_transpose<'a>(src: Matrix, dst: &'a mut [f32]) -> Matrix<'a> {
    const PANEL: usize = 64;
    let (rows, cols) = (src.rows(), src.cols());
    let dst = &mut dst[..rows * cols];
    dst.par_chunks_mut(PANEL * cols.max(1)).enumerate().for_each(|(panel, out)| {
        let start = panel * PANEL;
        transpose(src.tile(start..start + out.len() / cols, 0..cols), out, cols);
    });
    Matrix::row_major(dst, rows, cols)
}

/// Copies `src` to `dst`, whose rows are contiguous and start every `row_stride` elements; what lies between
/// them is kept. Made for a `src` whose rows are adjacent (0.1 ns an element in cache), and right for any.
pub fn transpose(src: Matrix, dst: &mut [f32], row_stride: usize) {
    /// One cache line each way.
    const BLOCK: usize = 16;
    for col in (0..src.cols()).step_by(BLOCK) {
        for row in (0..src.rows()).step_by(BLOCK) {
            let (rows, cols) = (BLOCK.min(src.rows() - row), BLOCK.min(src.cols() - col));
            let block = src.tile(row..row + rows, col..col + cols);
            transpose_block(block, &mut dst[row * row_stride + col..], row_stride);
        }
    }
}

/// [`transpose`] for a few rows and columns: four by four as far as there are whole fours.
fn transpose_block(src: Matrix, dst: &mut [f32], row_stride: usize) {
    let fours = |count: usize| if src.row_stride() == 1 { count / 4 * 4 } else { 0 };
    let (rows, cols) = (fours(src.rows()), fours(src.cols()));
    assert!(rows == 0 || cols == 0 || (rows - 1) * row_stride + cols <= dst.len(), "a block beyond the copy");
    for i in (0..rows).step_by(4) {
        for j in (0..cols).step_by(4) {
            // SAFETY: the view has these rows, which are adjacent, and columns; the copy has them as just asserted.
            unsafe {
                let from = src.data().as_ptr().add(j * src.col_stride() + i);
                transpose_four(from, src.col_stride(), dst.as_mut_ptr().add(i * row_stride + j), row_stride);
            }
        }
    }
    for i in 0..src.rows() {
        let done = if i < rows { cols } else { 0 };
        for j in done..src.cols() {
            dst[i * row_stride + j] = src.data()[i * src.row_stride() + j * src.col_stride()];
        }
    }
}

/// Writes four runs of four elements as columns.
///
/// # Safety
/// `from` addresses four runs that start `from_stride` elements apart, `to` as many that start `to_stride` apart and that
/// nobody else touches.
#[inline(always)]
unsafe fn transpose_four(from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every processor of this architecture has the instructions; the addresses are the caller's promise. Left to
    // the compiler, the sixteen moves are not made of shuffles and take three times as long.
    unsafe {
        use std::arch::x86_64::{_MM_TRANSPOSE4_PS, _mm_loadu_ps, _mm_storeu_ps};
        let [mut a, mut b, mut c, mut d] = [0, 1, 2, 3].map(|run| _mm_loadu_ps(from.add(run * from_stride)));
        _MM_TRANSPOSE4_PS(&mut a, &mut b, &mut c, &mut d);
        for (run, values) in [a, b, c, d].into_iter().enumerate() {
            _mm_storeu_ps(to.add(run * to_stride), values);
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    for (i, j) in (0..16).map(|element| (element / 4, element % 4)) {
        // SAFETY: the caller's promise.
        unsafe { *to.add(i * to_stride + j) = *from.add(j * from_stride + i) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transposes_odd_sizes() {
        for (rows, cols, stride) in
            [(37, 50, 61), (4, 4, 4), (3, 64, 64), (64, 3, 5), (19, 16, 80), (1, 1, 1)]
        {
            let data: Vec<f32> = (0..rows * cols).map(|i| i as f32 + 0.5).collect();
            let mut out = vec![-1.0; rows * stride];
            transpose(Matrix::row_major(&data, cols, rows).t(), &mut out, stride);
            for (i, row) in out.chunks(stride).enumerate() {
                (0..cols).for_each(|j| assert_eq!(row[j], data[j * rows + i]));
                assert!(row[cols..].iter().all(|&x| x == -1.0));
            }
        }
    }

    #[test]
    fn copies_what_is_not_transposed() {
        let data: Vec<f32> = (0..30).map(|i| i as f32).collect();
        let mut out = vec![-1.0; 30];
        transpose(Matrix::row_major(&data, 5, 6), &mut out, 6);
        assert_eq!(out, data);
    }
}
