//! Cross entropy from logits, row by row.

use super::call::Call;
use super::lanes;
use super::math::exp;
use super::rows::{Rows, each_row};
use super::softmax::shifted_log_sum_exp;
use crate::ops::index::place;

/// Losses and log-sum-exps for targets given as class indices.
pub fn run(call: &mut Call<'_>) {
    let (logits, targets) = (Rows::new(call.sources()[0]), call.input(1));
    let [losses, log_sum_exps] = call.outputs();
    each_row(
        logits.length(),
        [(losses, 1), (log_sum_exps, 1)],
        #[inline(always)]
        |row, [loss, log_sum_exp]| {
            let x = logits.row(row);
            let (shift, log_total) = shifted_log_sum_exp(x);
            log_sum_exp[0] = shift + log_total;
            // The shift cancels before the rounding it would cause.
            loss[0] = match place(targets[row].into(), x.len()) {
                Some(class) => log_total - (x[class] - shift),
                None => f32::NAN,
            };
        },
    );
}

/// The gradient of the logits: softmax minus one-hot.
pub fn gradient(call: &mut Call<'_>) {
    let logits = Rows::new(call.sources()[0]);
    let [targets, log_sum_exps, arriving] = [1, 2, 3].map(|input| call.input(input));
    let [output] = call.outputs();
    let length = logits.length();
    each_row(
        length,
        [(output, length)],
        #[inline(always)]
        |row, [output]| {
            let (log_sum_exp, gradient) = (log_sum_exps[row], arriving[row]);
            let Some(class) = place(targets[row].into(), length) else { return output.fill(f32::NAN) };
            for (result, &x) in output.iter_mut().zip(logits.row(row)) {
                *result = gradient * exp(x - log_sum_exp);
            }
            output[class] -= gradient;
        },
    );
}

/// Losses and log-sum-exps for targets given as probabilities.
pub fn run_soft(call: &mut Call<'_>) {
    let [logits, targets] = [0, 1].map(|input| Rows::new(call.sources()[input]));
    let [losses, log_sum_exps] = call.outputs();
    each_row(
        logits.length(),
        [(losses, 1), (log_sum_exps, 1)],
        #[inline(always)]
        |row, [loss, log_sum_exp]| {
            let (x, targets) = (logits.row(row), targets.row(row));
            let (shift, log_total) = shifted_log_sum_exp(x);
            log_sum_exp[0] = shift + log_total;
            let term = |x: f32, p: f32| if p == 0.0 { 0.0 } else { p * (log_total - (x - shift)) };
            [loss[0]] = lanes::sums([x, targets], |[x, p]| [term(x, p)]);
        },
    );
}

/// The gradient of the logits: softmax times the sum of the targets, minus the targets.
pub fn gradient_soft(call: &mut Call<'_>) {
    let [logits, targets] = [0, 1].map(|input| Rows::new(call.sources()[input]));
    let [log_sum_exps, arriving] = [2, 3].map(|input| call.input(input));
    let [output] = call.outputs();
    let length = logits.length();
    each_row(
        length,
        [(output, length)],
        #[inline(always)]
        |row, [output]| {
            let (x, targets) = (logits.row(row), targets.row(row));
            let (log_sum_exp, gradient) = (log_sum_exps[row], arriving[row]);
            let total = lanes::sum(targets, |p| p);
            for ((result, &x), &p) in output.iter_mut().zip(x).zip(targets) {
                *result = gradient * (total * exp(x - log_sum_exp) - p);
            }
        },
    );
}
