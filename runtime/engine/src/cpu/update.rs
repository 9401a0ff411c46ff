//! Updates of parameters, moments and teachers: the outputs hold the old values and are changed where they lie.

use rayon::prelude::*;

use super::call::Call;
use super::instructions;
use super::norm::{PIECE, squares, sum_pieces};
use crate::ops::Sgd;

/// Elements of one task.
const BLOCK: usize = 16 * 1024;

/// A step of AdamW.
pub fn adamw(call: &mut Call<'_>) {
    let (gradient, scale) = (call.input(3), call.input(4)[0]);
    let &[rate, decay, first_share, second_share, correction, epsilon] = call.input(5) else { return };
    let [parameter, first, second] = call.outputs();
    let blocks =
        parameter.par_chunks_mut(BLOCK).zip(first.par_chunks_mut(BLOCK)).zip(second.par_chunks_mut(BLOCK));
    blocks.zip(gradient.par_chunks(BLOCK)).for_each(|(((parameter, first), second), gradient)| {
        instructions::arch().dispatch(
            #[inline(always)]
            || {
                for (((p, m), v), &g) in parameter.iter_mut().zip(first).zip(second).zip(gradient) {
                    let g = scale * g;
                    *m += first_share * (g - *m);
                    *v += second_share * (g * g - *v);
                    // One subtraction, so that a small decay is not rounded away against 1.
                    *p -= decay * *p + rate * *m / (v.sqrt() * correction + epsilon);
                }
            },
        );
    });
}

/// A step of SGD with momentum.
pub fn sgd(sgd: &Sgd, call: &mut Call<'_>) {
    let (gradient, scale) = (call.input(2), call.input(3)[0]);
    let &[rate, decay, momentum, undamped] = call.input(4) else { return };
    let [parameter, buffer] = call.outputs();
    descend(
        parameter,
        buffer,
        gradient,
        #[inline(always)]
        |p, b, g| {
            let direction = scale * g + decay * *p;
            *b = momentum * *b + undamped * direction;
            *p -= rate * if sgd.nesterov { direction + momentum * *b } else { *b };
        },
    );
}

/// A step of LARS.
pub fn lars(call: &mut Call<'_>) {
    let (gradient, scale) = (call.input(2), call.input(3)[0]);
    let &[rate, decay, momentum, trust, share] = call.input(4) else { return };
    let [parameter, buffer] = call.outputs();
    let norms = sum_pieces(gradient.len(), |piece| {
        let mut direction = [0.0; PIECE];
        let (parameter, gradient) = (&parameter[piece.clone()], &gradient[piece]);
        for ((d, &g), &p) in direction.iter_mut().zip(gradient).zip(parameter) {
            *d = scale * g + decay * p;
        }
        [squares(parameter), squares(&direction[..gradient.len()])]
    });
    let ratio = match norms {
        [parameter, direction] if parameter > 0.0 && direction > 0.0 => {
            f64::from(trust) * (parameter / direction).sqrt()
        }
        _ => 1.0,
    };
    let share = share * ratio as f32;
    descend(
        parameter,
        buffer,
        gradient,
        #[inline(always)]
        |p, b, g| {
            *b = momentum * *b + share * (scale * g + decay * *p);
            *p -= rate * *b;
        },
    );
}

/// A step of an exponential moving average.
pub fn ema(call: &mut Call<'_>) {
    let (student, momentum) = (call.input(1), call.input(2)[0]);
    let [teacher] = call.outputs();
    let rest = 1.0 - momentum;
    teacher.par_chunks_mut(BLOCK).zip(student.par_chunks(BLOCK)).for_each(|(teacher, student)| {
        instructions::arch().dispatch(
            #[inline(always)]
            || teacher.iter_mut().zip(student).for_each(|(t, &s)| *t = momentum * *t + rest * s),
        );
    });
}

/// Runs `step` on every element of a parameter, its momentum buffer and its gradient.
fn descend(
    parameter: &mut [f32],
    buffer: &mut [f32],
    gradient: &[f32],
    step: impl Fn(&mut f32, &mut f32, f32) + Sync,
) {
    let blocks =
        parameter.par_chunks_mut(BLOCK).zip(buffer.par_chunks_mut(BLOCK)).zip(gradient.par_chunks(BLOCK));
    blocks.for_each(|((parameter, buffer), gradient)| {
        instructions::arch().dispatch(
            #[inline(always)]
            || {
                for ((p, b), &g) in parameter.iter_mut().zip(buffer).zip(gradient) {
                    step(p, b, g);
                }
            },
        );
    });
}
