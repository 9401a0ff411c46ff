//! Cross entropy with class indices, straight from logits.

use super::index::{INDEX_LIMIT, place};
use super::rows::{expect, from_rows, rows, shape_of_rows};
use super::softmax::log_sum_exp;
use super::{Access, Adjoint, Cost, Differentiable, Operator};
use crate::array::Array;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// −ln softmax(logits) at the target's class, for each row. Inputs: logits `[.., C]`, targets `[..]`. Outputs: the
/// losses `[..]`, and for the gradient ln Σ eˣ of each row.
#[derive(Clone, Debug, PartialEq)]
pub struct CrossEntropy;

/// The gradient of the logits. Inputs: logits, targets, ln Σ eˣ of each row, the gradient that arrived.
#[derive(Clone, Debug, PartialEq)]
pub struct CrossEntropyGradient;

impl Operator for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        let rows = shape_of_rows(&inputs[0])?;
        expect("the targets, one class index for each row of logits,", &inputs[1], rows)?;
        match inputs[0][rows.len()] >= INDEX_LIMIT {
            true => Err(format!(
                "{} classes; indices are f32 and reach below 2^24 = {INDEX_LIMIT}",
                inputs[0][rows.len()]
            )),
            false => Ok(vec![rows, rows]),
        }
    }

    fn reference(&self, inputs: &[&Array], outputs: &[Shape]) -> Vec<Array> {
        let totals: Vec<f64> = rows(inputs[0]).map(log_sum_exp).collect();
        let operands = rows(inputs[0]).zip(inputs[1].data()).zip(&totals);
        let loss = |((row, &target), total): ((&[f64], &f64), &f64)| {
            place(target, row.len()).map_or(f64::NAN, |class| total - row[class])
        };
        vec![Array::new(outputs[0], operands.map(loss).collect()), Array::new(outputs[1], totals.clone())]
    }

    fn gradient(&self, at: &Adjoint<'_>) -> Vec<Option<Tensor>> {
        let operands = [&at.inputs[0], &at.inputs[1], &at.outputs[1], at.gradient()];
        vec![at.when(0, || at.gradient().graph().push(CrossEntropyGradient, &operands)), None]
    }

    /// For targets that are classes: other rows get ln Σ eˣ instead of NaN.
    fn decompose(&self, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
        let [logits, targets] = inputs else { return None };
        let total = logits.log_sum_exp(-1);
        let hit = (logits * one_hot(targets, logits.dim(-1))).sum(&[-1]);
        Some(vec![&total - hit, total])
    }

    /// Maximum, distance, exponential, sum.
    fn cost(&self, inputs: &[Shape], outputs: &[Shape]) -> Cost {
        Cost::new(4 * inputs[0].elements(), inputs, outputs)
    }

    fn access(&self, input: usize) -> Access {
        if input == 0 { Access::Rows } else { Access::Contiguous }
    }
}

/// 1 at each target's class, else 0.
fn one_hot(targets: &Tensor, classes: usize) -> Tensor {
    let indices: Vec<f32> = (0..classes).map(|class| class as f32).collect();
    targets.unsqueeze(-1).equal(&targets.graph().constant([classes], indices))
}

impl Operator for CrossEntropyGradient {
    fn name(&self) -> &'static str {
        "cross_entropy_gradient"
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        expect("the gradient", &inputs[3], inputs[1])?;
        Ok(vec![inputs[0]])
    }

    fn reference(&self, inputs: &[&Array], outputs: &[Shape]) -> Vec<Array> {
        let [targets, totals, arriving] = [inputs[1], inputs[2], inputs[3]].map(Array::data);
        let pulled = rows(inputs[0]).enumerate().map(|(row, x)| {
            let Some(class) = place(targets[row], x.len()) else { return vec![f64::NAN; x.len()] };
            let mut pulled: Vec<f64> = x.iter().map(|x| arriving[row] * (x - totals[row]).exp()).collect();
            pulled[class] -= arriving[row];
            pulled
        });
        vec![from_rows(outputs[0], pulled)]
    }

    fn differentiable(&self) -> Differentiable {
        Differentiable::No
    }

    /// For targets that are classes.
    fn decompose(&self, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
        let [logits, targets, total, arriving] = inputs else { return None };
        let probability = (logits - total.unsqueeze(-1)).exp();
        Some(vec![(probability - one_hot(targets, logits.dim(-1))) * arriving.unsqueeze(-1)])
    }

    /// Distance, exponential, scaling.
    fn cost(&self, inputs: &[Shape], outputs: &[Shape]) -> Cost {
        Cost::new(3 * inputs[0].elements(), inputs, outputs)
    }

    fn access(&self, input: usize) -> Access {
        if input == 0 { Access::Rows } else { Access::Contiguous }
    }
}

impl Tensor {
    /// With this tensor as logits `[.., C]`: −ln softmax at the class that `targets`, of shape `[..]`, names for each
    /// row. A loss for each row.
    ///
    /// Targets are whole numbers below C. A row with any other target has the loss NaN, and so has its gradient:
    /// a search for values that are not finite names this operator.
    #[track_caller]
    pub fn cross_entropy_rows(&self, targets: &Tensor) -> Tensor {
        let [losses, _log_sum_exps] = self.graph().push_multi(CrossEntropy, &[self, targets]);
        losses
    }

    /// Mean of [`Tensor::cross_entropy_rows`].
    #[track_caller]
    pub fn cross_entropy(&self, targets: &Tensor) -> Tensor {
        self.cross_entropy_rows(targets).mean_all()
    }
}
