//! Which kernel runs which operator.

use super::call::Call;
use super::{contract, elementwise, movement, norm, reduce, update};
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
        Op::SumOfSquares(_) => norm::run(call),
        Op::AdamW(_) => update::adamw(call),
        Op::Sgd(op) => update::sgd(op, call),
        Op::Lars(_) => update::lars(call),
        Op::Ema(_) => update::ema(call),
    }
}
