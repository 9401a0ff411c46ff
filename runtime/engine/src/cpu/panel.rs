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
//! What a tile needs next lies in rows that are apart, which the processor does not foresee. It is asked for bit by bit
//! while the kernel runs: the next rows of `A` beside a packed `B`, the next [`DEPTH`] rows of both operands in place.
//!
//! [`multiply_small`] is the same kernel for one product whose right operand fits a cache, as those of attention do.
//!
//! Every element of `C` is the sum, in order, of chains of [`DEPTH`] fused multiply-adds, however `C` is cut.

use std::arch::x86_64::{
    _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_mul_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
};
use std::ops::Range;

use pulp::Arch;
use rayon::prelude::*;

use super::call::Shared;
use super::instructions;
use super::matrix::Matrix;
use super::prefetch::prefetch;
use super::product::{Product, Strided};
use super::scratch::Scratch;
use super::transpose::transpose;

/// Elements of a register.
const LANES: usize = 16;

/// Columns of a strip: two registers.
pub const STRIP: usize = 2 * LANES;

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
            for row in (0..rows).step_by(ROWS) {
                let kernel = KERNELS[ROWS.min(rows - row) - 1];
                for (column, strip) in strips.clone().enumerate() {
                    match self.place {
                        Place::Packed(_) => {
                            prefetch_rows(a, (row + ROWS, start), depth, column, strips.len())
                        }
                        Place::InPlace { .. } => {
                            let part = row / ROWS * strips.len() + column;
                            self.prefetch_depth(rows, &strips, a, start + DEPTH, part);
                        }
                    }
                    // SAFETY: the caller's promise; making the strips made sure of the instructions.
                    unsafe {
                        let a = at(a, row, start);
                        let c = c.add(row * c_stride + column * STRIP);
                        kernel(depth, a, self.rows_of(strip, start), (c, c_stride), 1.0, start > 0);
                    }
                }
            }
        }
    }

    /// Asks for a part of what both operands have for a tile from `start` on, as many sums as are worked on before the
    /// next: one part for each strip of each [`ROWS`] of the tile's rows.
    fn prefetch_depth(
        &self,
        rows: usize,
        strips: &Range<usize>,
        a: Strided<*const f32>,
        start: usize,
        part: usize,
    ) {
        let sums = DEPTH.min(self.depth.saturating_sub(start));
        let (first, count) = share(sums, part, rows.div_ceil(ROWS) * strips.len());
        let (b, stride) = self.rows_of(strips.start, start + first);
        prefetch(b, stride as isize, count, strips.len() * STRIP);
        if a.row_stride == 1 {
            let columns = a.start.wrapping_offset((start + first) as isize * a.col_stride);
            prefetch(columns, a.col_stride, count, rows);
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

/// Runs a product on the calling thread, if its right operand fits a cache and this kernel is made for its shape; says
/// whether it did.
///
/// # Safety
/// As for [`Product::run`].
pub unsafe fn multiply_small(product: &Product) -> bool {
    /// A quarter of a mebibyte, of the second-level cache's one or two.
    const MOST: usize = 1 << 16;
    let Product { sizes: [rows, depth, columns], c, accumulate, factor, a, b } = *product;
    let dense = b.col_stride == 1 && c.col_stride == 1 && b.row_stride > 0 && c.row_stride > 0;
    let whole = depth > 0 && columns.is_multiple_of(LANES) && depth * columns <= MOST;
    if !dense || !whole || !has_instructions() {
        return false;
    }
    for start in (0..depth).step_by(DEPTH) {
        let length = DEPTH.min(depth - start);
        for row in (0..rows).step_by(ROWS) {
            let count = ROWS.min(rows - row) - 1;
            for column in (0..columns).step_by(STRIP) {
                let kernel = if columns - column >= STRIP { KERNELS[count] } else { HALF_KERNELS[count] };
                // SAFETY: the caller's promise, and there are the instructions.
                unsafe {
                    let b = (b.start.add(start * b.row_stride as usize + column), b.row_stride as usize);
                    let c = (c.start.add(row * c.row_stride as usize + column), c.row_stride as usize);
                    kernel(length, at(a, row, start), b, c, factor, accumulate || start > 0);
                }
            }
        }
    }
    true
}

/// Asks for a part of [`ROWS`] rows of a left operand, whose elements are neighbours, from the element at `place` on.
fn prefetch_rows(a: Strided<*const f32>, place: (usize, usize), depth: usize, part: usize, parts: usize) {
    let (first, count) = share(depth, part, parts);
    let start = a.start.wrapping_offset(place.0 as isize * a.row_stride).wrapping_add(place.1 + first);
    prefetch(start, a.row_stride, ROWS, count);
}

/// Where a part of `length` begins, and how long it is.
fn share(length: usize, part: usize, parts: usize) -> (usize, usize) {
    let [first, end] = [part, part + 1].map(|part| part * length / parts);
    (first, end - first)
}

/// A matrix from one of its elements on.
///
/// # Safety
/// It has the element.
unsafe fn at(a: Strided<*const f32>, row: usize, column: usize) -> Strided<*const f32> {
    let distance = row as isize * a.row_stride + column as isize * a.col_stride;
    // SAFETY: the caller's promise.
    Strided { start: unsafe { a.start.offset(distance) }, ..a }
}

fn has_instructions() -> bool {
    matches!(instructions::arch(), Arch::V4(_))
}

/// Whether there are instructions for it and a whole number of strips.
fn suits(b: &Matrix) -> bool {
    let whole = b.rows() > 0 && b.cols() > 0 && b.cols().is_multiple_of(STRIP);
    whole && has_instructions()
}

/// The inner kernel for some number of rows.
type Micro = unsafe fn(usize, Strided<*const f32>, (*const f32, usize), (*mut f32, usize), f32, bool);

macro_rules! kernels {
    ($vectors:literal: $($rows:literal)*) => { [$(micro::<$rows, $vectors>),*] };
}

/// By the number of rows, from one on.
static KERNELS: [Micro; ROWS] = kernels!(2: 1 2 3 4 5 6 7 8 9 10 11 12);

/// The same for half a strip.
static HALF_KERNELS: [Micro; ROWS] = kernels!(1: 1 2 3 4 5 6 7 8 9 10 11 12);

/// `factor` times `R` rows of a product with `V` vectors of a strip, added to what `c` holds if `accumulate`.
///
/// # Safety
/// The machine has AVX-512. `a` addresses `R` rows of `depth` elements, `b` `depth` rows and `c` `R` rows of `V` vectors.
#[target_feature(enable = "avx512f")]
unsafe fn micro<const R: usize, const V: usize>(
    depth: usize,
    a: Strided<*const f32>,
    (b, b_stride): (*const f32, usize),
    (c, c_stride): (*mut f32, usize),
    factor: f32,
    accumulate: bool,
) {
    /// Rows of the strip between two looks at the addresses: 3 % faster than every time.
    const UNROLL: usize = 4;
    let mut sums = [[_mm512_setzero_ps(); V]; R];
    let factor = _mm512_set1_ps(factor);
    // SAFETY: the caller's promise.
    unsafe {
        // A macro and not a function, which would be called and not inlined in the lightly optimized code of tests.
        macro_rules! add_products {
            ($step:expr) => {
                let b = b.add($step * b_stride);
                let mut vectors = [_mm512_setzero_ps(); V];
                for (vector, loaded) in vectors.iter_mut().enumerate() {
                    *loaded = _mm512_loadu_ps(b.add(vector * LANES));
                }
                let a_column = a.start.offset($step as isize * a.col_stride);
                for (row, sums) in sums.iter_mut().enumerate() {
                    let a = _mm512_set1_ps(*a_column.offset(row as isize * a.row_stride));
                    for (sum, &b) in sums.iter_mut().zip(&vectors) {
                        *sum = _mm512_fmadd_ps(a, b, *sum);
                    }
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
        for (row, sums) in sums.iter().enumerate() {
            for (vector, &sum) in sums.iter().enumerate() {
                let c = c.add(row * c_stride + vector * LANES);
                let sum = match accumulate {
                    true => _mm512_fmadd_ps(factor, sum, _mm512_loadu_ps(c)),
                    false => _mm512_mul_ps(factor, sum),
                };
                _mm512_storeu_ps(c, sum);
            }
        }
    }
}

#[cfg(test)]
mod tests;
