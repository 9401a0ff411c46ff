//! Convolutions: a few rows or channels of one image unfolded in cache at a time, and multiplied there.

use std::ops::Range;

use rayon::prelude::*;

use super::call::Call;
use super::gemm::gemm;
use super::matrix::{Matrix, MatrixMut};
use super::scratch::Scratch;
use super::window::{fold_plane, unfold_plane};
use crate::ops::{Conv2d, Conv2dTranspose, Conv2dWeight, ConvSizes};

/// Elements unfolded at a time: a quarter of a megabyte, to stay in the second-level cache.
const BLOCK: usize = 1 << 16;

/// The weight's derivative is summed over the batch in at most this many parts side by side.
const PARTS: usize = 8;

/// A convolution: each task makes one group of one image.
pub fn conv2d(conv: &Conv2d, call: &mut Call<'_>) {
    let Ok(sizes) = conv.sizes(&[call.shape(0), call.shape(1)]) else { return };
    let (x, w) = (call.input(0), call.input(1));
    let [output] = call.outputs();
    if output.is_empty() {
        return;
    }
    let ConvSizes { groups, inputs, outputs, plane, .. } = sizes;
    let (depth, across) = (sizes.depth(), plane.positions[1]);
    let rows_at_once = (BLOCK / (depth * across).max(1)).clamp(1, plane.positions[0]);
    output.par_chunks_mut(outputs * plane.places()).enumerate().for_each(|(task, y)| {
        let x = &x[task * inputs * plane.pixels()..][..inputs * plane.pixels()];
        let w = Matrix::row_major(&w[task % groups * outputs * depth..][..outputs * depth], outputs, depth);
        let mut scratch = Scratch::take(depth * rows_at_once * across);
        for start in (0..plane.positions[0]).step_by(rows_at_once) {
            let rows = start..(start + rows_at_once).min(plane.positions[0]);
            let columns = rows.len() * across;
            let seen = &mut scratch[..depth * columns];
            for channel in 0..inputs {
                let image = &x[channel * plane.pixels()..][..plane.pixels()];
                let taps = &mut seen[channel * plane.taps() * columns..][..plane.taps() * columns];
                unfold_plane(&plane, image, rows.clone(), 0.0, taps);
            }
            let mut part = MatrixMut::new(&mut y[start * across..], outputs, columns, plane.places(), 1);
            gemm(&mut part, 1.0, w, Matrix::row_major(seen, depth, columns), false);
        }
    });
}

/// Channels whose unfolding fills a block.
fn channels_at_once(sizes: &ConvSizes) -> usize {
    (BLOCK / (sizes.plane.taps() * sizes.plane.places()).max(1)).clamp(1, sizes.inputs.max(1))
}

/// A transposed convolution: each task makes one group of one image.
pub fn conv2d_transpose(conv: &Conv2dTranspose, call: &mut Call<'_>) {
    let Ok(sizes) = conv.sizes(&[call.shape(0), call.shape(1)]) else { return };
    let (y, w) = (call.input(0), call.input(1));
    let [output] = call.outputs();
    if output.is_empty() {
        return;
    }
    let ConvSizes { groups, inputs, outputs, plane, .. } = sizes;
    let (depth, seen) = (sizes.depth(), plane.taps() * plane.places());
    let at_once = channels_at_once(&sizes);
    output.par_chunks_mut(inputs * plane.pixels()).enumerate().for_each(|(task, x)| {
        let y = &y[task * outputs * plane.places()..][..outputs * plane.places()];
        let y = Matrix::row_major(y, outputs, plane.places());
        // The transpose: row `k` of what the window saw comes from column `k` of the weight.
        let w =
            Matrix::new(&w[task % groups * outputs * depth..][..outputs * depth], depth, outputs, 1, depth);
        let mut scratch = Scratch::take(at_once * seen);
        for (block, x) in x.chunks_mut(at_once * plane.pixels()).enumerate() {
            let first = block * at_once * plane.taps();
            let last = (first + at_once * plane.taps()).min(depth);
            let scratch = &mut scratch[..(last - first) * plane.places()];
            let mut product = MatrixMut::row_major(scratch, last - first, plane.places());
            gemm(&mut product, 1.0, w.tile(first..last, 0..outputs), y, false);
            x.fill(0.0);
            for (image, seen) in x.chunks_exact_mut(plane.pixels()).zip(scratch.chunks_exact(seen)) {
                fold_plane(&plane, seen, image);
            }
        }
    });
}

/// The derivative by the weight: each task sums some columns of one group over part of the batch; the parts are
/// added up in order.
pub fn conv2d_weight(conv: &Conv2dWeight, call: &mut Call<'_>) {
    let Ok(sizes) = conv.sizes(&[call.shape(0), call.shape(1)]) else { return };
    let (x, y) = (call.input(0), call.input(1));
    let [output] = call.outputs();
    output.fill(0.0);
    if output.is_empty() {
        return;
    }
    let (depth, width) = (sizes.depth(), channels_at_once(&sizes) * sizes.plane.taps());
    let blocks = depth.div_ceil(width);
    let images = sizes.batch.div_ceil(PARTS).max(1);
    let parts = sizes.batch.div_ceil(images);
    let products: Vec<Vec<f32>> = (0..parts * sizes.groups * blocks)
        .into_par_iter()
        .map(|task| {
            let (part, group, block) =
                (task / blocks / sizes.groups, task / blocks % sizes.groups, task % blocks);
            let batch = part * images..((part + 1) * images).min(sizes.batch);
            weight_part(&sizes, x, y, group, block * width..((block + 1) * width).min(depth), batch)
        })
        .collect();
    for (task, product) in products.iter().enumerate() {
        let (group, first) = (task / blocks % sizes.groups, task % blocks * width);
        let columns = width.min(depth - first);
        let rows = output[group * sizes.outputs * depth..].chunks_exact_mut(depth);
        for (row, part) in rows.zip(product.chunks_exact(columns)) {
            row[first..first + columns].iter_mut().zip(part).for_each(|(sum, &value)| *sum += value);
        }
    }
}

/// `Σ y · seenᵀ` over images of a batch, for one group and some columns: channels times taps.
fn weight_part(
    sizes: &ConvSizes,
    x: &[f32],
    y: &[f32],
    group: usize,
    columns: Range<usize>,
    batch: Range<usize>,
) -> Vec<f32> {
    let ConvSizes { groups, inputs, outputs, plane, .. } = *sizes;
    let (places, first) = (plane.places(), columns.start / plane.taps());
    let mut sums = vec![0.0; outputs * columns.len()];
    let mut scratch = Scratch::take(columns.len() * places);
    for image in batch {
        let y = &y[(image * groups + group) * outputs * places..][..outputs * places];
        for (channel, seen) in scratch.chunks_exact_mut(plane.taps() * places).enumerate() {
            let channel = (image * groups + group) * inputs + first + channel;
            let pixels = &x[channel * plane.pixels()..][..plane.pixels()];
            unfold_plane(&plane, pixels, 0..plane.positions[0], 0.0, seen);
        }
        let mut sums = MatrixMut::row_major(&mut sums, outputs, columns.len());
        let seen = Matrix::new(&scratch, places, columns.len(), 1, places);
        gemm(&mut sums, 1.0, Matrix::row_major(y, outputs, places), seen, true);
    }
    sums
}
