//! Softmax, its logarithm, and the logarithm of a sum of exponentials, along the last axis.

use super::rows::{expect, from_rows, rows, shape_of_rows};
use super::{Access, Adjoint, Cost, Differentiable, Operator};
use crate::array::Array;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Softmax along the last axis, computed from distances to the maximum so that nothing overflows.
#[derive(Clone, Debug, PartialEq)]
pub struct Softmax(pub SoftmaxKind);

/// What of softmax is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SoftmaxKind {
    /// eˣ / Σ eˣ
    Probability,
    /// x − ln Σ eˣ
    LogProbability,
}

/// The gradient of [`Softmax`]. Inputs: what it gave, the gradient that arrived.
#[derive(Clone, Debug, PartialEq)]
pub struct SoftmaxGradient(pub SoftmaxKind);

/// ln Σ eˣ along the last axis, which is dropped; computed from distances to the maximum.
#[derive(Clone, Debug, PartialEq)]
pub struct LogSumExp;

use SoftmaxKind as K;

/// ln Σ eˣ: −∞ where all is −∞, ∞ where an element is.
pub(super) fn log_sum_exp(row: &[f64]) -> f64 {
    let maximum = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let shift = if maximum.is_finite() { maximum } else { 0.0 };
    shift + row.iter().map(|x| (x - shift).exp()).sum::<f64>().ln()
}

impl Operator for Softmax {
    fn name(&self) -> &'static str {
        match self.0 {
            K::Probability => "softmax",
            K::LogProbability => "log_softmax",
        }
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        shape_of_rows(&inputs[0]).map(|_| vec![inputs[0]])
    }

    fn reference(&self, inputs: &[&Array], outputs: &[Shape]) -> Vec<Array> {
        let softmax = |row: &[f64]| -> Vec<f64> {
            let total = log_sum_exp(row);
            let log_probabilities = row.iter().map(|x| x - total);
            match self.0 {
                K::Probability => log_probabilities.map(f64::exp).collect(),
                K::LogProbability => log_probabilities.collect(),
            }
        };
        vec![from_rows(outputs[0], rows(inputs[0]).map(softmax))]
    }

    fn gradient(&self, at: &Adjoint<'_>) -> Vec<Option<Tensor>> {
        let gradient = at.gradient();
        vec![Some(gradient.graph().push(SoftmaxGradient(self.0), &[&at.outputs[0], gradient]))]
    }

    fn decompose(&self, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
        let distance = &inputs[0] - inputs[0].max(&[-1]).unsqueeze(-1);
        let exponentials = distance.exp();
        let total = exponentials.sum(&[-1]).unsqueeze(-1);
        Some(vec![match self.0 {
            K::Probability => exponentials / total,
            K::LogProbability => distance - total.ln(),
        }])
    }

    /// Maximum, distance, exponential, sum, scaling.
    fn cost(&self, inputs: &[Shape], outputs: &[Shape]) -> Cost {
        Cost::new(5 * inputs[0].elements(), inputs, outputs)
    }

    fn access(&self, _input: usize) -> Access {
        Access::Rows
    }
}

impl Operator for SoftmaxGradient {
    fn name(&self) -> &'static str {
        match self.0 {
            K::Probability => "softmax_gradient",
            K::LogProbability => "log_softmax_gradient",
        }
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        expect("the gradient", &inputs[1], inputs[0])?;
        Ok(vec![inputs[0]])
    }

    fn reference(&self, inputs: &[&Array], outputs: &[Shape]) -> Vec<Array> {
        let gradient = |(y, arriving): (&[f64], &[f64])| -> Vec<f64> {
            let pairs = || y.iter().zip(arriving);
            match self.0 {
                K::Probability => {
                    let mean: f64 = pairs().map(|(y, g)| y * g).sum();
                    pairs().map(|(y, g)| y * (g - mean)).collect()
                }
                K::LogProbability => {
                    let total: f64 = arriving.iter().sum();
                    pairs().map(|(y, g)| g - y.exp() * total).collect()
                }
            }
        };
        vec![from_rows(outputs[0], rows(inputs[0]).zip(rows(inputs[1])).map(gradient))]
    }

    fn differentiable(&self) -> Differentiable {
        Differentiable::No
    }

    fn decompose(&self, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
        let [y, arriving] = inputs else { return None };
        Some(vec![match self.0 {
            K::Probability => y * (arriving - (y * arriving).sum(&[-1]).unsqueeze(-1)),
            K::LogProbability => arriving - y.exp() * arriving.sum(&[-1]).unsqueeze(-1),
        }])
    }

    fn cost(&self, inputs: &[Shape], outputs: &[Shape]) -> Cost {
        Cost::new(4 * inputs[0].elements(), inputs, outputs)
    }

    fn access(&self, _input: usize) -> Access {
        Access::Rows
    }
}

impl Operator for LogSumExp {
    fn name(&self) -> &'static str {
        "log_sum_exp"
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        shape_of_rows(&inputs[0]).map(|rows| vec![rows])
    }

    fn reference(&self, inputs: &[&Array], outputs: &[Shape]) -> Vec<Array> {
        vec![Array::new(outputs[0], rows(inputs[0]).map(log_sum_exp).collect())]
    }

    /// Elementwise, so that fusion makes it one kernel. A row of −∞ alone gets the gradient 0 instead of −∞ − −∞.
    fn gradient(&self, at: &Adjoint<'_>) -> Vec<Option<Tensor>> {
        let (x, total) = (&at.inputs[0], &at.outputs[0]);
        let empty = total.equal(&total.graph().scalar(f32::NEG_INFINITY));
        let shift = empty.choose(&total.graph().scalar(0.0), total);
        vec![Some((x - shift.unsqueeze(-1)).exp() * at.gradient().unsqueeze(-1))]
    }

    /// For rows with a finite maximum.
    fn decompose(&self, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
        let maximum = inputs[0].max(&[-1]);
        let total = (&inputs[0] - maximum.unsqueeze(-1)).exp().sum(&[-1]);
        Some(vec![maximum + total.ln()])
    }

    /// Maximum, distance, exponential, sum.
    fn cost(&self, inputs: &[Shape], outputs: &[Shape]) -> Cost {
        Cost::new(4 * inputs[0].elements(), inputs, outputs)
    }

    fn access(&self, _input: usize) -> Access {
        Access::Rows
    }
}

impl Tensor {
    /// Softmax over `axis`: eˣ / Σ eˣ. Elements of −∞ get probability 0; where all along the axis are −∞ there is
    /// no distribution and the result is NaN, as in PyTorch.
    #[track_caller]
    pub fn softmax(&self, axis: isize) -> Tensor {
        self.along("softmax", axis, |x| x.graph().push(Softmax(K::Probability), &[x]))
    }

    /// Logarithm of softmax over `axis`: x − ln Σ eˣ. Elements of −∞ stay; where all along the axis are −∞ there is
    /// no distribution and the result is NaN, as in PyTorch.
    #[track_caller]
    pub fn log_softmax(&self, axis: isize) -> Tensor {
        self.along("log_softmax", axis, |x| x.graph().push(Softmax(K::LogProbability), &[x]))
    }

    /// ln Σ eˣ over `axis`, which is dropped; −∞ where all along the axis are −∞.
    #[track_caller]
    pub fn log_sum_exp(&self, axis: isize) -> Tensor {
        match self.resolve(axis) {
            Ok(axis) => self.graph().push(LogSumExp, &[&self.with_last(axis)]),
            Err(detail) => self.graph().refuse("log_sum_exp", detail, &[self]),
        }
    }
}
