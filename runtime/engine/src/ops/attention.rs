//! Multi-head self-attention that never holds a score matrix.

use super::{Adjoint, Cost, Differentiable, Operator};
use crate::array::Array;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// `softmax(scale · q kᵀ) v` for each sample and head. Input: `[B, T, 3·H·d]`, queries, keys and values side by
/// side, each head by head. Outputs: `[B, T, H·d]`, and the log-sum-exp of each query's scores, `[B, H, T]`, from
/// which the backward pass makes the scores again instead of storing them (Dao et al., arXiv 2205.14135).
#[derive(Clone, Debug, PartialEq)]
pub struct Attention {
    /// Number of heads, H.
    pub heads: usize,
    /// Factor on the scores, usually 1/√d.
    pub scale: f32,
}

/// The gradient of [`Attention`]: inputs are its input, its two outputs and the gradient of the first.
#[derive(Clone, Debug, PartialEq)]
pub struct AttentionGradient {
    /// The attention it belongs to.
    pub attention: Attention,
}

impl Attention {
    /// Width of a head, given the input's shape.
    pub fn head_width(&self, input: &Shape) -> usize {
        input[2] / 3 / self.heads
    }

    fn outputs(&self, input: &Shape) -> Result<[Shape; 2], String> {
        let unit = 3 * self.heads;
        if input.len() != 3 || unit == 0 || input[2] == 0 || !input[2].is_multiple_of(unit) {
            return Err(format!(
                "needs [batch, tokens, 3 · width] with a width that divides among {} heads, such as {}",
                self.heads,
                unit * 64
            ));
        }
        Ok([Shape::from([input[0], input[1], input[2] / 3]), Shape::from([input[0], self.heads, input[1]])])
    }

    /// Queries, keys and values, `[B, T, H, d]` each.
    fn split(&self, packed: &Tensor) -> [Tensor; 3] {
        let shape = packed.shape();
        let split = packed.reshape([shape[0], shape[1], 3, self.heads, self.head_width(shape)]);
        [0, 1, 2].map(|part| split.select(2, part))
    }

    /// Calls `f` with the index of the first query element of every (sample, head).
    fn each_head(&self, input: &Shape, mut f: impl FnMut(Head)) {
        for sample in 0..input[0] {
            for head in 0..self.heads {
                f(Head { sample, head, heads: self.heads, tokens: input[1], width: self.head_width(input) });
            }
        }
    }
}

/// Index arithmetic of one head of one sample.
#[derive(Clone, Copy)]
struct Head {
    sample: usize,
    head: usize,
    heads: usize,
    tokens: usize,
    width: usize,
}

impl Head {
    /// Element `i` of a token's query (part 0), key (1) or value (2).
    fn packed(&self, token: usize, part: usize, i: usize) -> usize {
        (((self.sample * self.tokens + token) * 3 + part) * self.heads + self.head) * self.width + i
    }

    fn output(&self, token: usize, i: usize) -> usize {
        ((self.sample * self.tokens + token) * self.heads + self.head) * self.width + i
    }

    /// Softmax over the keys of one query's scaled scores, and their log-sum-exp.
    fn probabilities(&self, qkv: &[f64], query: usize, scale: f64) -> (Vec<f64>, f64) {
        let score = |key: usize| -> f64 {
            (0..self.width).map(|i| qkv[self.packed(query, 0, i)] * qkv[self.packed(key, 1, i)]).sum::<f64>()
                * scale
        };
        let scores: Vec<f64> = (0..self.tokens).map(score).collect();
        let highest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let lse = highest + scores.iter().map(|score| (score - highest).exp()).sum::<f64>().ln();
        (scores.iter().map(|score| (score - lse).exp()).collect(), lse)
    }
}

impl Operator for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        self.outputs(&inputs[0]).map(|outputs| outputs.to_vec())
    }

    fn reference(&self, inputs: &[&Array], outputs: &[Shape]) -> Vec<Array> {
        let (qkv, scale) = (inputs[0].data(), f64::from(self.scale));
        let (mut out, mut lse) = (Array::zeros(outputs[0]), Array::zeros(outputs[1]));
        self.each_head(inputs[0].shape(), |head| {
            for query in 0..head.tokens {
                let (probabilities, log_sum) = head.probabilities(qkv, query, scale);
                for i in 0..head.width {
                    let value = |key: usize| probabilities[key] * qkv[head.packed(key, 2, i)];
                    out.data_mut()[head.output(query, i)] = (0..head.tokens).map(value).sum();
                }
                lse.data_mut()[(head.sample * head.heads + head.head) * head.tokens + query] = log_sum;
            }
        });
        vec![out, lse]
    }

    fn gradient(&self, at: &Adjoint<'_>) -> Vec<Option<Tensor>> {
        let Some(gradient) = &at.gradients[0] else { return vec![None] };
        let (qkv, out, lse) = (&at.inputs[0], &at.outputs[0], &at.outputs[1]);
        let operator = AttentionGradient { attention: self.clone() };
        vec![Some(qkv.graph().push(operator, &[qkv, out, lse, gradient]))]
    }

    /// Scores, softmax, weighted sum, as textbooks write it: with all T × T scores.
    fn decompose(&self, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
        let [batch, tokens, packed] = inputs[0].shape()[..] else { return None };
        let [queries, keys, values] = self.split(&inputs[0]);
        let scores = queries.einsum("bqhd,bkhd->bhqk", &keys) * self.scale;
        let highest = scores.max(&[-1]);
        let shifted = (&scores - highest.unsqueeze(-1)).exp();
        let sums = shifted.sum(&[-1]);
        let probabilities = shifted / sums.unsqueeze(-1);
        let out = probabilities.einsum("bhqk,bkhd->bqhd", &values).reshape([batch, tokens, packed / 3]);
        Some(vec![out, highest + sums.ln()])
    }

    fn cost(&self, inputs: &[Shape], outputs: &[Shape]) -> Cost {
        Cost::new(4 * products(&inputs[0]), inputs, outputs)
    }
}

/// B · T² · H · d: multiplications of one score-sized product.
fn products(input: &Shape) -> usize {
    input[0] * input[1] * input[1] * input[2] / 3
}

impl Operator for AttentionGradient {
    fn name(&self) -> &'static str {
        "attention_gradient"
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        let [out, lse] = self.attention.outputs(&inputs[0])?;
        match inputs[1] == out && inputs[2] == lse && inputs[3] == out {
            true => Ok(vec![inputs[0]]),
            false => {
                Err("needs the attention's input, its outputs, and a gradient of the first output".into())
            }
        }
    }

    fn reference(&self, inputs: &[&Array], outputs: &[Shape]) -> Vec<Array> {
        let (qkv, out, d_out) = (inputs[0].data(), inputs[1].data(), inputs[3].data());
        let scale = f64::from(self.attention.scale);
        let mut d_qkv = Array::zeros(outputs[0]);
        self.attention.each_head(inputs[0].shape(), |head| {
            for query in 0..head.tokens {
                let (probabilities, _) = head.probabilities(qkv, query, scale);
                let over_width = |f: &dyn Fn(usize) -> f64| (0..head.width).map(f).sum::<f64>();
                let mean = over_width(&|i| d_out[head.output(query, i)] * out[head.output(query, i)]);
                for (key, probability) in probabilities.into_iter().enumerate() {
                    let d_probability =
                        over_width(&|i| d_out[head.output(query, i)] * qkv[head.packed(key, 2, i)]);
                    let d_score = probability * (d_probability - mean) * scale;
                    for i in 0..head.width {
                        let d = d_qkv.data_mut();
                        d[head.packed(query, 0, i)] += d_score * qkv[head.packed(key, 1, i)];
                        d[head.packed(key, 1, i)] += d_score * qkv[head.packed(query, 0, i)];
                        d[head.packed(key, 2, i)] += probability * d_out[head.output(query, i)];
                    }
                }
            }
        });
        vec![d_qkv]
    }

    fn differentiable(&self) -> Differentiable {
        Differentiable::No
    }

    /// With all T × T scores.
    fn decompose(&self, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
        let [packed, out, lse, gradient] = inputs else { return None };
        let [queries, keys, values] = self.attention.split(packed);
        let (shape, scale) = (*queries.shape(), self.attention.scale);
        let d_out = gradient.reshape(shape);
        let mean = (gradient * out).reshape(shape).sum(&[-1]).transpose(1, 2);
        let scores = queries.einsum("bqhd,bkhd->bhqk", &keys) * scale;
        let probabilities = (scores - lse.unsqueeze(-1)).exp();
        let d_values = probabilities.einsum("bhqk,bqhd->bkhd", &d_out);
        let d_probabilities = d_out.einsum("bqhd,bkhd->bhqk", &values);
        let d_scores = probabilities * (d_probabilities - mean.unsqueeze(-1)) * scale;
        let d_queries = d_scores.einsum("bhqk,bkhd->bqhd", &keys);
        let d_keys = d_scores.einsum("bhqk,bqhd->bkhd", &queries);
        Some(vec![d_queries.stack(&[&d_keys, &d_values], 2).reshape(*packed.shape())])
    }

    fn cost(&self, inputs: &[Shape], outputs: &[Shape]) -> Cost {
        Cost::new(10 * products(&inputs[0]), inputs, outputs)
    }
}

impl Tensor {
    /// Multi-head self-attention of `[batch, tokens, 3 · width]`: queries, keys and values side by side, each head
    /// by head, as one linear layer makes them (timm's `qkv`). Gives `[batch, tokens, width]`; scores are scaled by
    /// 1/√(width of a head).
    #[track_caller]
    pub fn attention(&self, heads: usize) -> Tensor {
        let width = self.shape().get(2).copied().unwrap_or(0) / 3 / heads.max(1);
        let operator = Attention { heads, scale: 1.0 / (width.max(1) as f32).sqrt() };
        let [out, _] = self.graph().push_multi(operator, &[self]);
        out
    }
}
