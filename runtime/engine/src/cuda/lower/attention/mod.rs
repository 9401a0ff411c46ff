//! Attention that never holds a score matrix (Dao et al., arXiv 2205.14135): tiles of queries and keys meet in shared
//! memory. Forward, a block owns some queries and passes all keys by them, with a running maximum and sum. Backward, one
//! kernel owns keys and another queries; each makes the probabilities again from the saved log-sum-exp. Nothing is
//! added by two blocks, so every run has the same bits.
//!
//! Where factors of products may be rounded to bfloat16, the products are [`tensor_cores`]'; else `f32`'s, on [`cores`].

mod cores;
mod tensor_cores;

use super::call::Call;
use crate::cuda::task::Address;
use crate::ops::{Attention, AttentionGradient};
use crate::shape::Shape;

/// Lengths of an attention.
#[derive(Clone, Copy)]
struct Lengths {
    batch: usize,
    tokens: usize,
    heads: usize,
    width: usize,
    scale: f32,
}

impl Lengths {
    fn of(attention: &Attention, qkv: &Shape) -> Lengths {
        let width = attention.head_width(qkv);
        Lengths { batch: qkv[0], tokens: qkv[1], heads: attention.heads, width, scale: attention.scale }
    }
}

/// Forward: the result and the log-sum-exp of each query's scores.
pub fn run(attention: &Attention, call: &mut Call) -> Result<(), String> {
    let lengths = Lengths::of(attention, &call.inputs[0].shape());
    match tensor_cores::take(&lengths, call) {
        true => {
            tensor_cores::run(lengths, call);
            Ok(())
        }
        false => cores::run(lengths, call),
    }
}

/// Backward.
pub fn gradient(gradient: &AttentionGradient, call: &mut Call) -> Result<(), String> {
    let lengths = Lengths::of(&gradient.attention, &call.inputs[0].shape());
    let along = along(&lengths, call);
    match tensor_cores::take(&lengths, call) {
        true => {
            tensor_cores::gradient(lengths, along, call);
            Ok(())
        }
        false => cores::gradient(lengths, along, call),
    }
}

/// The arriving gradient along each query's result, which is the mean of the slopes of the loss in its probabilities.
fn along(lengths: &Lengths, call: &mut Call) -> Address {
    let (out, d_out) = (call.inputs[1].address, call.inputs[3].address);
    let &Lengths { batch, tokens, heads, width, .. } = lengths;
    let count = batch * heads * tokens;
    let along = call.scratch(count);
    let body = format!(
        "    float sum = 0.0f;
    const unsigned token = i % {0}u, head = i / {0}u % {heads}u, sample = i / {1}u;
    const size_t first = ((size_t)(sample * {0}u + token) * {heads}u + head) * {width}u;
    for (unsigned w = 0; w < {width}u; ++w) sum += out[first + w] * d_out[first + w];
    along[i] = sum;
",
        tokens,
        tokens * heads
    );
    call.kernel("attention_along")
        .reads("out", out)
        .reads("d_out", d_out)
        .writes("along", along)
        .each(count, &body);
    along
}
