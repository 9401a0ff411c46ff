//! Matrix products `C = A · B` with a `B` that is packed once for all rows of `A`, for machines with AVX-512.
//!
//! A training step multiplies thousands of tokens with each weight. The `gemm` crate packs the weight's columns again
//! for every tile of the result; here they are packed up front, in strips of 32 columns, and `A` is read where it lies.
//! The inner kernel holds 12 × 32 sums in registers: a row of a strip is loaded once for 12 rows of `A`, whose elements
//! are broadcast. A strip of [`DEPTH`] rows streams from the second-level cache past 12 rows of `A` in the first.
//!
//! Every element of `C` is the sum, in order, of chains of [`DEPTH`] fused multiply-adds, however `C` is cut.

use std::arch::x86_64::{
    _mm512_add_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
};
use std::ops::Range;

use rayon::prelude::*;

use super::gemm::transpose;
use super::matrix::Matrix;
use super::scratch::Scratch;

/// Columns of a strip: two registers.
pub const STRIP: usize = 32;

/// Rows of the inner kernel.
pub const ROWS: usize = 12;

/// Rows of a strip that are multiplied before the next strip's turn.
const DEPTH: usize = 384;

/// A right operand, packed.
pub struct Packed {
    /// Strip by strip, each row by row.
    data: Scratch,
    depth: usize,
}

impl Packed {
    /// Packs `b`, on all threads; nothing where this machine or this shape is not made for it.
    pub fn new(b: Matrix) -> Option<Packed> {
        let (depth, columns) = (b.rows(), b.cols());
        let suits = depth > 0 && columns > 0 && columns.is_multiple_of(STRIP);
        if !suits || !std::arch::is_x86_feature_detected!("avx512f") {
            return None;
        }
        let mut data = Scratch::take(depth * columns);
        data.par_chunks_exact_mut(depth * STRIP).enumerate().for_each(|(strip, packed)| {
            let source = b.tile(0..depth, strip * STRIP..(strip + 1) * STRIP);
            match source.col_stride() {
                1 => {
                    for (row, packed) in packed.chunks_exact_mut(STRIP).enumerate() {
                        packed.copy_from_slice(source.row(row));
                    }
                }
                _ => transpose(source, packed, STRIP),
            }
        });
        Some(Packed { data, depth })
    }

    /// Writes `rows` rows of the product, in the columns of `strips`, from `c` on. Rows of the left operand, whose
    /// columns are neighbours, are `a_stride` apart.
    ///
    /// # Safety
    /// `a` and its stride address `rows` rows of the operand; `c` and its stride as many rows of the columns, which
    /// nobody else touches.
    pub unsafe fn multiply(
        &self,
        rows: usize,
        strips: Range<usize>,
        (a, a_stride): (*const f32, usize),
        (c, c_stride): (*mut f32, usize),
    ) {
        for start in (0..self.depth).step_by(DEPTH) {
            let depth = DEPTH.min(self.depth - start);
            let mut row = 0;
            while row < rows {
                let kernel = match rows - row {
                    ROWS.. => (micro::<ROWS> as Micro, ROWS),
                    4.. => (micro::<4> as Micro, 4),
                    _ => (micro::<1> as Micro, 1),
                };
                for (column, strip) in strips.clone().enumerate() {
                    let b = &self.data[(strip * self.depth + start) * STRIP..][..depth * STRIP];
                    // SAFETY: the caller's promise; packing made sure of the instructions.
                    unsafe {
                        let a = a.add(row * a_stride + start);
                        let c = c.add(row * c_stride + column * STRIP);
                        kernel.0(b, (a, a_stride), (c, c_stride), start > 0);
                    }
                }
                row += kernel.1;
            }
        }
    }
}

/// The inner kernel for some number of rows.
type Micro = unsafe fn(&[f32], (*const f32, usize), (*mut f32, usize), bool);

/// `R` rows of a product with a strip, added to what `c` holds if `accumulate`.
///
/// # Safety
/// The machine has AVX-512. `a` addresses `R` rows of as many elements as the strip has rows, `c` as many of [`STRIP`].
#[target_feature(enable = "avx512f")]
unsafe fn micro<const R: usize>(
    b: &[f32],
    (a, a_stride): (*const f32, usize),
    (c, c_stride): (*mut f32, usize),
    accumulate: bool,
) {
    /// Rows of the strip between two looks at the addresses of the rows of `a`: 3 % faster than every time.
    const UNROLL: usize = 4;
    let mut sums = [[_mm512_setzero_ps(); 2]; R];
    // SAFETY: the caller's promise, for `a` and `c`; every place in `b` is inside of a chunk.
    unsafe {
        // A macro and not a function, which would be called and not inlined in the lightly optimized code of tests.
        macro_rules! add_products {
            ($step:expr, $b:expr) => {
                let b = [_mm512_loadu_ps($b), _mm512_loadu_ps($b.add(16))];
                for (row, sums) in sums.iter_mut().enumerate() {
                    let a = _mm512_set1_ps(*a.add(row * a_stride + $step));
                    *sums = [_mm512_fmadd_ps(a, b[0], sums[0]), _mm512_fmadd_ps(a, b[1], sums[1])];
                }
            };
        }
        let (chunks, rest) = b.as_chunks::<{ UNROLL * STRIP }>();
        for (chunk, b) in chunks.iter().enumerate() {
            for step in 0..UNROLL {
                add_products!(chunk * UNROLL + step, b.as_ptr().add(step * STRIP));
            }
        }
        for (step, b) in rest.chunks_exact(STRIP).enumerate() {
            add_products!(chunks.len() * UNROLL + step, b.as_ptr());
        }
        for (row, sums) in sums.iter_mut().enumerate() {
            let c = c.add(row * c_stride);
            if accumulate {
                *sums = [
                    _mm512_add_ps(_mm512_loadu_ps(c), sums[0]),
                    _mm512_add_ps(_mm512_loadu_ps(c.add(16)), sums[1]),
                ];
            }
            _mm512_storeu_ps(c, sums[0]);
            _mm512_storeu_ps(c.add(16), sums[1]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(len: usize, seed: usize) -> Vec<f32> {
        (0..len).map(|i| ((i * 7919 + seed * 104_729) % 1009) as f32 / 504.5 - 1.0).collect()
    }

    #[test]
    fn matches_the_definition_for_every_number_of_rows() {
        let depth = DEPTH + 7;
        let b = noise(depth * 2 * STRIP, 2);
        for rows in [1, 3, 4, 5, 11, 12, 13, 29] {
            let a = noise(rows * depth, 1);
            for b_view in
                [Matrix::row_major(&b, depth, 2 * STRIP), Matrix::row_major(&b, 2 * STRIP, depth).t()]
            {
                let Some(packed) = Packed::new(b_view) else { return };
                let mut c = vec![9.0; rows * 80];
                // SAFETY: both hold as many rows as are asked for.
                unsafe { packed.multiply(rows, 0..2, (a.as_ptr(), depth), (c.as_mut_ptr(), 80)) };
                for (i, row) in c.chunks(80).enumerate() {
                    for (j, &found) in row[..2 * STRIP].iter().enumerate() {
                        let at = |l: usize| b_view.data()[l * b_view.row_stride() + j * b_view.col_stride()];
                        let sum: f64 =
                            (0..depth).map(|l| f64::from(a[i * depth + l]) * f64::from(at(l))).sum();
                        let tolerance = 1e-6 * depth as f64;
                        assert!((f64::from(found) - sum).abs() < tolerance, "{i}, {j}: {found}, not {sum}");
                    }
                    assert!(row[2 * STRIP..].iter().all(|&x| x == 9.0));
                }
            }
        }
    }

    #[test]
    fn other_widths_are_left_to_others() {
        assert!(Packed::new(Matrix::row_major(&noise(3 * 40, 1), 3, 40)).is_none());
    }
}
