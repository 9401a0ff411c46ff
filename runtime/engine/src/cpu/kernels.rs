//! Which kernel runs which operator.

use super::call::Call;
use super::{
    attention, batch_norm, contract, conv, cross_entropy, elementwise, gather, info_nce, l2_normalize,
    layer_norm, movement, norm, off_diagonal, random, reduce, softmax, sparse, update, window,
};
use crate::ops::{Attention, DenseInfoNce, Op};
use crate::shape::Shape;

/// Runs one operator.
pub fn run(op: &Op, call: &mut Call<'_>) {
    match op {
        // The planner turns these into memory; no step carries them.
        Op::Input(_)
        | Op::State(_)
        | Op::Constant(_)
        | Op::Output(_)
        | Op::Assign(_)
        | Op::View(_)
        | Op::Pick(_) => {}
        Op::Copy(_) => gather::copy(call),
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
        Op::Attention(op) => {
            let (sizes, qkv) = (attention_sizes(op, &call.shape(0)), call.input(0));
            let [out, lse] = call.outputs();
            sizes.forward(qkv, out, lse);
        }
        Op::AttentionGradient(op) => {
            let sizes = attention_sizes(&op.attention, &call.shape(0));
            let [qkv, out, lse, d_out] = [0, 1, 2, 3].map(|input| call.input(input));
            let [d_qkv] = call.outputs();
            sizes.backward(qkv, out, lse, d_out, d_qkv);
        }
        Op::DenseInfoNce(op) => {
            let sizes = info_nce_sizes(op, &call.shape(0));
            let [anchors, positives] = [0, 1].map(|input| call.input(input));
            let [loss, lse] = call.outputs();
            loss[0] = sizes.forward(anchors, positives, lse);
        }
        Op::DenseInfoNceGradient(op) => {
            let sizes = info_nce_sizes(&op.loss, &call.shape(0));
            let [anchors, positives, lse, d_loss] = [0, 1, 2, 3].map(|input| call.input(input));
            let [d_anchors, d_positives] = call.outputs();
            sizes.backward(anchors, positives, lse, d_loss[0], d_anchors, d_positives);
        }
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
        Op::SumOfSquares(_) => norm::run(call),
        Op::AdamW(_) => update::adamw(call),
        Op::Sgd(op) => update::sgd(op, call),
        Op::Lars(_) => update::lars(call),
        Op::Ema(_) => update::ema(call),
    }
}

fn attention_sizes(op: &Attention, qkv: &Shape) -> attention::Attention {
    let (heads, width) = (op.heads, op.head_width(qkv));
    attention::Attention { batch: qkv[0], tokens: qkv[1], heads, width, scale: op.scale }
}

fn info_nce_sizes(op: &DenseInfoNce, view: &Shape) -> info_nce::InfoNce {
    let inverse_temperature = 1.0 / op.temperature;
    info_nce::InfoNce {
        samples: view[0],
        tokens: view[1],
        width: view[2],
        inverse_temperature,
        negatives: op.negatives,
    }
}
