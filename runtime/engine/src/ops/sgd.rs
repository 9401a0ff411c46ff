//! Stochastic gradient descent with momentum, as PyTorch's `SGD` computes it.

use super::{Cost, Differentiable, Operator, update};
use crate::array::Array;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// One step of SGD, in one sweep. Inputs: parameter p, momentum buffer b, gradient g, its scale s (one number),
/// [`Sgd::COEFFICIENTS`]. Outputs, in place: p, b after
///
/// ```text
/// d ← s·g + λ·p
/// b ← μ·b + (1−δ)·d
/// p ← p − η·b            or, after Nesterov,  p ← p − η (d + μ·b)
/// ```
///
/// PyTorch starts with b = d; a buffer of zeros and no dampening δ in the first step give the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Sgd {
    /// Whether the step looks ahead (Nesterov's variant as in Sutskever et al. 2013).
    pub nesterov: bool,
}

impl Sgd {
    /// What the last input holds, in order: learning rate, weight decay, momentum, and what dampening leaves.
    pub const COEFFICIENTS: [&'static str; 4] = ["η", "λ", "μ", "1−δ"];
}

impl Operator for Sgd {
    fn name(&self) -> &'static str {
        "sgd"
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        update::infer(inputs, 1, &Sgd::COEFFICIENTS)
    }

    fn reference(&self, inputs: &[&Array], outputs: &[Shape]) -> Vec<Array> {
        let [parameter, buffer, gradient, scale, coefficients] = [0, 1, 2, 3, 4].map(|i| inputs[i].data());
        let [rate, decay, momentum, undamped] = [0, 1, 2, 3].map(|i| coefficients[i]);
        let mut updated: Vec<Array> = outputs.iter().map(|&shape| Array::zeros(shape)).collect();
        for i in 0..parameter.len() {
            let direction = scale[0] * gradient[i] + decay * parameter[i];
            let moved = momentum * buffer[i] + undamped * direction;
            let ahead = if self.nesterov { direction + momentum * moved } else { moved };
            updated[0].data_mut()[i] = parameter[i] - rate * ahead;
            updated[1].data_mut()[i] = moved;
        }
        updated
    }

    fn differentiable(&self) -> Differentiable {
        Differentiable::No
    }

    fn decompose(&self, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
        let (gradient, [rate, decay, momentum, undamped]) = update::operands(inputs)?;
        let [parameter, buffer, ..] = inputs else { return None };
        let direction = gradient + decay * parameter;
        let moved = &momentum * buffer + undamped * &direction;
        let ahead = if self.nesterov { direction + momentum * &moved } else { moved.clone() };
        Some(vec![parameter - rate * ahead, moved])
    }

    fn cost(&self, inputs: &[Shape], outputs: &[Shape]) -> Cost {
        let each = if self.nesterov { 10 } else { 8 };
        Cost::new(each * outputs[0].elements(), inputs, outputs)
    }

    fn updates(&self) -> &[(usize, usize)] {
        &[(0, 0), (1, 1)]
    }
}

impl Tensor {
    /// This parameter and its momentum buffer after a step of [`Sgd`]. `optim::Optimizer` calls it for whole models.
    #[track_caller]
    pub fn sgd(
        &self,
        buffer: &Tensor,
        gradient: &Tensor,
        scale: &Tensor,
        coefficients: &Tensor,
        nesterov: bool,
    ) -> [Tensor; 2] {
        self.graph().push_multi(Sgd { nesterov }, &[self, buffer, gradient, scale, coefficients])
    }
}
