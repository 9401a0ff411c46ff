//! Layer norm: every row is read from memory once, and again from the nearest cache.

use rayon::prelude::*;

use super::call::Call;
use super::instructions;
use super::lanes;
use super::rows::{Rows, each_row};
use super::scratch::Scratch;
use crate::ops::{LayerNorm, LayerNormGradient};

/// Parts that the gradients of weight and bias are summed in, at most: more cost memory, fewer leave threads idle.
const PARTS: usize = 64;

/// Rows of a part, at least.
const ROWS_OF_PART: usize = 16;

/// Normalised rows, their means and the inverse of their standard deviations.
pub fn run(norm: &LayerNorm, call: &mut Call<'_>) {
    let rows = Rows::new(call.sources()[0]);
    let affine = norm.affine.then(|| (call.input(1), call.input(2)));
    let [output, mean, inverse_std] = call.outputs();
    let (length, epsilon) = (rows.length(), norm.epsilon);
    each_row(
        length,
        [(output, length), (mean, 1), (inverse_std, 1)],
        #[inline(always)]
        |row, [output, mean_of_row, inverse_std_of_row]| {
            let x = rows.row(row);
            let mean = lanes::sum(x, |x| x) / length as f32;
            let variance = lanes::sum(x, |x| (x - mean) * (x - mean)) / length as f32;
            let inverse_std = 1.0 / (variance + epsilon).sqrt();
            (mean_of_row[0], inverse_std_of_row[0]) = (mean, inverse_std);
            match affine {
                Some((weight, bias)) => {
                    for (((y, &x), &weight), &bias) in output.iter_mut().zip(x).zip(weight).zip(bias) {
                        *y = (x - mean) * inverse_std * weight + bias;
                    }
                }
                None => output.iter_mut().zip(x).for_each(|(y, &x)| *y = (x - mean) * inverse_std),
            }
        },
    );
}

/// The gradients of the input and, in the same pass over memory, of weight and bias.
pub fn gradient(gradient: &LayerNormGradient, call: &mut Call<'_>) {
    let normed = Normed {
        x: Rows::new(call.sources()[0]),
        arriving: Rows::new(call.sources()[1]),
        mean: call.input(2),
        inverse_std: call.input(3),
    };
    let length = normed.x.length();
    if !gradient.affine {
        let [output] = call.outputs();
        return each_row(
            length,
            [(output, length)],
            #[inline(always)]
            |row, [output]| normed.pull_plain(row, output),
        );
    }
    let weight = call.input(4);
    let [output, weight_gradient, bias_gradient] = call.outputs();
    let count = output.len() / length;
    let rows_of_part = count.div_ceil(PARTS).max(ROWS_OF_PART);
    let parts = count.div_ceil(rows_of_part);
    let mut sums = Scratch::take(parts * 2 * length);
    let arch = instructions::arch();
    let tasks = output.par_chunks_mut(rows_of_part * length).zip(sums.par_chunks_mut(2 * length));
    tasks.enumerate().for_each(|(part, (output, sums))| {
        arch.dispatch(
            #[inline(always)]
            || {
                sums.fill(0.0);
                let (weight_sums, bias_sums) = sums.split_at_mut(length);
                for (row, output) in output.chunks_exact_mut(length).enumerate() {
                    normed.pull(part * rows_of_part + row, weight, output, weight_sums, bias_sums);
                }
            },
        );
    });
    weight_gradient.fill(0.0);
    bias_gradient.fill(0.0);
    for part in sums.chunks_exact(2 * length) {
        let (weight_sums, bias_sums) = part.split_at(length);
        weight_gradient.iter_mut().zip(weight_sums).for_each(|(total, &sum)| *total += sum);
        bias_gradient.iter_mut().zip(bias_sums).for_each(|(total, &sum)| *total += sum);
    }
}

/// What the forward pass saw and saved, and the gradient that arrived.
struct Normed<'a> {
    x: Rows<'a>,
    arriving: Rows<'a>,
    mean: &'a [f32],
    inverse_std: &'a [f32],
}

impl Normed<'_> {
    /// The gradient of a row that nothing was multiplied with.
    #[inline(always)]
    fn pull_plain(&self, row: usize, output: &mut [f32]) {
        let (x, arriving) = (self.x.row(row), self.arriving.row(row));
        let (mean, inverse_std) = (self.mean[row], self.inverse_std[row]);
        let sums = lanes::sums([x, arriving], |[x, g]| [g, g * ((x - mean) * inverse_std)]);
        let [mean_gradient, mean_product] = sums.map(|sum| sum / x.len() as f32);
        for ((result, &x), &g) in output.iter_mut().zip(x).zip(arriving) {
            let normal = (x - mean) * inverse_std;
            *result = inverse_std * (g - mean_gradient - normal * mean_product);
        }
    }

    /// The gradient of a row; adds to those of weight and bias.
    #[inline(always)]
    fn pull(
        &self,
        row: usize,
        weight: &[f32],
        output: &mut [f32],
        weight_sums: &mut [f32],
        bias_sums: &mut [f32],
    ) {
        let (x, arriving) = (self.x.row(row), self.arriving.row(row));
        let (mean, inverse_std) = (self.mean[row], self.inverse_std[row]);
        let sums = lanes::sums([x, arriving, weight], |[x, g, weight]| {
            [g * weight, g * weight * ((x - mean) * inverse_std)]
        });
        let [mean_gradient, mean_product] = sums.map(|sum| sum / x.len() as f32);
        let parameters = weight_sums.iter_mut().zip(bias_sums);
        let along = output.iter_mut().zip(x).zip(arriving).zip(weight).zip(parameters);
        for ((((result, &x), &g), &weight), (weight_sum, bias_sum)) in along {
            let normal = (x - mean) * inverse_std;
            *result = inverse_std * (g * weight - mean_gradient - normal * mean_product);
            *weight_sum += g * normal;
            *bias_sum += g;
        }
    }
}
