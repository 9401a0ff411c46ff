//! Which kernel runs which operator.

use super::call::Call;
use super::{contract, conv, elementwise, movement, random, reduce, sparse, window};
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
        Op::IndexSelect(op) => sparse::select(op, call),
        Op::ScatterAdd(op) => sparse::scatter_add(op, call),
        Op::SparseMap(op) => sparse::map(op, call),
        Op::SparseMapTranspose(op) => sparse::map_transpose(op, call),
        Op::SparseMapWeights(op) => sparse::map_weights(op, call),
        Op::Random(op) => random::run(op, call),
        Op::Unfold(op) => window::unfold(op, call),
        Op::Fold(op) => window::fold(op, call),
        Op::Conv2d(op) => conv::conv2d(op, call),
        Op::Conv2dTranspose(op) => conv::conv2d_transpose(op, call),
        Op::Conv2dWeight(op) => conv::conv2d_weight(op, call),
        Op::Reduce(op) => reduce::run(op, call),
        Op::Contract(op) => contract::run(op, call),
        Op::FusedContract(op) => contract::run_fused(&op.contract, &op.epilogue, call),
    }
}
