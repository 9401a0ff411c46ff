//! Matrix multiplication `C (+)= alpha · A · B` on strided `f32` views.
//!
//! [`gemm`] is one call on one thread: a thin safe wrapper over the `gemm` crate. [`par_gemm`] cuts `C` into
//! tiles ([`Tiling`]) that rayon hands to whichever thread is free. A tile is computed whole, by one thread, and
//! the cut depends on the shape alone, so the result has the same bits for any number of threads.
//!
//! # What the inner kernel likes
//!
//! For a row-major `C` the crate packs `B` in strips of 64 columns (on AVX-512) and broadcasts from `A`, six rows
//! at a time. Hence the policy, measured on ViT-S shapes:
//! - tiles are one strip wide and tall: each packs its own part of `B`, once, and streams the rows of `A` past it
//!   unpacked. Wider tiles pack more for the same work, and from 129 columns on the crate packs `A` too;
//! - packing is a copy while the columns of `B` are adjacent in memory and a gather otherwise (half the speed at
//!   k = 1536), so [`par_gemm`] transposes such a `B` once, up front;
//! - heights are multiples of 6, so that only the last tile runs partial micro-kernels.

use std::ops::Range;

use rayon::prelude::*;

use super::matrix::{Matrix, MatrixMut};
use super::scratch::Scratch;

/// `C = alpha · A · B`, or `C += alpha · A · B` when `accumulate`, on the calling thread.
///
/// `A` is `m × k`, `B` is `k × n`, `C` is `m × n`, each with any strides. With `k = 0` the product is zero.
/// Without `accumulate` the old `C` is not read, so it may hold anything, NaN included.
pub fn gemm(c: &mut MatrixMut, alpha: f32, a: Matrix, b: Matrix, accumulate: bool) {
    assert_shapes(c, &a, &b);
    // SAFETY: whoever made the three views checked that their elements lie within their slices; `c` is borrowed
    // exclusively; the shapes agree. A stride that exceeds isize is that of a single row or column, and unused.
    unsafe {
        ::gemm::gemm(
            c.rows(),
            c.cols(),
            a.cols(),
            c.as_mut_ptr(),
            c.col_stride() as isize,
            c.row_stride() as isize,
            accumulate,
            a.data().as_ptr(),
            a.col_stride() as isize,
            a.row_stride() as isize,
            b.data().as_ptr(),
            b.col_stride() as isize,
            b.row_stride() as isize,
            // The crate's alpha multiplies the old C and its beta the product, the reverse of BLAS.
            1.0,
            alpha,
            false,
            false,
            false,
            ::gemm::Parallelism::None,
        );
    }
}

/// [`gemm`] on all threads of the current rayon pool, for a row-major `C`.
///
/// `epilogue` runs on each tile right after it is computed, while it is still in cache; it is given the tile's
/// elements and its place in `C`.
pub fn par_gemm<E>(c: MatrixMut, alpha: f32, a: Matrix, b: Matrix, accumulate: bool, epilogue: E)
where
    E: Fn(MatrixMut, Tile) + Sync,
{
    assert_shapes(&c, &a, &b);
    assert!(c.col_stride() == 1 || c.cols() <= 1, "par_gemm: C is not row-major");
    let tiling = Tiling::new(c.rows(), c.cols(), a.cols());
    let gather = b.col_stride() != 1 && tiling.row_panels() > 1;
    let mut adjacent = Scratch::take(if gather { b.rows() * b.cols() } else { 0 });
    let b = if gather { par_transpose(b, &mut adjacent) } else { b };

    let c = c.share();
    (0..tiling.len()).into_par_iter().with_max_len(1).for_each(|index| {
        let tile = tiling.tile(index);
        // SAFETY: the tiles of a tiling are disjoint, and each index comes up once.
        let mut out = unsafe { c.tile(tile.rows.clone(), tile.cols.clone()) };
        let a = a.tile(tile.rows.clone(), 0..a.cols());
        let b = b.tile(0..b.rows(), tile.cols.clone());
        gemm(&mut out, alpha, a, b, accumulate);
        epilogue(out, tile);
    });
}

fn assert_shapes(c: &MatrixMut, a: &Matrix, b: &Matrix) {
    let (m, n, k) = (c.rows(), c.cols(), a.cols());
    assert!(
        a.rows() == m && b.cols() == n && b.rows() == k,
        "gemm: {m} × {n} is not the shape of {} × {k} · {} × {}",
        a.rows(),
        b.rows(),
        b.cols()
    );
}

/// A rectangle of `C`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    /// Its rows.
    pub rows: Range<usize>,
    /// Its columns.
    pub cols: Range<usize>,
}

/// How an `m × n` product over `k` is cut into tiles: by the shape alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiling {
    m: usize,
    n: usize,
    tile_rows: usize,
}

impl Tiling {
    /// Width of a tile: one strip of packed `B`.
    const COLS: usize = 64;

    /// Tiles are as tall as leaves about 64 of them, so that 2 to 64 threads get even shares; but not taller than
    /// 396 rows, for cache, nor so small that the cost of starting one would show.
    pub fn new(m: usize, n: usize, k: usize) -> Self {
        const TILES: usize = 64;
        const MAX_ROWS: usize = 396;
        const MIN_ROWS: usize = 48;
        /// Some 0.2 ms on one core.
        const MIN_FLOPS: usize = 1 << 24;
        let min_rows = (MIN_FLOPS / (2 * Self::COLS * k.max(1))).max(MIN_ROWS);
        let wanted = TILES.div_ceil(n.div_ceil(Self::COLS).max(1));
        let panels = wanted.min(m / min_rows).max(m.div_ceil(MAX_ROWS)).max(1);
        Self { m, n, tile_rows: m.div_ceil(panels).next_multiple_of(6).max(6) }
    }

    /// Number of tiles; 0 for an empty `C`.
    pub fn len(&self) -> usize {
        self.row_panels() * self.n.div_ceil(Self::COLS)
    }

    /// Whether there is no tile.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Tile number `index`. Neighbours share their rows, so that a thread's next tile finds its part of `A` in
    /// cache.
    pub fn tile(&self, index: usize) -> Tile {
        let strips = self.n.div_ceil(Self::COLS);
        let (row, col) = (index / strips * self.tile_rows, index % strips * Self::COLS);
        Tile { rows: row..self.m.min(row + self.tile_rows), cols: col..self.n.min(col + Self::COLS) }
    }

    fn row_panels(&self) -> usize {
        self.m.div_ceil(self.tile_rows)
    }
}

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

/// Copies `src` to `dst`, whose rows are contiguous and start every `row_stride` elements; what lies between them
/// is kept. Made for a `src` whose rows are adjacent (0.35 ns an element in cache), and right for any.
pub fn transpose(src: Matrix, dst: &mut [f32], row_stride: usize) {
    /// One cache line each way.
    const BLOCK: usize = 16;
    for col in (0..src.cols()).step_by(BLOCK) {
        for row in (0..src.rows()).step_by(BLOCK) {
            let (rows, cols) = (BLOCK.min(src.rows() - row), BLOCK.min(src.cols() - col));
            let block = src.tile(row..row + rows, col..col + cols);
            let out = &mut dst[row * row_stride + col..];
            if block.row_stride() == 1 && rows == BLOCK && cols == BLOCK {
                transpose_block::<BLOCK>(block, out, row_stride);
                continue;
            }
            for i in 0..rows {
                for j in 0..cols {
                    out[i * row_stride + j] = block.data()[i * block.row_stride() + j * block.col_stride()];
                }
            }
        }
    }
}

/// [`transpose`] for `N × N` elements with adjacent rows. The sizes are constants so that the compiler unrolls
/// the loops and drops the bounds checks.
fn transpose_block<const N: usize>(src: Matrix, dst: &mut [f32], row_stride: usize) {
    let cols: [&[f32; N]; N] =
        std::array::from_fn(|j| src.data()[j * src.col_stride()..].first_chunk().expect("N rows"));
    for i in 0..N {
        let out = dst[i * row_stride..].first_chunk_mut::<N>().expect("N columns");
        for (out, col) in out.iter_mut().zip(cols) {
            *out = col[i];
        }
    }
}
