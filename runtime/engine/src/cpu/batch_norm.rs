//! Batch norm with the batch's statistics.
//!
//! The input [N, C, …] is a matrix of N rows and a column for every channel and place. Columns are reduced in tiles
//! that stay in the nearest caches, so that each statistic reads memory once; then tiles are combined to columns and
//! columns to channels, in order. Statistics are means and sums of squared distances from them, never differences
//! of large sums.

use rayon::prelude::*;

use super::call::Call;
use super::instructions;
use super::lanes;
use super::scratch::Scratch;
use crate::ops::{BatchNorm, BatchNormGradient};
use crate::shape::Shape;

/// Columns of a tile.
const COLUMNS: usize = 256;

/// Rows of a tile: with [`COLUMNS`] 128 KiB.
const ROWS: usize = 128;

/// Neighbouring elements that a task writes.
const BLOCK: usize = 16_384;

/// Normalised values, means and biased variances.
pub fn run(norm: &BatchNorm, call: &mut Call<'_>) {
    let plane = Plane::new(call.shape(0));
    let x = call.input(0);
    let affine = norm.affine.then(|| (call.input(1), call.input(2)));
    let [output, mean, variance] = call.outputs();
    plane.statistics(x, mean, variance);
    let scale = |channel: usize| {
        let inverse_std = 1.0 / (variance[channel] + norm.epsilon).sqrt();
        affine.map_or(inverse_std, |(weight, _)| weight[channel] * inverse_std)
    };
    let means = plane.spread(|channel| mean[channel]);
    let scales = plane.spread(scale);
    let biases = plane.spread(|channel| affine.map_or(0.0, |(_, bias)| bias[channel]));
    plane.each_run(
        output,
        #[inline(always)]
        |at, column, output| {
            let along = output.iter_mut().zip(&x[at..]).zip(&means[column..]);
            for (((y, &x), &mean), (&scale, &bias)) in
                along.zip(scales[column..].iter().zip(&biases[column..]))
            {
                *y = (x - mean) * scale + bias;
            }
        },
    );
}

/// The gradients of the input and of weight and bias.
pub fn gradient(gradient: &BatchNormGradient, call: &mut Call<'_>) {
    let plane = Plane::new(call.shape(0));
    let [x, arriving, mean, variance] = [0, 1, 2, 3].map(|input| call.input(input));
    let weight = gradient.affine.then(|| call.input(4));
    let [output, weight_gradient, bias_gradient] = call.outputs();
    let inverse_std = |channel: usize| 1.0 / (variance[channel] + gradient.epsilon).sqrt();
    let means = plane.spread(|channel| mean[channel]);
    let sums = plane.gradient_sums(x, arriving, &means);
    let (gradients, products) = sums.split_at(plane.channels);
    if gradient.affine {
        bias_gradient.copy_from_slice(gradients);
        for (channel, result) in weight_gradient.iter_mut().enumerate() {
            *result = products[channel] * inverse_std(channel);
        }
    }
    let count = plane.count() as f32;
    let scale = |channel| weight.map_or(1.0, |weight| weight[channel]) * inverse_std(channel);
    let scales = plane.spread(scale);
    let mean_gradients = plane.spread(|channel| gradients[channel] / count);
    let slopes =
        plane.spread(|channel| products[channel] * inverse_std(channel) * inverse_std(channel) / count);
    plane.each_run(
        output,
        #[inline(always)]
        |at, column, output| {
            let along = output.iter_mut().zip(&x[at..]).zip(&arriving[at..]).zip(&means[column..]);
            let factors = scales[column..].iter().zip(&mean_gradients[column..]).zip(&slopes[column..]);
            for ((((result, &x), &g), &mean), ((&scale, &mean_gradient), &slope)) in along.zip(factors) {
                *result = scale * (g - mean_gradient - (x - mean) * slope);
            }
        },
    );
}

/// The input as a matrix.
struct Plane {
    rows: usize,
    channels: usize,
    /// Columns of a channel.
    places: usize,
}

impl Plane {
    fn new(shape: Shape) -> Plane {
        Plane { rows: shape[0], channels: shape[1], places: shape[2..].iter().product() }
    }

    fn width(&self) -> usize {
        self.channels * self.places
    }

    /// Values of a channel.
    fn count(&self) -> usize {
        self.rows * self.places
    }

    /// A value for each column, from one for each channel.
    fn spread(&self, value: impl Fn(usize) -> f32) -> Scratch {
        let mut columns = Scratch::take(self.width());
        for (channel, columns) in columns.chunks_exact_mut(self.places).enumerate() {
            columns.fill(value(channel));
        }
        columns
    }

    /// Mean and biased variance of each channel.
    fn statistics(&self, x: &[f32], mean: &mut [f32], variance: &mut [f32]) {
        let width = self.width();
        let tiles = self.tiles(
            #[inline(always)]
            |rows, first, sums, squares| {
                let columns = sums.len();
                let row = |row: usize| &x[row * width + first..][..columns];
                let count = rows.len() as f32;
                for row in rows.clone().map(row) {
                    sums.iter_mut().zip(row).for_each(|(sum, &x)| *sum += x);
                }
                sums.iter_mut().for_each(|sum| *sum /= count);
                for row in rows.map(row) {
                    for ((square, &x), &mean) in squares.iter_mut().zip(row).zip(&*sums) {
                        *square += (x - mean) * (x - mean);
                    }
                }
            },
        );
        let columns = self.combine(
            &tiles,
            #[inline(always)]
            |tiles, means, squares| {
                for (rows, tile_means, _) in tiles.clone() {
                    let share = rows as f32 / self.rows as f32;
                    means.iter_mut().zip(tile_means).for_each(|(mean, &part)| *mean += share * part);
                }
                for (rows, tile_means, tile_squares) in tiles {
                    let parts = tile_means.iter().zip(tile_squares);
                    for ((square, &mean), (&part, &part_square)) in squares.iter_mut().zip(&*means).zip(parts)
                    {
                        *square += part_square + rows as f32 * ((part - mean) * (part - mean));
                    }
                }
            },
        );
        let (means, squares) = columns.split_at(width);
        let columns = means.chunks_exact(self.places).zip(squares.chunks_exact(self.places));
        for ((means, squares), (mean, variance)) in columns.zip(mean.iter_mut().zip(variance)) {
            *mean = lanes::sum(means, |x| x) / self.places as f32;
            let between = lanes::sum(means, |x| (x - *mean) * (x - *mean));
            *variance = (lanes::sum(squares, |x| x) + self.rows as f32 * between) / self.count() as f32;
        }
    }

    /// For each channel the sum of the gradients that arrived, then, for each, of their products with the distance
    /// from the mean.
    fn gradient_sums(&self, x: &[f32], arriving: &[f32], means: &[f32]) -> Vec<f32> {
        let width = self.width();
        let tiles = self.tiles(
            #[inline(always)]
            |rows, first, sums, products| {
                let means = &means[first..][..sums.len()];
                for row in rows {
                    let x = &x[row * width + first..][..sums.len()];
                    let arriving = &arriving[row * width + first..][..sums.len()];
                    sums.iter_mut().zip(arriving).for_each(|(sum, &g)| *sum += g);
                    for (((product, &x), &g), &mean) in products.iter_mut().zip(x).zip(arriving).zip(means) {
                        *product += g * (x - mean);
                    }
                }
            },
        );
        let columns = self.combine(
            &tiles,
            #[inline(always)]
            |tiles, sums, products| {
                for (_, tile_sums, tile_products) in tiles {
                    sums.iter_mut().zip(tile_sums).for_each(|(sum, &part)| *sum += part);
                    products.iter_mut().zip(tile_products).for_each(|(sum, &part)| *sum += part);
                }
            },
        );
        columns.chunks_exact(self.places).map(|columns| lanes::sum(columns, |x| x)).collect()
    }

    /// Runs `work` on tiles: given its rows, its first column and two accumulators for each of its columns.
    /// The accumulators start at 0 and are returned, those of a tile together.
    fn tiles(&self, work: impl Fn(std::ops::Range<usize>, usize, &mut [f32], &mut [f32]) + Sync) -> Scratch {
        let across = self.width().div_ceil(COLUMNS);
        let down = self.rows.div_ceil(ROWS);
        let mut tiles = Scratch::take(across * down * 2 * COLUMNS);
        let arch = instructions::arch();
        tiles.par_chunks_mut(2 * COLUMNS).enumerate().for_each(|(tile, accumulators)| {
            let (row, column) = (tile / across * ROWS, tile % across * COLUMNS);
            let columns = COLUMNS.min(self.width() - column);
            let (first, second) = accumulators.split_at_mut(COLUMNS);
            arch.dispatch(
                #[inline(always)]
                || {
                    first.fill(0.0);
                    second.fill(0.0);
                    work(
                        row..(row + ROWS).min(self.rows),
                        column,
                        &mut first[..columns],
                        &mut second[..columns],
                    );
                },
            );
        });
        tiles
    }

    /// Runs `work` on each column of tiles: given their row counts and accumulators, and two accumulators of its own
    /// that start at 0. Returns the first of all columns, then the second.
    fn combine<'t>(
        &self,
        tiles: &'t [f32],
        work: impl Fn(TilesOfColumn<'t>, &mut [f32], &mut [f32]) + Sync,
    ) -> Vec<f32> {
        let width = self.width();
        let across = width.div_ceil(COLUMNS);
        let mut columns = vec![0.0; 2 * width];
        let (first, second) = columns.split_at_mut(width);
        let arch = instructions::arch();
        let tasks = first.par_chunks_mut(COLUMNS).zip(second.par_chunks_mut(COLUMNS));
        tasks.enumerate().for_each(|(column, (first, second))| {
            let tiles = TilesOfColumn { tiles, rows: self.rows, across, column, row: 0 };
            arch.dispatch(
                #[inline(always)]
                || work(tiles, first, second),
            );
        });
        columns
    }

    /// Runs `work` on runs of an output within a row: given the index of the first element and its column.
    fn each_run(&self, output: &mut [f32], work: impl Fn(usize, usize, &mut [f32]) + Sync) {
        let width = self.width();
        let arch = instructions::arch();
        output.par_chunks_mut(BLOCK).enumerate().for_each(|(block, output)| {
            arch.dispatch(
                #[inline(always)]
                || {
                    let mut done = 0;
                    while done < output.len() {
                        let at = block * BLOCK + done;
                        let column = at % width;
                        let run = (width - column).min(output.len() - done);
                        work(at, column, &mut output[done..done + run]);
                        done += run;
                    }
                },
            );
        });
    }
}

/// The tiles of some columns, from the first rows to the last: how many rows, and both accumulators.
#[derive(Clone)]
struct TilesOfColumn<'t> {
    tiles: &'t [f32],
    rows: usize,
    across: usize,
    column: usize,
    row: usize,
}

impl<'t> Iterator for TilesOfColumn<'t> {
    type Item = (usize, &'t [f32], &'t [f32]);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let rows = self.rows.checked_sub(self.row * ROWS).filter(|&rows| rows > 0)?.min(ROWS);
        let tile = self.row * self.across + self.column;
        let (first, second) = self.tiles[tile * 2 * COLUMNS..][..2 * COLUMNS].split_at(COLUMNS);
        self.row += 1;
        Some((rows, first, second))
    }
}
