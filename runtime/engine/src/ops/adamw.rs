//! Adam with decoupled weight decay: Loshchilov and Hutter 2019, as PyTorch's `AdamW` computes it.

use super::{Cost, Differentiable, Operator, update};
use crate::array::Array;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// One step of AdamW, in one sweep. Inputs: parameter p, first moment m, second moment v, gradient g, its scale s
/// (one number), [`AdamW::COEFFICIENTS`]. Outputs, in place: p, m, v after
///
/// ```text
/// m ← m + (1−β₁) (s·g − m)
/// v ← v + (1−β₂) ((s·g)² − v)
/// p ← p − λη·p − η/(1−β₁ᵗ) · m / (√v / √(1−β₂ᵗ) + ε)
/// ```
///
/// The coefficients are made on the host in `f64`: in `f32`, 1 − 0.999 is already 1.3e-5 off.
#[derive(Clone, Debug, PartialEq)]
pub struct AdamW;

impl AdamW {
    /// What the last input holds, in order; η is the learning rate, λ the weight decay, t the step from 1 on.
    pub const COEFFICIENTS: [&'static str; 6] = ["η/(1−β₁ᵗ)", "λη", "1−β₁", "1−β₂", "1/√(1−β₂ᵗ)", "ε"];
}

impl Operator for AdamW {
    fn name(&self) -> &'static str {
        "adamw"
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        update::infer(inputs, 2, &AdamW::COEFFICIENTS)
    }

    fn reference(&self, inputs: &[&Array], outputs: &[Shape]) -> Vec<Array> {
        let [parameter, first, second, gradient, scale, coefficients] =
            [0, 1, 2, 3, 4, 5].map(|i| inputs[i].data());
        let [rate, decay, first_share, second_share, correction, epsilon] =
            [0, 1, 2, 3, 4, 5].map(|i| coefficients[i]);
        let mut updated: Vec<Array> = outputs.iter().map(|&shape| Array::zeros(shape)).collect();
        for i in 0..parameter.len() {
            let gradient = scale[0] * gradient[i];
            let m = first[i] + first_share * (gradient - first[i]);
            let v = second[i] + second_share * (gradient * gradient - second[i]);
            let p = parameter[i] - decay * parameter[i] - rate * m / (v.sqrt() * correction + epsilon);
            for (array, value) in updated.iter_mut().zip([p, m, v]) {
                array.data_mut()[i] = value;
            }
        }
        updated
    }

    fn differentiable(&self) -> Differentiable {
        Differentiable::No
    }

    fn decompose(&self, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
        let (gradient, [rate, decay, first_share, second_share, correction, epsilon]) =
            update::operands(inputs)?;
        let [parameter, first, second, ..] = inputs else { return None };
        let m = first + first_share * (&gradient - first);
        let v = second + second_share * (gradient.square() - second);
        let p = parameter - decay * parameter - rate * &m / (v.sqrt() * correction + epsilon);
        Some(vec![p, m, v])
    }

    fn cost(&self, inputs: &[Shape], outputs: &[Shape]) -> Cost {
        Cost::new(16 * outputs[0].elements(), inputs, outputs)
    }

    fn updates(&self) -> &[(usize, usize)] {
        &[(0, 0), (1, 1), (2, 2)]
    }
}

impl Tensor {
    /// This parameter and its two moments after a step of [`AdamW`]. `optim::Optimizer` calls it for whole models.
    #[track_caller]
    pub fn adamw(
        &self,
        moments: [&Tensor; 2],
        gradient: &Tensor,
        scale: &Tensor,
        coefficients: &Tensor,
    ) -> [Tensor; 3] {
        self.graph().push_multi(AdamW, &[self, moments[0], moments[1], gradient, scale, coefficients])
    }
}
