//! Rows scaled to unit length.

use super::rows::{expect, from_rows, rows, shape_of_rows};
use super::{Access, Adjoint, Cost, Differentiable, Operator};
use crate::array::Array;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// x / max(‖x‖, ε) of each row. Outputs: the result, and for the gradient each row's norm.
#[derive(Clone, Debug, PartialEq)]
pub struct L2Normalize {
    /// The least norm divided by.
    pub epsilon: f32,
}

/// The gradient of [`L2Normalize`]. Inputs: what it gave, the gradient that arrived, the norms.
#[derive(Clone, Debug, PartialEq)]
pub struct L2NormalizeGradient {
    /// The least norm divided by.
    pub epsilon: f32,
}

impl Operator for L2Normalize {
    fn name(&self) -> &'static str {
        "l2_normalize"
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        if !(self.epsilon > 0.0 && self.epsilon.is_finite()) {
            return Err(format!(
                "epsilon is {}; it is divided by and must be finite and above 0",
                self.epsilon
            ));
        }
        shape_of_rows(&inputs[0]).map(|rows| vec![inputs[0], rows])
    }

    fn reference(&self, inputs: &[&Array], outputs: &[Shape]) -> Vec<Array> {
        let norms: Vec<f64> =
            rows(inputs[0]).map(|row| row.iter().map(|x| x * x).sum::<f64>().sqrt()).collect();
        let unit = rows(inputs[0]).zip(&norms).map(|(row, norm)| {
            let divisor = if *norm < self.epsilon.into() { self.epsilon.into() } else { *norm };
            row.iter().map(|x| x / divisor).collect()
        });
        vec![from_rows(outputs[0], unit), Array::new(outputs[1], norms.clone())]
    }

    fn gradient(&self, at: &Adjoint<'_>) -> Vec<Option<Tensor>> {
        let operands = [&at.outputs[0], at.gradient(), &at.outputs[1]];
        let operator = L2NormalizeGradient { epsilon: self.epsilon };
        vec![Some(at.gradient().graph().push(operator, &operands))]
    }

    fn decompose(&self, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
        let norm = inputs[0].square().sum(&[-1]).sqrt();
        let divisor = norm.maximum(&norm.graph().scalar(self.epsilon));
        Some(vec![&inputs[0] / divisor.unsqueeze(-1), norm])
    }

    /// Square, sum, scaling.
    fn cost(&self, inputs: &[Shape], outputs: &[Shape]) -> Cost {
        Cost::new(3 * inputs[0].elements(), inputs, outputs)
    }

    fn access(&self, _input: usize) -> Access {
        Access::Rows
    }
}

impl Operator for L2NormalizeGradient {
    fn name(&self) -> &'static str {
        "l2_normalize_gradient"
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        expect("the gradient", &inputs[1], inputs[0])?;
        Ok(vec![inputs[0]])
    }

    fn reference(&self, inputs: &[&Array], outputs: &[Shape]) -> Vec<Array> {
        let operands = rows(inputs[0]).zip(rows(inputs[1])).zip(inputs[2].data());
        let pulled = operands.map(|((y, arriving), &norm)| {
            let along: f64 = y.iter().zip(arriving).map(|(y, g)| y * g).sum();
            let epsilon = f64::from(self.epsilon);
            let (along, divisor) = if norm < epsilon { (0.0, epsilon) } else { (along, norm) };
            y.iter().zip(arriving).map(|(y, g)| (g - y * along) / divisor).collect()
        });
        vec![from_rows(outputs[0], pulled)]
    }

    fn differentiable(&self) -> Differentiable {
        Differentiable::No
    }

    fn decompose(&self, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
        let [y, arriving, norm] = inputs else { return None };
        let epsilon = norm.graph().scalar(self.epsilon);
        let along = (y * arriving).sum(&[-1]) * epsilon.less_equal(norm);
        let divisor = norm.maximum(&epsilon).unsqueeze(-1);
        Some(vec![(arriving - y * along.unsqueeze(-1)) / divisor])
    }

    /// Product, sum; product, difference, scaling.
    fn cost(&self, inputs: &[Shape], outputs: &[Shape]) -> Cost {
        Cost::new(5 * inputs[0].elements(), inputs, outputs)
    }

    fn access(&self, input: usize) -> Access {
        if input < 2 { Access::Rows } else { Access::Contiguous }
    }
}

impl Tensor {
    /// Rows of the last axis scaled to unit length: x / max(‖x‖, `epsilon`), as PyTorch's `normalize`, whose epsilon
    /// is 1e-12. Shorter rows are divided by epsilon, and so is their gradient.
    #[track_caller]
    pub fn l2_normalize(&self, epsilon: f32) -> Tensor {
        let [unit, _norm] = self.graph().push_multi(L2Normalize { epsilon }, &[self]);
        unit
    }
}
