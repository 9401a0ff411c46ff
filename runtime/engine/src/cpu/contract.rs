//! Contractions as matrix products: axes are sorted into rows, columns and sums, merged where strides allow, and
//! the product is cut into tiles that finish with their epilogue while they are in cache.

use rayon::prelude::*;

use super::call::{Call, Shared};
use super::elementwise::{Kernel, TilePlace};
use super::gather::Lane;
use super::gemm::{Tile, Tiling};
use super::matrix::Matrix;
use super::panel::{self, STRIP, Strips};
use super::product::{Product, Strided};
use super::scratch::Scratch;
use super::transpose::par_transpose;
use crate::axes::{Axis, SortedAxes, UNIT, take_longest};
use crate::ops::{Contract, Program};

/// Runs a contraction.
pub fn run(contract: &Contract, call: &Call<'_>) {
    let problem = Problem::new(contract, call, false);
    let output = Shared::new(call.targets()[0]);
    problem.for_each_tile(|product, tile| {
        let start = product.c
            + tile.rows.start as isize * problem.rows.c
            + tile.cols.start as isize * problem.columns.c;
        // SAFETY: the tile lies in the output, and no other tile does.
        unsafe {
            problem.multiply(
                product,
                &tile,
                output.pointer().offset(start),
                problem.rows.c,
                problem.columns.c,
            )
        };
    });
}

/// Runs a contraction with an elementwise program behind it.
pub fn run_fused(contract: &Contract, epilogue: &Program, call: &Call<'_>) {
    let problem = Problem::new(contract, call, true);
    let targets: Vec<Shared> = call.targets().into_iter().map(Shared::new).collect();
    let lanes = Lane::of(call, 2);
    let kernel = Kernel::new(epilogue, call.output_shape(0).elements());
    problem.for_each_tile(|product, tile| {
        let columns = tile.cols.len();
        let at_once = problem.rows_at_once(&tile);
        let mut scratch = Scratch::take(at_once * columns);
        for first in tile.rows.clone().step_by(at_once) {
            let part = Tile { rows: first..tile.rows.end.min(first + at_once), cols: tile.cols.clone() };
            let place = TilePlace {
                start: (product.c + first as isize * problem.rows.c) as usize + tile.cols.start,
                rows: part.rows.len(),
                row_stride: problem.rows.c as usize,
                columns,
            };
            kernel.prefetch_tile(&lanes, place);
            // SAFETY: the scratch memory holds the part row-major. The program reads and writes the tile's own elements
            // of the other operands, which no other tile touches.
            unsafe {
                problem.multiply(product, &part, scratch.as_mut_ptr(), columns as isize, 1);
                kernel.run_tile(&scratch, &lanes, &targets, place);
            }
        }
        kernel.finish();
    });
}

/// A position in each operand.
#[derive(Clone, Copy, Debug, Default)]
struct Offsets {
    a: isize,
    b: isize,
    c: isize,
}

/// A contraction sorted into one matrix product for each combination of the outer axes, each of them a sum over
/// the combinations of the inner axes.
struct Problem {
    a: Shared,
    b: Shared,
    rows: Axis,
    columns: Axis,
    sums: Axis,
    outer: Vec<Offsets>,
    inner: Vec<Offsets>,
    /// A copy of the right operand whose columns are neighbours, where the kernel would have to gather them.
    adjacent: Option<Scratch>,
    /// The right operand as the kernel for products of many multiply-adds takes it, where that suits.
    strips: Option<Strips>,
}

impl Problem {
    /// Sorts the axes. With `dense`, columns are neighbours in the result, as an epilogue needs them.
    fn new(contract: &Contract, call: &Call<'_>, dense: bool) -> Problem {
        let [a, b] = [&call.sources()[0], &call.sources()[1]];
        let axes = SortedAxes::new(contract, a.layout(), b.layout(), call.output_shape(0));
        let swap = axes.columns.last().is_none_or(|axis| axis.c != 1)
            && axes.rows.last().is_some_and(|axis| axis.c == 1);
        let axes = if swap { axes.transposed() } else { axes };
        let SortedAxes { mut rows, mut columns, mut sums, batch } = axes;
        let columns_axis = match dense && columns.last().is_none_or(|axis| axis.c != 1) {
            true => Axis { length: 1, a: 0, b: 0, c: 1 },
            false if dense => columns.pop().unwrap_or(UNIT),
            false => take_longest(&mut columns),
        };
        let rows_axis = take_longest(&mut rows);
        let sums_axis = take_longest(&mut sums);
        let (left, right) = if swap { (b, a) } else { (a, b) };
        let start = Offsets { a: left.layout().offset(), b: right.layout().offset(), c: 0 };
        let outer: Vec<Axis> = batch.into_iter().chain(rows).chain(columns).collect();
        Problem {
            a: Shared::new(left.buffer().cast_mut()),
            b: Shared::new(right.buffer().cast_mut()),
            rows: rows_axis,
            columns: columns_axis,
            sums: sums_axis,
            outer: combinations(&outer, start),
            inner: combinations(&sums, Offsets::default()),
            adjacent: None,
            strips: None,
        }
        .with_strips()
        .with_adjacent_columns()
    }

    /// One product of many rows with a right operand of moderate size, a weight, has that packed once for all rows; other
    /// large products whose right operand has neighbouring columns read it where it lies: a weight's gradient, which sums
    /// over the rows, and few rows with a large weight.
    fn with_strips(mut self) -> Problem {
        const MOST: usize = 1 << 23;
        const LARGE: usize = 1 << 24;
        let (rows, columns, sums) = (self.rows, self.columns, self.sums);
        let single = self.outer.len() == 1 && self.inner.len() == 1;
        let forward = rows.a > 0 && sums.a > 0 && columns.b > 0 && sums.b > 0 && rows.c > 0 && columns.c == 1;
        let work = rows.length * columns.length * sums.length;
        if !single || !forward || work == 0 {
            return self;
        }
        let right = self.right(columns, sums);
        let many = rows.length >= 2 * PANEL_ROWS && sums.length * columns.length <= MOST;
        if many && sums.a == 1 {
            self.strips = Strips::pack(right);
        } else if rows.length >= panel::ROWS && work >= LARGE {
            // SAFETY: operands outlive the problem.
            self.strips = unsafe { Strips::in_place(right) };
        }
        self
    }

    /// The right operand of a single product.
    fn right(&self, columns: Axis, sums: Axis) -> Matrix<'_> {
        let span = (columns.length - 1) * columns.b as usize + (sums.length - 1) * sums.b as usize + 1;
        // SAFETY: these are the positions that the layout of the right operand reaches, which lie in its buffer.
        let data = unsafe {
            std::slice::from_raw_parts(self.b.pointer().offset(self.outer[0].b).cast_const(), span)
        };
        Matrix::new(data, sums.length, columns.length, sums.b as usize, columns.b as usize)
    }

    /// Packing gathers columns that are not neighbours, once for each row of tiles; a copy gathers them once for all.
    fn with_adjacent_columns(mut self) -> Problem {
        let (sums, columns) = (self.sums, self.columns);
        let single = self.outer.len() == 1 && self.inner.len() == 1;
        let apart = columns.b > 1 && sums.b > 0 && columns.length > 1;
        if self.strips.is_some() || !single || !apart || self.tiling().row_panels() < 2 {
            return self;
        }
        let mut copy = Scratch::take(columns.length * sums.length);
        par_transpose(self.right(columns, sums), &mut copy);
        self.b = Shared::new(copy.as_mut_ptr());
        (self.outer[0].b, self.inner[0].b) = (0, 0);
        (self.columns.b, self.sums.b) = (1, columns.length as isize);
        self.adjacent = Some(copy);
        self
    }

    fn tiling(&self) -> Tiling {
        let (m, n) = (self.rows.length, self.columns.length);
        match &self.strips {
            Some(_) if self.sums.a == 1 => return Tiling::with_tiles(m, n, PANEL_ROWS, PANEL_COLUMNS),
            Some(_) => return gradient_tiling(m, n),
            None => {}
        }
        Tiling::new(self.rows.length, self.columns.length, self.sums.length * self.inner.len())
    }

    /// Rows of a tile to finish before the next ones: those of the inner kernel, which are in the first-level cache,
    /// where it leaves them finished.
    fn rows_at_once(&self, tile: &Tile) -> usize {
        match &self.strips {
            Some(strips) if !strips.is_deep() => panel::ROWS,
            _ => tile.rows.len(),
        }
    }

    /// Hands every tile of every product to some thread.
    fn for_each_tile(&self, run: impl Fn(Offsets, Tile) + Sync) {
        let tiling = self.tiling();
        (0..self.outer.len() * tiling.len()).into_par_iter().with_max_len(1).for_each(|task| {
            run(self.outer[task / tiling.len()], tiling.tile(task % tiling.len()));
        });
    }

    /// Writes a tile of a product to `c`. A sum over nothing is zero.
    ///
    /// # Safety
    /// `c` and the strides address memory for the whole tile that nobody else touches.
    unsafe fn multiply(
        &self,
        product: Offsets,
        tile: &Tile,
        c: *mut f32,
        row_stride: isize,
        column_stride: isize,
    ) {
        let (rows, columns, sums) = (&self.rows, &self.columns, &self.sums);
        let a_start = product.a + tile.rows.start as isize * rows.a;
        if let Some(strips) = &self.strips {
            let columns = tile.cols.start / STRIP..tile.cols.end / STRIP;
            // SAFETY: offsets and strides come from a layout that lies in its buffer, and `c` is the caller's, its
            // columns neighbours.
            return unsafe {
                let start = self.a.pointer().offset(a_start + self.inner[0].a).cast_const();
                let a = Strided { start, row_stride: rows.a, col_stride: sums.a };
                strips.multiply(tile.rows.len(), columns, a, (c, row_stride as usize));
            };
        }
        let b_start = product.b + tile.cols.start as isize * columns.b;
        let nothing = [Offsets::default()];
        let (terms, depth) =
            if self.inner.is_empty() { (&nothing[..], 0) } else { (&self.inner[..], sums.length) };
        for (index, term) in terms.iter().enumerate() {
            // SAFETY: offsets and strides come from layouts that lie in their buffers, and `c` is the caller's.
            unsafe {
                Product {
                    sizes: [tile.rows.len(), depth, tile.cols.len()],
                    c: Strided { start: c, row_stride, col_stride: column_stride },
                    accumulate: index > 0,
                    factor: 1.0,
                    a: Strided {
                        start: self.a.pointer().offset(a_start + term.a).cast_const(),
                        row_stride: rows.a,
                        col_stride: sums.a,
                    },
                    b: Strided {
                        start: self.b.pointer().offset(b_start + term.b).cast_const(),
                        row_stride: sums.b,
                        col_stride: columns.b,
                    },
                }
                .run();
            }
        }
    }
}

/// Size of tiles of a product with a packed operand: a tile, the part of the operand that a strip's depth needs and a
/// few rows of the other lie in the second-level cache.
const PANEL_ROWS: usize = 16 * panel::ROWS;
const PANEL_COLUMNS: usize = 8 * STRIP;

/// Tiles of a product that reads both operands where they lie, and so all rows of the left one for each column of tiles
/// and all columns of the right one for each row of them: as large as leaves two for each thread. An element's bits are
/// the same however the tiles are cut.
fn gradient_tiling(rows: usize, columns: usize) -> Tiling {
    const SIZES: [(usize, usize); 3] = [(16, 6), (8, 6), (4, 3)];
    let enough = 2 * rayon::current_num_threads();
    let tilings =
        SIZES.map(|(high, wide)| Tiling::with_tiles(rows, columns, high * panel::ROWS, wide * STRIP));
    tilings.into_iter().find(|tiling| tiling.len() >= enough).unwrap_or(tilings[SIZES.len() - 1])
}

/// Offsets of all index combinations of the axes, the last axis fastest; none if an axis is empty.
fn combinations(axes: &[Axis], start: Offsets) -> Vec<Offsets> {
    axes.iter().fold(vec![start], |offsets, axis| {
        let step = |base: Offsets, i: isize| Offsets {
            a: base.a + i * axis.a,
            b: base.b + i * axis.b,
            c: base.c + i * axis.c,
        };
        offsets.iter().flat_map(|&base| (0..axis.length as isize).map(move |i| step(base, i))).collect()
    })
}
