//! Softmax and its kin, row by row.

use super::call::Call;
use super::lanes;
use super::math::{exp, ln};
use super::rows::{Rows, each_row};
use crate::ops::{Softmax, SoftmaxGradient, SoftmaxKind};

/// Probabilities or their logarithms.
pub fn run(softmax: &Softmax, call: &mut Call<'_>) {
    let rows = Rows::new(call.sources()[0]);
    let [output] = call.outputs();
    let kind = softmax.0;
    let length = rows.length();
    each_row(
        length,
        [(output, length)],
        #[inline(always)]
        |row, [output]| {
            let x = rows.row(row);
            let (maximum, total) = exponentials(x, output);
            match kind {
                SoftmaxKind::Probability => {
                    let scale = 1.0 / total;
                    output.iter_mut().for_each(|y| *y *= scale);
                }
                SoftmaxKind::LogProbability => {
                    let log_total = ln(total);
                    output.iter_mut().zip(x).for_each(|(y, &x)| *y = (x - maximum) - log_total);
                }
            }
        },
    );
}

/// Writes e to the power of each element's distance from the maximum; gives maximum and sum.
#[inline(always)]
fn exponentials(x: &[f32], output: &mut [f32]) -> (f32, f32) {
    let maximum = lanes::maximum(x);
    output.iter_mut().zip(x).for_each(|(y, &x)| *y = exp(x - maximum));
    (maximum, lanes::sum(output, |y| y))
}

/// The gradient, from what softmax gave.
pub fn gradient(gradient: &SoftmaxGradient, call: &mut Call<'_>) {
    let [y, arriving] = [0, 1].map(|input| Rows::new(call.sources()[input]));
    let [output] = call.outputs();
    let kind = gradient.0;
    let length = y.length();
    each_row(
        length,
        [(output, length)],
        #[inline(always)]
        |row, [output]| {
            let (y, arriving) = (y.row(row), arriving.row(row));
            let along = output.iter_mut().zip(y).zip(arriving);
            match kind {
                SoftmaxKind::Probability => {
                    let [mean] = lanes::sums([y, arriving], |[y, g]| [y * g]);
                    along.for_each(|((x, &y), &g)| *x = y * (g - mean));
                }
                SoftmaxKind::LogProbability => {
                    let total = lanes::sum(arriving, |g| g);
                    along.for_each(|((x, &y), &g)| *x = g - exp(y) * total);
                }
            }
        },
    );
}

/// Logarithms of sums of exponentials.
pub fn log_sum_exp(call: &mut Call<'_>) {
    let rows = Rows::new(call.sources()[0]);
    let [output] = call.outputs();
    each_row(
        rows.length(),
        [(output, 1)],
        #[inline(always)]
        |row, [output]| output[0] = log_sum_exp_of(rows.row(row)),
    );
}

/// ln Σ eˣ of a row: −∞ where all is −∞, ∞ where an element is.
#[inline(always)]
fn log_sum_exp_of(x: &[f32]) -> f32 {
    let (maximum, log_total) = shifted_log_sum_exp(x);
    maximum + log_total
}

/// A finite shift m, the maximum where that is finite, and ln Σ eˣ⁻ᵐ.
#[inline(always)]
pub fn shifted_log_sum_exp(x: &[f32]) -> (f32, f32) {
    let maximum = lanes::maximum(x);
    let shift = if maximum.is_finite() { maximum } else { 0.0 };
    (shift, ln(lanes::sum(x, |x| exp(x - shift))))
}
