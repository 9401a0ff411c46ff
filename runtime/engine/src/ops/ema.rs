//! The exponential moving average: how a teacher follows its student.

use super::{Cost, Differentiable, Operator};
use crate::array::Array;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// `m · teacher + (1 − m) · student`, in place. Inputs: teacher, student, momentum m (one number).
///
/// 1 − m is taken from the `f32` m, so that both weights sum to exactly 1 and a student that stands still is reached.
/// No gradient passes: every method with a teacher updates it outside of differentiation.
#[derive(Clone, Debug, PartialEq)]
pub struct Ema;

impl Operator for Ema {
    fn name(&self) -> &'static str {
        "ema"
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        if inputs[0] != inputs[1] {
            return Err(format!("the teacher has shape {}, the student has {}", inputs[0], inputs[1]));
        }
        match inputs[2].elements() {
            1 => Ok(vec![inputs[0]]),
            _ => Err(format!("the momentum is one number, not {}", inputs[2])),
        }
    }

    fn reference(&self, inputs: &[&Array], _outputs: &[Shape]) -> Vec<Array> {
        let momentum = inputs[2].data()[0];
        vec![inputs[0].zip(inputs[1], |teacher, student| momentum * teacher + (1.0 - momentum) * student)]
    }

    fn differentiable(&self) -> Differentiable {
        Differentiable::Zero
    }

    fn decompose(&self, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
        let [teacher, student, momentum] = inputs else { return None };
        let momentum = momentum.reshape(Shape::SCALAR);
        Some(vec![teacher * &momentum + student * (1.0 - &momentum)])
    }

    fn cost(&self, inputs: &[Shape], outputs: &[Shape]) -> Cost {
        Cost::new(3 * outputs[0].elements(), inputs, outputs)
    }

    fn updates(&self) -> &[(usize, usize)] {
        &[(0, 0)]
    }
}

impl Tensor {
    /// This teacher, moved towards `student`: [`Ema`] with `momentum`, one number in 0 (a copy of the student) to 1
    /// (the teacher as it is). `optim::ema` does so for whole models, and keeps the result.
    #[track_caller]
    pub fn ema(&self, student: &Tensor, momentum: &Tensor) -> Tensor {
        self.graph().push(Ema, &[self, student, momentum])
    }
}
