//! From a plan to tasks: each step becomes kernels in CUDA C, matrix products and copies.
//!
//! This needs no device, so it also serves estimates and tests on machines without one.

mod attention;
mod batch_norm;
mod call;
mod code;
mod contract;
mod conv;
mod elementwise;
mod fragments;
mod index;
mod info_nce;
mod movement;
mod random;
mod reduce;
mod rows;
mod tiled;
mod update;
mod window;

pub use code::PRELUDE;
pub use fragments::FRAGMENTS;

use self::call::{Call, Source, Target};
use super::storage::Storage;
use super::task::{Address, Lowered, Task};
use crate::device::Precision;
use crate::error::Error;
use crate::ops::Op;
use crate::plan::{Operand, Plan, Step};

/// Lowers a plan, with products of this precision.
///
/// # Errors
/// A step that has no kernel for its sizes; the message names the operator.
pub fn lower(plan: &Plan, precision: Precision) -> Result<Lowered, Error> {
    let Storage { arena, buffers } = Storage::new(plan, precision);
    let mut lowered = Lowered { arena, buffers, ..Lowered::default() };
    for (index, step) in plan.steps.iter().enumerate() {
        let mut call = call(&lowered.buffers, step, precision);
        run(&step.op, &mut call).map_err(|detail| {
            Error::Executor(format!("step {index}, {}: {detail}", step.op.as_operator().name()))
        })?;
        lowered.scratch = lowered.scratch.max(call.scratch);
        lowered.steps.push(call.tasks);
    }
    Ok(lowered)
}

/// The operands of a step. What a kernel updates in place is put into the output first.
fn call(buffers: &[Address], step: &Step, precision: Precision) -> Call {
    // The first element of a layout lies in the buffer, unless there is no element.
    let source = |operand: &Operand| Source {
        address: buffers[operand.buffer].plus(usize::try_from(operand.layout.offset()).unwrap_or(0)),
        layout: operand.layout,
    };
    let target =
        |operand: &Operand| Target { address: buffers[operand.buffer], shape: *operand.layout.shape() };
    let mut call = Call {
        inputs: step.inputs.iter().map(source).collect(),
        outputs: step.outputs.iter().map(target).collect(),
        precision,
        tasks: Vec::new(),
        scratch: 0,
    };
    for &(output, input) in step.op.as_operator().updates() {
        let (from, to) = (call.inputs[input].address, call.outputs[output].address);
        let elements = call.outputs[output].shape.elements();
        if from != to && elements > 0 {
            call.tasks.push(Task::Copy { from, to, elements });
        }
    }
    call
}

/// Lowers one operator.
fn run(op: &Op, call: &mut Call) -> Result<(), String> {
    match op {
        // The planner turns these into memory; no step carries them.
        Op::Input(_)
        | Op::State(_)
        | Op::Constant(_)
        | Op::Output(_)
        | Op::Assign(_)
        | Op::View(_)
        | Op::Pick(_) => {}
        Op::Copy(_) => elementwise::copy(call),
        Op::Unary(_) | Op::Binary(_) | Op::Select(_) | Op::Fused(_) => elementwise::run(op, call),
        Op::Concat(op) => movement::concat(op, call),
        Op::Pad(op) => movement::pad(op, call),
        Op::IndexSelect(op) => index::select(op, call),
        Op::ScatterAdd(op) => index::scatter_add(op, call),
        Op::SparseMap(op) => index::map(op, call),
        Op::SparseMapTranspose(op) => index::map_transpose(op, call),
        Op::SparseMapWeights(op) => index::map_weights(op, call),
        Op::Random(op) => random::run(op, call),
        Op::Unfold(op) => window::unfold(op, call),
        Op::Fold(op) => window::fold(op, call),
        Op::Conv2d(op) => conv::conv2d(op, call),
        Op::Conv2dTranspose(op) => conv::conv2d_transpose(op, call),
        Op::Conv2dWeight(op) => conv::conv2d_weight(op, call),
        Op::Reduce(op) => reduce::run(op, call),
        Op::SumOfSquares(_) => reduce::sum_of_squares(call),
        Op::Contract(op) => contract::run(op, call),
        Op::FusedContract(op) => contract::run_fused(op, call),
        Op::Attention(op) => attention::run(op, call)?,
        Op::AttentionGradient(op) => attention::gradient(op, call)?,
        Op::DenseInfoNce(op) => info_nce::run(op, call),
        Op::DenseInfoNceGradient(op) => info_nce::gradient(op, call),
        Op::Softmax(op) => rows::softmax(op, call),
        Op::SoftmaxGradient(op) => rows::softmax_gradient(op, call),
        Op::LogSumExp(_) => rows::log_sum_exp(call),
        Op::LayerNorm(op) => rows::layer_norm(op, call),
        Op::LayerNormGradient(op) => rows::layer_norm_gradient(op, call),
        Op::L2Normalize(op) => rows::l2_normalize(op, call),
        Op::L2NormalizeGradient(op) => rows::l2_normalize_gradient(op, call),
        Op::BatchNorm(op) => batch_norm::run(op, call),
        Op::BatchNormGradient(op) => batch_norm::gradient(op, call),
        Op::OffDiagonalSquares(_) => reduce::off_diagonal_squares(call),
        Op::OffDiagonalSquaresGradient(_) => reduce::off_diagonal_gradient(call),
        Op::CrossEntropy(_) => rows::cross_entropy(call),
        Op::CrossEntropyGradient(_) => rows::cross_entropy_gradient(call),
        Op::SoftCrossEntropy(_) => rows::soft_cross_entropy(call),
        Op::SoftCrossEntropyGradient(_) => rows::soft_cross_entropy_gradient(call),
        Op::AdamW(_) => update::adamw(call),
        Op::Sgd(op) => update::sgd(op, call),
        Op::Lars(_) => update::lars(call),
        Op::Ema(_) => update::ema(call),
    }
    Ok(())
}
