//! Tensors as rows: what kernels along the last axis share.

use rayon::prelude::*;

use super::call::Source;
use super::instructions;

/// Elements that a task works on, so that it outweighs its start and there are enough tasks to share.
const BLOCK: usize = 16_384;

/// The rows of an input whose innermost axis is dense.
pub struct Rows<'a> {
    source: Source<'a>,
    length: usize,
    /// Where each row begins, unless one follows the other.
    starts: Option<Vec<usize>>,
}

impl<'a> Rows<'a> {
    /// The rows of an input that the operator asked for with [`crate::ops::Access::Rows`].
    pub fn new(source: Source<'a>) -> Rows<'a> {
        let layout = source.layout();
        let starts = (!layout.is_row_major()).then(|| layout.rows().collect());
        Rows { source, length: layout.shape().last().copied().unwrap_or(1), starts }
    }

    /// Elements of a row.
    pub fn length(&self) -> usize {
        self.length
    }

    /// One row.
    #[inline(always)]
    pub fn row(&self, index: usize) -> &'a [f32] {
        let start = match &self.starts {
            Some(starts) => starts[index],
            None => self.source.layout().offset() as usize + index * self.length,
        };
        self.source.run(start, self.length)
    }
}

/// Rows that one task works on where a row takes the time of `cost` elements.
pub fn at_once(cost: usize) -> usize {
    (BLOCK / cost.max(1)).max(1)
}

/// Runs `work` for every row of `N` row-major outputs, each given with the length of its rows: in parallel, and in
/// the widest instructions of the machine if `work` is `#[inline(always)]`. A row takes the time of `cost` elements.
pub fn each_row<const N: usize>(
    cost: usize,
    outputs: [(&mut [f32], usize); N],
    work: impl Fn(usize, [&mut [f32]; N]) + Sync,
) {
    let at_once = at_once(cost);
    let rows = outputs.iter().map(|(output, length)| output.len() / length.max(&1)).min().unwrap_or(0);
    let mut outputs = outputs;
    let blocks: Vec<_> = (0..rows)
        .step_by(at_once)
        .map(|first| {
            let count = at_once.min(rows - first);
            let part = outputs.each_mut().map(|(output, length)| (front(output, count * *length), *length));
            (first..first + count, part)
        })
        .collect();
    let arch = instructions::arch();
    blocks.into_par_iter().for_each(|(rows, mut outputs)| {
        arch.dispatch(
            #[inline(always)]
            || {
                for row in rows {
                    work(row, outputs.each_mut().map(|(output, length)| front(output, *length)));
                }
            },
        );
    });
}

/// Takes the first `count` elements off a slice.
fn front<'a>(slice: &mut &'a mut [f32], count: usize) -> &'a mut [f32] {
    let (front, rest) = std::mem::take(slice).split_at_mut(count);
    *slice = rest;
    front
}
