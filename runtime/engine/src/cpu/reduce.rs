//! Reductions: rows summed lane by lane, columns row by row, both in an order fixed by the shape.

use rayon::prelude::*;

use super::call::{Call, Source};
use super::{lanes, simd};
use crate::layout::Layout;
use crate::ops::{Reduce, ReduceKind};
use crate::shape::Shape;

/// Elements reduced in one go; longer reductions are cut into pieces of this size and combined in order.
const PIECE: usize = 8192;

/// Neighbouring outputs that one task accumulates side by side: rows of them follow one another in memory.
const COLUMNS: usize = 1024;

/// Rows of inputs that one task combines, at least.
const ROWS: usize = 256;

/// Runs a reduction.
pub fn run(reduce: &Reduce, call: &mut Call<'_>) {
    let source = call.sources()[0];
    let [output] = call.outputs();
    let walk = Walk::new(source.layout(), reduce);
    match reduce.kind {
        ReduceKind::Sum => reduce_with(&walk, source, output, 0.0, sum),
        ReduceKind::Max => reduce_with(&walk, source, output, f32::NEG_INFINITY, larger),
    }
}

#[inline(always)]
fn sum(a: f32, b: f32) -> f32 {
    a + b
}

/// The larger, or NaN where either is.
#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if a.is_nan() || a > b { a } else { b }
}

/// A way to combine two values, associative but for rounding.
trait Combine: Fn(f32, f32) -> f32 + Copy + Sync {}

impl<F: Fn(f32, f32) -> f32 + Copy + Sync> Combine for F {}

fn reduce_with(walk: &Walk, source: Source<'_>, output: &mut [f32], start: f32, combine: impl Combine) {
    if walk.reduced.is_empty() || output.is_empty() {
        output.fill(start);
    } else if walk.inner_reduced {
        along_rows(walk, source, output, start, combine);
    } else {
        down_columns(walk, source, output, start, combine);
    }
}

/// The axes of a reduction: all but the innermost as lists of positions.
struct Walk {
    /// Position of the first element of each output, or of each row of `inner.0` outputs.
    kept: Vec<usize>,
    /// Offset of each reduced element, or of each row of `inner.0` reduced elements.
    reduced: Vec<isize>,
    /// Length and stride of the innermost axis.
    inner: (usize, isize),
    inner_reduced: bool,
}

impl Walk {
    fn new(layout: &Layout, reduce: &Reduce) -> Walk {
        let (layout, axes) = merge(layout, reduce);
        let Some(last) = layout.shape().len().checked_sub(1) else {
            return Walk {
                kept: vec![layout.offset() as usize],
                reduced: vec![0],
                inner: (1, 1),
                inner_reduced: true,
            };
        };
        let inner = (layout.shape()[last], layout.strides()[last]);
        let inner_reduced = axes[last];
        let dropped = |keep_reduced: bool| {
            let drop = (0..=last).filter(|&axis| axis == last || axes[axis] != keep_reduced).collect();
            layout.drop_axes(drop)
        };
        let base = layout.offset();
        let mut reduced: Vec<isize> =
            dropped(true).positions().map(|position| position as isize - base).collect();
        let empty = (0..=last).any(|axis| axes[axis] && layout.shape()[axis] == 0);
        if empty {
            reduced.clear();
        }
        Walk { kept: dropped(false).positions().collect(), reduced, inner, inner_reduced }
    }
}

/// The layout with neighbouring axes merged where both are reduced or both kept, and which axes are reduced.
fn merge(layout: &Layout, reduce: &Reduce) -> (Layout, Vec<bool>) {
    let mut lengths: Vec<usize> = Vec::new();
    let mut kinds: Vec<bool> = Vec::new();
    let mut last_stride = 0;
    for (axis, (&dim, &stride)) in layout.shape().iter().zip(layout.strides()).enumerate() {
        let reduced = reduce.axes.contains(axis);
        match (lengths.last_mut(), kinds.last()) {
            (Some(length), Some(&kind)) if kind == reduced && last_stride == stride * dim as isize => {
                *length *= dim
            }
            _ => {
                lengths.push(dim);
                kinds.push(reduced);
            }
        }
        last_stride = stride;
    }
    match layout.reshape(Shape::from(lengths)) {
        Some(merged) => (merged, kinds),
        None => (*layout, (0..layout.shape().len()).map(|axis| reduce.axes.contains(axis)).collect()),
    }
}

/// Each output from rows of the innermost axis.
fn along_rows(walk: &Walk, source: Source<'_>, output: &mut [f32], start: f32, combine: impl Combine) {
    let (length, stride) = walk.inner;
    let pieces = length.div_ceil(PIECE).max(1);
    let one = |kept: usize, piece: usize| {
        let from = piece * PIECE;
        let run = (length - from).min(PIECE);
        let row = |&offset: &isize| {
            let position = kept as isize + offset + from as isize * stride;
            simd::dispatch(
                #[inline(always)]
                || reduce_row(source, position, run, stride, start, combine),
            )
        };
        walk.reduced.iter().map(row).fold(start, combine)
    };
    if output.len() * walk.reduced.len() < 64 && pieces > 1 {
        for (result, &kept) in output.iter_mut().zip(&walk.kept) {
            let parts: Vec<f32> = (0..pieces).into_par_iter().map(|piece| one(kept, piece)).collect();
            *result = parts.into_iter().fold(start, combine);
        }
        return;
    }
    let at_once = (2 * PIECE / (length * walk.reduced.len()).max(1)).max(1);
    output.par_chunks_mut(at_once).zip(walk.kept.par_chunks(at_once)).for_each(|(results, kept)| {
        for (result, &kept) in results.iter_mut().zip(kept) {
            *result = (0..pieces).map(|piece| one(kept, piece)).fold(start, combine);
        }
    });
}

/// Reduces one row, of neighbouring elements in independent lanes.
#[inline(always)]
fn reduce_row(
    source: Source<'_>,
    position: isize,
    length: usize,
    stride: isize,
    start: f32,
    combine: impl Combine,
) -> f32 {
    if stride != 1 {
        let element = |i: usize| source.run((position + i as isize * stride) as usize, 1)[0];
        return (0..length).map(element).fold(start, combine);
    }
    lanes::fold(source.run(position as usize, length), start, combine)
}

/// Rows of outputs, each the combination of rows of inputs.
fn down_columns(walk: &Walk, source: Source<'_>, output: &mut [f32], start: f32, combine: impl Combine) {
    let (length, stride) = walk.inner;
    let pieces = walk.reduced.len().div_ceil(ROWS).clamp(1, 32);
    let rows = walk.reduced.len().div_ceil(pieces);
    let per_row = length.div_ceil(COLUMNS);
    let column_tasks = walk.kept.len() * per_row;
    let parts: Vec<Vec<f32>> = (0..column_tasks * pieces)
        .into_par_iter()
        .map(|task| {
            let (column_task, piece) = (task / pieces, task % pieces);
            let (kept, first) = (walk.kept[column_task / per_row], column_task % per_row * COLUMNS);
            let mut sums = vec![start; (length - first).min(COLUMNS)];
            let reduced = &walk.reduced[walk.reduced.len().min(piece * rows)..];
            let reduced = &reduced[..reduced.len().min(rows)];
            let from = kept as isize + first as isize * stride;
            simd::dispatch(
                #[inline(always)]
                || accumulate(source, from, reduced, stride, &mut sums, combine),
            );
            sums
        })
        .collect();
    for column_task in 0..column_tasks {
        let at = column_task / per_row * length + column_task % per_row * COLUMNS;
        let target = &mut output[at..at + parts[column_task * pieces].len()];
        target.fill(start);
        for part in &parts[column_task * pieces..][..pieces] {
            target.iter_mut().zip(part).for_each(|(sum, &value)| *sum = combine(*sum, value));
        }
    }
}

/// Combines rows with `sums`, one after the other; four of them each time that those are read and written.
#[inline(always)]
fn accumulate(
    source: Source<'_>,
    from: isize,
    rows: &[isize],
    stride: isize,
    sums: &mut [f32],
    combine: impl Combine,
) {
    if stride != 1 {
        for row in rows {
            for (i, sum) in sums.iter_mut().enumerate() {
                *sum = combine(*sum, source.run((from + row + i as isize * stride) as usize, 1)[0]);
            }
        }
        return;
    }
    let length = sums.len();
    let row = |&row: &isize| source.run((from + row) as usize, length);
    let (fours, rest) = rows.as_chunks::<4>();
    for four in fours {
        let [a, b, c, d] = four.each_ref().map(row);
        for ((((sum, &a), &b), &c), &d) in sums.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            *sum = combine(combine(combine(combine(*sum, a), b), c), d);
        }
    }
    for row in rest.iter().map(row) {
        sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum = combine(*sum, value));
    }
}
