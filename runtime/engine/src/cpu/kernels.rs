//! Which kernel runs which operator.

use super::call::Call;
use super::{batch_norm, cross_entropy, l2_normalize, layer_norm, off_diagonal, softmax};
use super::{contract, elementwise, movement, reduce};
use crate::ops::Op;

/// Runs one operator.
pub fn run(op: &Op, call: &mut Call<'_>) {
    match op {
        // The planner turns these into memory; no step carries them.
        Op::Input(_) | Op::State(_) | Op::Constant(_) | Op::Output(_) | Op::Assign(_) | Op::View(_) | Op::Pick(_) => {}
        Op::Copy(_) => elementwise::copy(call),
        Op::Unary(_) | Op::Binary(_) | Op::Select(_) | Op::Fused(_) => elementwise::run(op, call),
        Op::Concat(op) => movement::concat(op, call),
        Op::Pad(op) => movement::pad(op, call),
        Op::Reduce(op) => reduce::run(op, call),
        Op::Contract(op) => contract::run(op, call),
        Op::FusedContract(op) => contract::run_fused(&op.contract, &op.epilogue, call),
        Op::Softmax(op) => softmax::run(op, call),
        Op::SoftmaxGradient(op) => softmax::gradient(op, call),
        Op::LogSumExp(_) => softmax::log_sum_exp(call),
        Op::LayerNorm(op) => layer_norm::run(op, call),
        Op::LayerNormGradient(op) => layer_norm::gradient(op, call),
        Op::L2Normalize(op) => l2_normalize::run(op, call),
        Op::L2NormalizeGradient(op) => l2_normalize::gradient(op, call),
        Op::BatchNorm(op) => batch_norm::run(op, call),
        Op::BatchNormGradient(op) => batch_norm::gradient(op, call),
        Op::OffDiagonalSquares(_) => off_diagonal::squares(call),
        Op::OffDiagonalSquaresGradient(_) => off_diagonal::gradient(call),
        Op::CrossEntropy(_) => cross_entropy::run(call),
        Op::CrossEntropyGradient(_) => cross_entropy::gradient(call),
        Op::SoftCrossEntropy(_) => cross_entropy::run_soft(call),
        Op::SoftCrossEntropyGradient(_) => cross_entropy::gradient_soft(call),
    }
}
