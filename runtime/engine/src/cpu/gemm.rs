//! Matrix multiplication `C (+)= alpha · A · B` on strided `f32` views.
//!
//! [`gemm`] is one call on one thread: a thin safe wrapper over the `gemm` crate. A [`Tiling`] cuts `C` into tiles
//! that rayon hands to whichever thread is free. A tile is computed whole, by one thread, and the cut depends on the
//! shape alone, so the result has the same bits for any number of threads.
//!
//! # What the inner kernel likes
//!
//! For a row-major `C` the crate packs `B` in strips of 64 columns (on AVX-512) and broadcasts from `A`, six
//! rows at a time. Hence the policy, measured on ViT-S shapes:
//! - tiles are tall and one or two strips wide. Each packs its own part of `B` and streams the rows of `A`
//!   past it: 48 rows to a tile cost 17 %, 396 cost 2 %. From 129 columns on the crate packs `A` as well;
//! - packing is a copy while the columns of `B` are adjacent in memory, and otherwise a gather, which halves
//!   the speed of tiles at k = 1536; so such a `B` is transposed once, up front
//!   ([`super::transpose::par_transpose`]);
//! - heights are multiples of 6, so that only the last tile runs partial micro-kernels.

use std::ops::Range;

use super::matrix::{Matrix, MatrixMut};
use super::product::{Product, Strided};

/// `C = alpha · A · B`, or `C += alpha · A · B` when `accumulate`, on the calling thread.
///
/// `A` is `m × k`, `B` is `k × n`, `C` is `m × n`, each with any strides. With `k = 0` the product is zero.
/// Without `accumulate` the old `C` is not read, so it may hold anything, NaN included.
pub fn gemm(c: &mut MatrixMut, alpha: f32, a: Matrix, b: Matrix, accumulate: bool) {
    assert_shapes(c, &a, &b);
    // SAFETY: whoever made the three views checked that their elements lie within their slices; `c` is
    // borrowed exclusively; the shapes agree. A stride that exceeds isize is that of a single row or column,
    // and unused.
    unsafe {
        Product {
            sizes: [c.rows(), a.cols(), c.cols()],
            c: Strided {
                start: c.as_mut_ptr(),
                row_stride: c.row_stride() as isize,
                col_stride: c.col_stride() as isize,
            },
            accumulate,
            factor: alpha,
            a: strided(&a),
            b: strided(&b),
        }
        .run();
    }
}

fn strided(matrix: &Matrix) -> Strided<*const f32> {
    Strided {
        start: matrix.data().as_ptr(),
        row_stride: matrix.row_stride() as isize,
        col_stride: matrix.col_stride() as isize,
    }
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
    tile_cols: usize,
}

impl Tiling {
    /// About 64 tiles, so that 2 to 64 threads get even shares: two strips of packed `B` wide where that
    /// leaves them tall, else one; at most 396 rows, for cache, and never so small that packing would show.
    pub fn new(m: usize, n: usize, k: usize) -> Self {
        const TILES: usize = 64;
        const STRIP: usize = 64;
        const TALL: usize = 192;
        const MAX_ROWS: usize = 396;
        const MIN_ROWS: usize = 96;
        /// Some 0.2 ms on one core.
        const MIN_FLOPS: usize = 1 << 24;
        let rows = |cols: usize| {
            let min_rows = (MIN_FLOPS / (2 * cols * k.max(1))).max(MIN_ROWS);
            let wanted = TILES.div_ceil(n.div_ceil(cols).max(1));
            let panels = wanted.min(m / min_rows).max(m.div_ceil(MAX_ROWS)).max(1);
            m.div_ceil(panels).next_multiple_of(6).max(6)
        };
        let tile_cols = if rows(2 * STRIP) >= TALL { 2 * STRIP } else { STRIP };
        Self { m, n, tile_rows: rows(tile_cols), tile_cols }
    }

    /// Tiles of a given size, the last ones smaller.
    pub fn with_tiles(m: usize, n: usize, tile_rows: usize, tile_cols: usize) -> Self {
        Self { m, n, tile_rows, tile_cols }
    }

    /// Number of tiles; 0 for an empty `C`.
    pub fn len(&self) -> usize {
        self.row_panels() * self.n.div_ceil(self.tile_cols)
    }

    /// Tile number `index`. Neighbours share their rows, so that a thread's next tile finds its part of `A`
    /// in cache.
    pub fn tile(&self, index: usize) -> Tile {
        let strips = self.n.div_ceil(self.tile_cols);
        let (row, col) = (index / strips * self.tile_rows, index % strips * self.tile_cols);
        Tile { rows: row..self.m.min(row + self.tile_rows), cols: col..self.n.min(col + self.tile_cols) }
    }

    /// Tiles above one another.
    pub fn row_panels(&self) -> usize {
        self.m.div_ceil(self.tile_rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(len: usize, seed: usize) -> Vec<f32> {
        (0..len).map(|i| ((i * 7919 + seed * 104_729) % 1009) as f32 / 504.5 - 1.0).collect()
    }

    /// C + alpha · A · B in f64.
    fn reference(c: &[f32], alpha: f32, a: Matrix, b: Matrix) -> Vec<f32> {
        let at = |x: &Matrix, i, j| f64::from(x.data()[i * x.row_stride() + j * x.col_stride()]);
        let product = |i, j| (0..a.cols()).map(|l| at(&a, i, l) * at(&b, l, j)).sum::<f64>();
        let element = |at| f64::from(c[at]) + f64::from(alpha) * product(at / b.cols(), at % b.cols());
        (0..c.len()).map(|at| element(at) as f32).collect()
    }

    fn assert_close(got: &[f32], expected: &[f32], k: usize) {
        let tolerance = 1e-6 * (k as f32).max(1.0);
        for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
            assert!((got - expected).abs() <= tolerance, "element {i}: {got}, expected {expected}");
        }
    }

    #[test]
    fn matches_reference_for_all_layouts() {
        for (m, n, k) in [(1, 1, 1), (7, 5, 3), (1, 70, 9), (70, 1, 9), (33, 65, 130), (100, 200, 2)] {
            let (a, b) = (noise(m * k, 1), noise(k * n, 2));
            for layout in 0..8 {
                let flag = |bit: usize| layout >> bit & 1 == 1;
                let a = if flag(0) { Matrix::row_major(&a, m, k) } else { Matrix::row_major(&a, k, m).t() };
                let b = if flag(1) { Matrix::row_major(&b, k, n) } else { Matrix::row_major(&b, n, k).t() };
                let mut c = vec![0.5; m * n];
                let accumulate = flag(2);
                let expected = reference(&vec![if accumulate { 0.5 } else { 0.0 }; m * n], 1.5, a, b);
                gemm(&mut MatrixMut::row_major(&mut c, m, n), 1.5, a, b, accumulate);
                assert_close(&c, &expected, k);
            }
        }
    }

    #[test]
    fn writes_strided_tiles_and_nothing_else() {
        let (a, b) = (noise(6, 1), noise(6, 2));
        let (a, b) = (Matrix::row_major(&a, 2, 3), Matrix::row_major(&b, 3, 2));
        let expected = reference(&[0.0; 4], 1.0, a, b);
        let mut c = [9.0; 20];
        // SAFETY: the only tile.
        let mut tile = unsafe { MatrixMut::row_major(&mut c, 4, 5).share().tile(1..3, 2..4) };
        gemm(&mut tile, 1.0, a, b, false);
        assert_close(&[c[7], c[8], c[12], c[13]], &expected, 3);
        assert_eq!(c.iter().filter(|&&x| x == 9.0).count(), 16);
    }

    #[test]
    fn empty_products() {
        let mut c = [f32::NAN; 6];
        let (a, b) = (Matrix::row_major(&[], 2, 0), Matrix::row_major(&[], 0, 3));
        gemm(&mut MatrixMut::row_major(&mut c, 2, 3), 1.0, a, b, false);
        assert_eq!(c, [0.0; 6]);
        c.fill(7.0);
        gemm(&mut MatrixMut::row_major(&mut c, 2, 3), 1.0, a, b, true);
        assert_eq!(c, [7.0; 6]);
    }

    #[test]
    fn old_values_are_not_read() {
        let (a, b) = (noise(40 * 70, 1), noise(70 * 90, 2));
        let mut c = vec![f32::NAN; 40 * 90];
        let (a, b) = (Matrix::row_major(&a, 40, 70), Matrix::row_major(&b, 70, 90));
        gemm(&mut MatrixMut::row_major(&mut c, 40, 90), 1.0, a, b, false);
        assert!(c.iter().all(|x| x.is_finite()));
    }

    #[test]
    fn tiles_cover_once() {
        for (m, n, k) in
            [(3152, 1152, 384), (384, 1536, 3152), (1, 1, 1), (5, 1000, 2), (1000, 5, 100_000), (0, 7, 3)]
        {
            let tiling = Tiling::new(m, n, k);
            let mut seen = vec![0; m * n];
            for tile in (0..tiling.len()).map(|index| tiling.tile(index)) {
                assert!(!tile.rows.is_empty() && !tile.cols.is_empty());
                tile.rows.for_each(|i| tile.cols.clone().for_each(|j| seen[i * n + j] += 1));
            }
            assert!(seen.iter().all(|&count| count == 1));
        }
    }
}
