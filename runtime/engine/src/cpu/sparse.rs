//! Reading and adding by index, sparse maps: every output row is made by one task, from source rows in a fixed order.
//!
//! Adding by index is turned into reading: the taps are sorted by the row they add to first, so that no two tasks
//! write one place and the order of summation does not depend on who comes first.

use rayon::prelude::*;

use super::call::Call;
use super::instructions;
use crate::ops::{
    IndexSelect, Indexing, ScatterAdd, SparseMap, SparseMapTranspose, SparseMapWeights, index, sparse_map,
};

/// Elements written by one task, roughly.
const TASK: usize = 8192;

/// Stands for a source row that does not exist.
const NOWHERE: u32 = u32::MAX;

/// Copies rows by index.
pub fn select(select: &IndexSelect, call: &mut Call<'_>) {
    let indexing = select.indexing(&call.shape(0), &call.shape(1));
    let (source, indices) = (call.input(0), call.input(1));
    let [output] = call.outputs();
    let Indexing { rows, columns, inner, .. } = indexing;
    for_each_row(output, inner, |at, target| {
        let outer = at / rows;
        match index::place(f64::from(indices[at % rows]), columns) {
            Some(column) => target.copy_from_slice(&source[(outer * columns + column) * inner..][..inner]),
            None => target.fill(f32::NAN),
        }
    });
}

/// Adds rows up by index.
pub fn scatter_add(scatter: &ScatterAdd, call: &mut Call<'_>) {
    let indexing = scatter.indexing(&call.output_shape(0), &call.shape(1));
    let (source, indices) = (call.input(0), call.input(1));
    let matrix = Rows::adding(&indexing, indices, &vec![1.0; indices.len()]);
    let [output] = call.outputs();
    apply(&[matrix], source, Sides::transposed(&indexing), output);
}

/// A sparse map.
pub fn map(map: &SparseMap, call: &mut Call<'_>) {
    let indexing = sparse_map::indexing(&call.shape(0), &call.output_shape(0), map.axis, &call.shape(1));
    let matrices = matrices(&indexing, call.input(1), call.input(2), Rows::reading);
    let source = call.input(0);
    let [output] = call.outputs();
    apply(&matrices, source, Sides::straight(&indexing), output);
}

/// A transposed sparse map.
pub fn map_transpose(map: &SparseMapTranspose, call: &mut Call<'_>) {
    let indexing = sparse_map::indexing(&call.output_shape(0), &call.shape(0), map.axis, &call.shape(1));
    let matrices = matrices(&indexing, call.input(1), call.input(2), Rows::adding);
    let source = call.input(0);
    let [output] = call.outputs();
    apply(&matrices, source, Sides::transposed(&indexing), output);
}

/// Products of rows at the taps.
pub fn map_weights(map: &SparseMapWeights, call: &mut Call<'_>) {
    let indexing = sparse_map::indexing(&call.shape(0), &call.shape(2), map.axis, &call.shape(1));
    let (x, indices, y) = (call.input(0), call.input(1), call.input(2));
    let [output] = call.outputs();
    let Indexing { outer, rows, taps, columns, inner, .. } = indexing;
    for_each_row(output, 1, |at, target| {
        let (sample, row) = (at / taps / rows, at / taps % rows);
        let Some(column) = index::place(f64::from(indices[at]), columns) else {
            return target.fill(f32::NAN);
        };
        let product = |outer: usize| {
            let left = &x[(outer * columns + column) * inner..][..inner];
            let right = &y[(outer * rows + row) * inner..][..inner];
            f64::from(dot(left, right))
        };
        // In f64: there may be as many terms as a batch has maps.
        target[0] = (sample * outer..(sample + 1) * outer).map(product).sum::<f64>() as f32;
    });
}

/// Calls `write` for each run of `length` elements of the output, with its number.
fn for_each_row(output: &mut [f32], length: usize, write: impl Fn(usize, &mut [f32]) + Sync) {
    if output.is_empty() {
        return;
    }
    let at_once = (TASK / length).max(1);
    output.par_chunks_mut(at_once * length).enumerate().for_each(|(task, targets)| {
        for (row, target) in targets.chunks_exact_mut(length).enumerate() {
            write(task * at_once + row, target);
        }
    });
}

/// A dot product of 16 partial sums, added up pairwise.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    instructions::arch().dispatch(
        #[inline(always)]
        || {
            let mut lanes = [0.0f32; LANES];
            let (left, right) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
            let rest: f32 = left.remainder().iter().zip(right.remainder()).map(|(x, y)| x * y).sum();
            for (x, y) in left.zip(right) {
                for lane in 0..LANES {
                    lanes[lane] += x[lane] * y[lane];
                }
            }
            let mut width = LANES;
            while width > 1 {
                width /= 2;
                for lane in 0..width {
                    lanes[lane] += lanes[lane + width];
                }
            }
            lanes[0] + rest
        },
    )
}

/// A sparse matrix by rows: row `r` has the entries `starts[r]..starts[r + 1]`.
struct Rows {
    starts: Vec<u32>,
    entries: Vec<Entry>,
}

#[derive(Clone, Copy)]
struct Entry {
    source: u32,
    weight: f32,
}

/// Lengths of a matrix's two sides, and how often it is applied.
#[derive(Clone, Copy)]
struct Sides {
    outer: usize,
    from: usize,
    to: usize,
    inner: usize,
}

impl Sides {
    fn straight(indexing: &Indexing) -> Sides {
        let Indexing { outer, rows, columns, inner, .. } = *indexing;
        Sides { outer, from: columns, to: rows, inner }
    }

    fn transposed(indexing: &Indexing) -> Sides {
        let Indexing { outer, rows, columns, inner, .. } = *indexing;
        Sides { outer, from: rows, to: columns, inner }
    }
}

/// The matrix of each sample.
fn matrices(
    indexing: &Indexing,
    indices: &[f32],
    weights: &[f32],
    build: impl Fn(&Indexing, &[f32], &[f32]) -> Rows + Sync,
) -> Vec<Rows> {
    let taps = indexing.rows * indexing.taps;
    let one = |sample: usize| {
        let own = sample * taps..(sample + 1) * taps;
        build(indexing, &indices[own.clone()], &weights[own])
    };
    (0..indexing.samples).into_par_iter().map(one).collect()
}

impl Rows {
    /// The matrix itself, without its zeros. What has no index reads nowhere.
    fn reading(indexing: &Indexing, indices: &[f32], weights: &[f32]) -> Rows {
        let mut matrix = Rows { starts: vec![0], entries: Vec::with_capacity(indices.len()) };
        for row in 0..indexing.rows {
            for tap in row * indexing.taps..(row + 1) * indexing.taps {
                let weight = weights[tap];
                if weight != 0.0 {
                    let place = index::place(f64::from(indices[tap]), indexing.columns);
                    matrix
                        .entries
                        .push(Entry { source: place.map_or(NOWHERE, |place| place as u32), weight });
                }
            }
            matrix.starts.push(matrix.entries.len() as u32);
        }
        matrix
    }

    /// Its transpose, by a counting sort that keeps the order of the taps. What has no index is left out.
    fn adding(indexing: &Indexing, indices: &[f32], weights: &[f32]) -> Rows {
        let kept = |tap: usize| {
            let weight = weights[tap];
            let place = index::place(f64::from(indices[tap]), indexing.columns)?;
            (weight != 0.0).then_some((place, Entry { source: (tap / indexing.taps) as u32, weight }))
        };
        let mut starts = vec![0; indexing.columns + 1];
        for (place, _) in (0..indices.len()).filter_map(kept) {
            starts[place + 1] += 1;
        }
        for row in 0..indexing.columns {
            starts[row + 1] += starts[row];
        }
        let mut next = starts.clone();
        let mut entries = vec![Entry { source: NOWHERE, weight: 0.0 }; starts[indexing.columns] as usize];
        for (place, entry) in (0..indices.len()).filter_map(kept) {
            entries[next[place] as usize] = entry;
            next[place] += 1;
        }
        Rows { starts, entries }
    }

    fn row(&self, row: usize) -> &[Entry] {
        &self.entries[self.starts[row] as usize..self.starts[row + 1] as usize]
    }
}

/// Applies each sample's matrix to each of its outer slices.
fn apply(matrices: &[Rows], source: &[f32], sides: Sides, output: &mut [f32]) {
    let Sides { outer, from, to, inner } = sides;
    for_each_row(output, inner, |at, target| {
        let slice = &source[at / to * from * inner..][..from * inner];
        let entries = matrices[at / to / outer].row(at % to);
        match target {
            [single] => *single = entries.iter().map(|entry| entry.weight * read(slice, entry.source)).sum(),
            _ => combine(slice, entries, target),
        }
    });
}

fn read(slice: &[f32], source: u32) -> f32 {
    slice.get(source as usize).copied().unwrap_or(f32::NAN)
}

/// `target = Σ weight · source row`.
fn combine(slice: &[f32], entries: &[Entry], target: &mut [f32]) {
    instructions::arch().dispatch(
        #[inline(always)]
        || {
            target.fill(0.0);
            for entry in entries {
                let start = (entry.source as usize).saturating_mul(target.len());
                match slice.get(start..start.saturating_add(target.len())) {
                    Some(row) => {
                        for (sum, &value) in target.iter_mut().zip(row) {
                            *sum += entry.weight * value;
                        }
                    }
                    None => target.fill(f32::NAN),
                }
            }
        },
    );
}
