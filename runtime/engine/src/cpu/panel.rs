//! Matrix products `C = A · B` of many multiply-adds, for machines with AVX-512.
//!
//! `B` is taken in strips of 32 columns. The inner kernel holds 12 × 32 sums in registers: a row of a strip is loaded once
//! for 12 rows of `A`, whose elements are broadcast from where they lie. A strip of [`DEPTH`] rows streams from the
//! second-level cache past 12 rows of `A` in the first.
//!
//! A training step multiplies thousands of tokens with each weight. The `gemm` crate packs the weight's columns again for
//! every tile of the result; here they are packed once, up front ([`Strips::pack`]). For the weight's gradient, a sum over
//! the tokens, neither operand is packed at all ([`Strips::in_place`]): either is larger than a cache, a tile of the
//! result reads its part of both once, and a copy would cost as much as that.
//!
//! Every element of `C` is the sum, in order, of chains of [`DEPTH`] fused multiply-adds, however `C` is cut.

use std::arch::x86_64::{
    _mm512_add_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
};
use std::ops::Range;

use pulp::Arch;
use rayon::prelude::*;

use super::call::Shared;
use super::gemm::transpose;
use super::instructions;
use super::matrix::Matrix;
use super::product::Strided;
use super::scratch::Scratch;

/// Columns of a strip: two registers.
pub const STRIP: usize = 32;

/// Rows of the inner kernel.
pub const ROWS: usize = 12;

/// Rows of a strip that are multiplied before the next strip's turn.
pub const DEPTH: usize = 384;

/// A right operand in strips.
pub struct Strips {
    place: Place,
    depth: usize,
}

enum Place {
    /// Strip by strip, each row by row.
    Packed(Scratch),
    /// Where the operand lies, its columns neighbours.
    InPlace { start: Shared, row_stride: usize },
}

impl Strips {
    /// Packs `b`, on all threads; nothing where these instructions or this shape are not made for it.
    pub fn pack(b: Matrix) -> Option<Strips> {
        let (depth, columns) = (b.rows(), b.cols());
        if !suits(&b) {
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
        Some(Strips { place: Place::Packed(data), depth })
    }

    /// Takes `b` where it lies, if its columns are neighbours; nothing as for [`Strips::pack`].
    ///
    /// # Safety
    /// The operand outlives the strips.
    pub unsafe fn in_place(b: Matrix) -> Option<Strips> {
        let (start, row_stride) = (Shared::new(b.data().as_ptr().cast_mut()), b.row_stride());
        let place = Place::InPlace { start, row_stride };
        (suits(&b) && b.col_stride() == 1).then_some(Strips { place, depth: b.rows() })
    }

    /// Whether a product's elements are sums of more than one chain.
    pub fn is_deep(&self) -> bool {
        self.depth > DEPTH
    }

    /// Writes `rows` rows of the product, in the columns of `strips`, from `c` on, whose rows are `c_stride` apart.
    ///
    /// # Safety
    /// `a` addresses `rows` rows of the left operand, `c` as many rows of the columns, which nobody else touches.
    pub unsafe fn multiply(
        &self,
        rows: usize,
        strips: Range<usize>,
        a: Strided<*const f32>,
        (c, c_stride): (*mut f32, usize),
    ) {
        for start in (0..self.depth).step_by(DEPTH) {
            let depth = DEPTH.min(self.depth - start);
            let mut row = 0;
            while row < rows {
                let (kernel, count) = match rows - row {
                    ROWS.. => (micro::<ROWS> as Micro, ROWS),
                    4.. => (micro::<4> as Micro, 4),
                    _ => (micro::<1> as Micro, 1),
                };
                for (column, strip) in strips.clone().enumerate() {
                    // SAFETY: the caller's promise; making the strips made sure of the instructions.
                    unsafe {
                        let from =
                            a.start.offset(row as isize * a.row_stride + start as isize * a.col_stride);
                        let c = c.add(row * c_stride + column * STRIP);
                        let a = Strided { start: from, ..a };
                        kernel(depth, a, self.rows_of(strip, start), (c, c_stride), start > 0);
                    }
                }
                row += count;
            }
        }
    }

    /// Where a strip's rows lie from one of them on, and how far apart.
    fn rows_of(&self, strip: usize, row: usize) -> (*const f32, usize) {
        match &self.place {
            Place::Packed(data) => (data[(strip * self.depth + row) * STRIP..].as_ptr(), STRIP),
            Place::InPlace { start, row_stride } => {
                (start.pointer().wrapping_add(row * row_stride + strip * STRIP).cast_const(), *row_stride)
            }
        }
    }
}

/// Whether there are instructions for it and a whole number of strips.
fn suits(b: &Matrix) -> bool {
    let whole = b.rows() > 0 && b.cols() > 0 && b.cols().is_multiple_of(STRIP);
    whole && matches!(instructions::arch(), Arch::V4(_))
}

/// The inner kernel for some number of rows.
type Micro = unsafe fn(usize, Strided<*const f32>, (*const f32, usize), (*mut f32, usize), bool);

/// `R` rows of a product with a strip, added to what `c` holds if `accumulate`.
///
/// # Safety
/// The machine has AVX-512. `a` addresses `R` rows of `depth` elements, `b` `depth` rows and `c` `R` rows of [`STRIP`].
#[target_feature(enable = "avx512f")]
unsafe fn micro<const R: usize>(
    depth: usize,
    a: Strided<*const f32>,
    (b, b_stride): (*const f32, usize),
    (c, c_stride): (*mut f32, usize),
    accumulate: bool,
) {
    /// Rows of the strip between two looks at the addresses: 3 % faster than every time.
    const UNROLL: usize = 4;
    let mut sums = [[_mm512_setzero_ps(); 2]; R];
    // SAFETY: the caller's promise.
    unsafe {
        // A macro and not a function, which would be called and not inlined in the lightly optimized code of tests.
        macro_rules! add_products {
            ($step:expr) => {
                let b = b.add($step * b_stride);
                let b = [_mm512_loadu_ps(b), _mm512_loadu_ps(b.add(16))];
                let a_column = a.start.offset($step as isize * a.col_stride);
                for (row, sums) in sums.iter_mut().enumerate() {
                    let a = _mm512_set1_ps(*a_column.offset(row as isize * a.row_stride));
                    *sums = [_mm512_fmadd_ps(a, b[0], sums[0]), _mm512_fmadd_ps(a, b[1], sums[1])];
                }
            };
        }
        let whole = depth / UNROLL * UNROLL;
        for chunk in (0..whole).step_by(UNROLL) {
            for step in 0..UNROLL {
                add_products!(chunk + step);
            }
        }
        for step in whole..depth {
            add_products!(step);
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

    fn at(matrix: &Matrix, row: usize, column: usize) -> f64 {
        f64::from(matrix.data()[row * matrix.row_stride() + column * matrix.col_stride()])
    }

    fn check(a: Matrix, b: Matrix, strips: &Strips) {
        const C_STRIDE: usize = 80;
        let mut c = vec![9.0; a.rows() * C_STRIDE];
        let left = Strided {
            start: a.data().as_ptr(),
            row_stride: a.row_stride() as isize,
            col_stride: a.col_stride() as isize,
        };
        // SAFETY: all hold as many rows as are asked for.
        unsafe { strips.multiply(a.rows(), 0..2, left, (c.as_mut_ptr(), C_STRIDE)) };
        for (i, row) in c.chunks(C_STRIDE).enumerate() {
            for (j, &found) in row[..2 * STRIP].iter().enumerate() {
                let sum: f64 = (0..a.cols()).map(|l| at(&a, i, l) * at(&b, l, j)).sum();
                let tolerance = 1e-6 * a.cols() as f64;
                assert!((f64::from(found) - sum).abs() < tolerance, "{i}, {j}: {found}, not {sum}");
            }
            assert!(row[2 * STRIP..].iter().all(|&x| x == 9.0));
        }
    }

    #[test]
    fn matches_the_definition_for_every_number_of_rows_and_way_to_lie() {
        let depth = DEPTH + 7;
        let b = noise(depth * 2 * STRIP, 2);
        let row_major = Matrix::row_major(&b, depth, 2 * STRIP);
        for rows in [1, 3, 4, 5, 11, 12, 13, 29] {
            let a = noise(rows * depth, 1);
            for a in [Matrix::row_major(&a, rows, depth), Matrix::row_major(&a, depth, rows).t()] {
                for b in [row_major, Matrix::row_major(&b, 2 * STRIP, depth).t()] {
                    // Nothing on machines without the instructions.
                    let Some(packed) = Strips::pack(b) else { return };
                    check(a, b, &packed);
                }
                // SAFETY: the operand lives on.
                let in_place = unsafe { Strips::in_place(row_major) };
                check(a, row_major, &in_place.expect("the columns are neighbours"));
            }
        }
    }

    #[test]
    fn other_widths_are_left_to_others() {
        assert!(Strips::pack(Matrix::row_major(&noise(3 * 40, 1), 3, 40)).is_none());
    }
}
