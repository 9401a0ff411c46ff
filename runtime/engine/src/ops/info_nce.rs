//! Dense InfoNCE between aligned token maps, same-sample tokens masked: the loss of SER (arXiv 2603.06693).

use super::{Adjoint, Cost, Differentiable, Operator};
use crate::array::Array;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Which tokens stand in the denominator beside the positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Negatives {
    /// Tokens of other samples in the other view. The anchors are the first view's tokens.
    CrossView,
    /// Tokens of other samples in both views, as in the paper's equation. Every token of both views is an anchor once.
    BothViews,
}

/// Mean over the anchors of −log(exp(s⁺) / (exp(s⁺) + Σ exp(s⁻))), s the inner product over τ. Inputs: anchors and
/// positives, `[B, T, D]`, rows normalised. Tokens of the anchor's own sample are no negatives. Outputs: the loss, a
/// scalar, and the logarithm of each anchor's denominator. The N × N scores are made block by block, twice.
#[derive(Clone, Debug, PartialEq)]
pub struct DenseInfoNce {
    /// Temperature τ, above 0.
    pub temperature: f32,
    /// What stands in the denominator.
    pub negatives: Negatives,
}

/// The gradient of [`DenseInfoNce`]: inputs are its inputs, its second output and the gradient of the first.
#[derive(Clone, Debug, PartialEq)]
pub struct DenseInfoNceGradient {
    /// The loss it belongs to.
    pub loss: DenseInfoNce,
}

impl DenseInfoNce {
    /// Number of anchors.
    pub fn anchors(&self, view: &Shape) -> usize {
        let tokens = view[0] * view[1];
        match self.negatives {
            Negatives::CrossView => tokens,
            Negatives::BothViews => 2 * tokens,
        }
    }

    fn check(&self, anchors: &Shape, positives: &Shape) -> Result<(), String> {
        if anchors.len() != 3 || anchors != positives {
            return Err("needs anchors and positives of one shape [samples, tokens, width]".into());
        }
        if anchors.elements() == 0 {
            return Err("there is no token to be an anchor".into());
        }
        match self.temperature > 0.0 && self.temperature.is_finite() {
            true => Ok(()),
            false => Err(format!("the temperature is {}; it must be above 0", self.temperature)),
        }
    }

    /// The rows an anchor is compared with (the positive among them), the positive first, as (view, row).
    fn candidates(&self, view: &Shape, (anchor_view, anchor): (usize, usize)) -> Vec<(usize, usize)> {
        let (rows, tokens) = (view[0] * view[1], view[1]);
        let others = move |in_view: usize| {
            (0..rows).filter(move |row| row / tokens != anchor / tokens).map(move |row| (in_view, row))
        };
        let positive = std::iter::once((1 - anchor_view, anchor));
        match self.negatives {
            Negatives::CrossView => positive.chain(others(1)).collect(),
            Negatives::BothViews => positive.chain(others(0)).chain(others(1)).collect(),
        }
    }

    /// Each anchor, with the probability of each candidate and the logarithm of the denominator.
    fn each_anchor(
        &self,
        views: [&Array; 2],
        mut f: impl FnMut((usize, usize), &[(usize, usize)], &[f64], f64),
    ) {
        let shape = *views[0].shape();
        let (rows, width, tau) = (shape[0] * shape[1], shape[2], f64::from(self.temperature));
        for index in 0..self.anchors(&shape) {
            let anchor = (index / rows, index % rows);
            let candidates = self.candidates(&shape, anchor);
            let row = |(view, row): (usize, usize)| &views[view].data()[row * width..][..width];
            let score = |&candidate: &(usize, usize)| -> f64 {
                row(anchor).iter().zip(row(candidate)).map(|(a, b)| a * b).sum::<f64>() / tau
            };
            let scores: Vec<f64> = candidates.iter().map(score).collect();
            let highest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let lse = highest + scores.iter().map(|score| (score - highest).exp()).sum::<f64>().ln();
            f(anchor, &candidates, &scores, lse);
        }
    }
}

/// Anchors and their candidates as rows, the positive of each anchor on the diagonal, and which candidates count.
struct Pairs {
    anchors: Tensor,
    candidates: Tensor,
    mask: Tensor,
}

impl DenseInfoNce {
    fn pairs(&self, views: &[Tensor]) -> Pairs {
        let shape = *views[0].shape();
        let (rows, count) = (shape[0] * shape[1], self.anchors(&shape));
        let [a, p] = [0, 1].map(|view: usize| views[view].reshape([rows, shape[2]]));
        let sample = |index: usize| index % rows / shape[1];
        let counts = |index: usize| {
            let (anchor, candidate) = (index / count, index % count);
            f32::from(u8::from(anchor == candidate || sample(anchor) != sample(candidate)))
        };
        let mask = a.graph().constant([count, count], (0..count * count).map(counts).collect::<Vec<f32>>());
        let (anchors, candidates) = match self.negatives {
            Negatives::CrossView => (a, p),
            Negatives::BothViews => (a.concat(&[&p], 0), p.concat(&[&a], 0)),
        };
        Pairs { anchors, candidates, mask }
    }
}

impl Operator for DenseInfoNce {
    fn name(&self) -> &'static str {
        "dense_info_nce"
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        self.check(&inputs[0], &inputs[1])?;
        Ok(vec![Shape::SCALAR, Shape::from([self.anchors(&inputs[0])])])
    }

    fn reference(&self, inputs: &[&Array], outputs: &[Shape]) -> Vec<Array> {
        let mut total = 0.0;
        let mut log_sums = Vec::with_capacity(outputs[1].elements());
        self.each_anchor([inputs[0], inputs[1]], |_, _, scores, lse| {
            total += lse - scores[0];
            log_sums.push(lse);
        });
        vec![Array::scalar(total / log_sums.len() as f64), Array::new(outputs[1], log_sums)]
    }

    fn gradient(&self, at: &Adjoint<'_>) -> Vec<Option<Tensor>> {
        let Some(gradient) = &at.gradients[0] else { return vec![None, None] };
        let operator = DenseInfoNceGradient { loss: self.clone() };
        let inputs = [&at.inputs[0], &at.inputs[1], &at.outputs[1], gradient];
        let [anchors, positives] = gradient.graph().push_multi(operator, &inputs);
        vec![at.when(0, || anchors), at.when(1, || positives)]
    }

    /// With all N × N scores and a constant mask. Normalised rows keep scores below 1/τ, which stands in for the
    /// maximum.
    fn decompose(&self, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
        let Pairs { anchors, candidates, mask } = self.pairs(inputs);
        let bound = 1.0 / self.temperature;
        let scores = anchors.matmul(&candidates.transpose(0, 1)) * bound;
        let log_sums = ((&scores - bound).exp() * mask).sum(&[1]).ln() + bound;
        let positives = (anchors * candidates).sum(&[1]) * bound;
        Some(vec![(&log_sums - positives).mean_all(), log_sums])
    }

    fn cost(&self, inputs: &[Shape], outputs: &[Shape]) -> Cost {
        let anchors = self.anchors(&inputs[0]);
        Cost::new(2 * anchors * anchors * inputs[0][2], inputs, outputs)
    }
}

impl Operator for DenseInfoNceGradient {
    fn name(&self) -> &'static str {
        "dense_info_nce_gradient"
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        self.loss.check(&inputs[0], &inputs[1])?;
        match inputs[2].elements() == self.loss.anchors(&inputs[0]) && inputs[3].elements() == 1 {
            true => Ok(vec![inputs[0]; 2]),
            false => Err("needs the loss's inputs, its denominators, and a scalar gradient".into()),
        }
    }

    fn reference(&self, inputs: &[&Array], outputs: &[Shape]) -> Vec<Array> {
        let views = [inputs[0], inputs[1]];
        let shape = *views[0].shape();
        let factor =
            inputs[3].data()[0] / self.loss.anchors(&shape) as f64 / f64::from(self.loss.temperature);
        let mut gradients = [Array::zeros(outputs[0]), Array::zeros(outputs[1])];
        self.loss.each_anchor(views, |anchor, candidates, scores, lse| {
            for (index, (&candidate, score)) in candidates.iter().zip(scores).enumerate() {
                let weight = factor * ((score - lse).exp() - f64::from(u8::from(index == 0)));
                for i in 0..shape[2] {
                    let at = |(_, row): (usize, usize)| row * shape[2] + i;
                    gradients[anchor.0].data_mut()[at(anchor)] +=
                        weight * views[candidate.0].data()[at(candidate)];
                    gradients[candidate.0].data_mut()[at(candidate)] +=
                        weight * views[anchor.0].data()[at(anchor)];
                }
            }
        });
        gradients.to_vec()
    }

    fn differentiable(&self) -> Differentiable {
        Differentiable::No
    }

    /// With all N × N scores.
    fn decompose(&self, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
        let Pairs { anchors, candidates, mask } = self.loss.pairs(&inputs[..2]);
        let shape = *inputs[0].shape();
        let (rows, count, bound) = (shape[0] * shape[1], anchors.dim(0), 1.0 / self.loss.temperature);
        let scores = anchors.matmul(&candidates.transpose(0, 1)) * bound;
        let probabilities = (scores - inputs[2].unsqueeze(1)).exp() * mask;
        let diagonal: Vec<f32> =
            (0..count * count).map(|i| f32::from(u8::from(i % (count + 1) == 0))).collect();
        let factor = &inputs[3] * (bound / count as f32);
        let weights = (probabilities - anchors.graph().constant([count, count], diagonal)) * factor;
        let (d_anchors, d_candidates) =
            (weights.matmul(&candidates), weights.transpose(0, 1).matmul(&anchors));
        let [d_a, d_p] = match self.loss.negatives {
            Negatives::CrossView => [d_anchors, d_candidates],
            Negatives::BothViews => [0, rows]
                .map(|first| d_anchors.slice(0, first, rows) + d_candidates.slice(0, rows - first, rows)),
        };
        Some(vec![d_a.reshape(shape), d_p.reshape(shape)])
    }

    fn cost(&self, inputs: &[Shape], outputs: &[Shape]) -> Cost {
        let anchors = self.loss.anchors(&inputs[0]);
        Cost::new(6 * anchors * anchors * inputs[0][2], inputs, outputs)
    }
}

/// PyTorch's `normalize` keeps norms above this.
const NORM_EPS: f32 = 1e-12;

impl Tensor {
    /// Dense InfoNCE of this tensor's tokens, the anchors, with `positives`, both `[samples, tokens, width]` and
    /// aligned token by token; rows are normalised here. The loss is a scalar (SER's equation, with tokens
    /// of the anchor's own sample masked). One sample alone has no negatives, and its loss is 0.
    #[track_caller]
    pub fn dense_info_nce(&self, positives: &Tensor, temperature: f32, negatives: Negatives) -> Tensor {
        let operator = DenseInfoNce { temperature, negatives };
        let [loss, _] = self
            .graph()
            .push_multi(operator, &[&self.l2_normalize(NORM_EPS), &positives.l2_normalize(NORM_EPS)]);
        loss
    }
}
