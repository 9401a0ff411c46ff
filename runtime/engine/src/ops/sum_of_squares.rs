//! The squared norm of a whole tensor, in one sweep.

use super::{Adjoint, Cost, Operator};
use crate::array::Array;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Sum of the squares of all elements, a scalar; 0 over nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct SumOfSquares;

impl Operator for SumOfSquares {
    fn name(&self) -> &'static str {
        "sum of squares"
    }

    fn infer(&self, _inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        Ok(vec![Shape::SCALAR])
    }

    fn reference(&self, inputs: &[&Array], _outputs: &[Shape]) -> Vec<Array> {
        vec![Array::scalar(inputs[0].data().iter().map(|x| x * x).sum())]
    }

    fn gradient(&self, at: &Adjoint<'_>) -> Vec<Option<Tensor>> {
        vec![Some(&at.inputs[0] * (at.gradient() * 2.0))]
    }

    fn decompose(&self, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
        Some(vec![inputs[0].square().sum_all()])
    }

    fn cost(&self, inputs: &[Shape], outputs: &[Shape]) -> Cost {
        Cost::new(2 * inputs[0].elements(), inputs, outputs)
    }
}

impl Tensor {
    /// Sum of the squares of all elements, a scalar.
    #[track_caller]
    pub fn sum_of_squares(&self) -> Tensor {
        self.graph().push(SumOfSquares, &[self])
    }
}
