//! Cross entropy with target distributions, straight from logits.

use super::rows::{expect, from_rows, rows, shape_of_rows};
use super::softmax::log_sum_exp;
use super::{Access, Adjoint, Cost, Differentiable, Operator};
use crate::array::Array;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// −Σ p · ln softmax(logits) of each row. Inputs: logits and p, both `[.., C]`. Outputs: the losses `[..]`, and for the
/// gradient ln Σ eˣ of each row. Where p is 0 the term is 0, also for logits of −∞.
#[derive(Clone, Debug, PartialEq)]
pub struct SoftCrossEntropy;

/// The gradient of the logits. Inputs: logits, p, ln Σ eˣ of each row, the gradient that arrived.
#[derive(Clone, Debug, PartialEq)]
pub struct SoftCrossEntropyGradient;

impl Operator for SoftCrossEntropy {
    fn name(&self) -> &'static str {
        "soft_cross_entropy"
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        expect("the target probabilities", &inputs[1], inputs[0])?;
        shape_of_rows(&inputs[0]).map(|rows| vec![rows, rows])
    }

    fn reference(&self, inputs: &[&Array], outputs: &[Shape]) -> Vec<Array> {
        let totals: Vec<f64> = rows(inputs[0]).map(log_sum_exp).collect();
        let losses = rows(inputs[0]).zip(rows(inputs[1])).zip(&totals).map(|((x, targets), total)| {
            let terms = x.iter().zip(targets).filter(|&(_, &p)| p != 0.0);
            terms.map(|(x, p)| p * (total - x)).sum()
        });
        vec![Array::new(outputs[0], losses.collect()), Array::new(outputs[1], totals.clone())]
    }

    fn gradient(&self, at: &Adjoint<'_>) -> Vec<Option<Tensor>> {
        let (logits, total) = (&at.inputs[0], &at.outputs[1]);
        let operands = [logits, &at.inputs[1], total, at.gradient()];
        vec![
            at.when(0, || at.gradient().graph().push(SoftCrossEntropyGradient, &operands)),
            at.when(1, || (total.unsqueeze(-1) - logits) * at.gradient().unsqueeze(-1)),
        ]
    }

    /// For finite logits.
    fn decompose(&self, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
        let [logits, targets] = inputs else { return None };
        let total = logits.log_sum_exp(-1);
        Some(vec![((total.unsqueeze(-1) - logits) * targets).sum(&[-1]), total])
    }

    /// Maximum; distance, exponential, sum; distance, product, sum.
    fn cost(&self, inputs: &[Shape], outputs: &[Shape]) -> Cost {
        Cost::new(7 * inputs[0].elements(), inputs, outputs)
    }

    fn access(&self, _input: usize) -> Access {
        Access::Rows
    }
}

impl Operator for SoftCrossEntropyGradient {
    fn name(&self) -> &'static str {
        "soft_cross_entropy_gradient"
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        expect("the gradient", &inputs[3], inputs[2])?;
        Ok(vec![inputs[0]])
    }

    fn reference(&self, inputs: &[&Array], outputs: &[Shape]) -> Vec<Array> {
        let [totals, arriving] = [inputs[2], inputs[3]].map(Array::data);
        let pulled = rows(inputs[0]).zip(rows(inputs[1])).enumerate().map(|(row, (x, targets))| {
            let mass: f64 = targets.iter().sum();
            x.iter().zip(targets).map(|(x, p)| arriving[row] * (mass * (x - totals[row]).exp() - p)).collect()
        });
        vec![from_rows(outputs[0], pulled)]
    }

    fn differentiable(&self) -> Differentiable {
        Differentiable::No
    }

    fn decompose(&self, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
        let [logits, targets, total, arriving] = inputs else { return None };
        let probability = (logits - total.unsqueeze(-1)).exp();
        let mass = targets.sum(&[-1]).unsqueeze(-1);
        Some(vec![(probability * mass - targets) * arriving.unsqueeze(-1)])
    }

    /// Sum of the targets; distance, exponential, product, difference, scaling.
    fn cost(&self, inputs: &[Shape], outputs: &[Shape]) -> Cost {
        Cost::new(6 * inputs[0].elements(), inputs, outputs)
    }

    fn access(&self, input: usize) -> Access {
        if input < 2 { Access::Rows } else { Access::Contiguous }
    }
}

impl Tensor {
    /// With this tensor as logits `[.., C]`: −Σ p · ln softmax(logits), a loss for each row, with target probabilities
    /// of the same shape. Targets need not sum to 1; gradients flow to them too, unless stopped.
    #[track_caller]
    pub fn soft_cross_entropy_rows(&self, target_probabilities: &Tensor) -> Tensor {
        let [losses, _log_sum_exps] =
            self.graph().push_multi(SoftCrossEntropy, &[self, target_probabilities]);
        losses
    }

    /// Mean of [`Tensor::soft_cross_entropy_rows`].
    #[track_caller]
    pub fn soft_cross_entropy(&self, target_probabilities: &Tensor) -> Tensor {
        self.soft_cross_entropy_rows(target_probabilities).mean_all()
    }
}
