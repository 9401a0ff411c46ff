//! Layer-wise adaptive rate scaling: You, Gitman and Ginsburg 2017, in the form self-supervised methods use.

use super::{Cost, Differentiable, Operator, update};
use crate::array::Array;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// One step of LARS, in two sweeps. Inputs: parameter p, momentum buffer b, gradient g, its scale s (one number),
/// [`Lars::COEFFICIENTS`]. Outputs, in place: p, b after
///
/// ```text
/// d ← s·g + λ·p
/// q ← κ ‖p‖ / ‖d‖, or 1 where either norm is 0
/// b ← μ·b + α·q·d
/// p ← p − η·b
/// ```
///
/// This is the form of Barlow Twins, BYOL and MoCo v3: the norm below is that of gradient and decay together, there
/// is no ε, and the learning rate stays outside the buffer. (lightly's divides by ‖g‖ + λ‖p‖ + ε and adapts nothing
/// where λ is 0.) Biases and norms, which these methods leave out, take [`super::Sgd`] instead.
#[derive(Clone, Debug, PartialEq)]
pub struct Lars;

impl Lars {
    /// What the last input holds, in order: learning rate, weight decay, momentum, trust coefficient, and the share
    /// of the gradient that enters the buffer: 1, or 0 for a parameter that rests.
    pub const COEFFICIENTS: [&'static str; 5] = ["η", "λ", "μ", "κ", "α"];
}

impl Operator for Lars {
    fn name(&self) -> &'static str {
        "lars"
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        update::infer(inputs, 1, &Lars::COEFFICIENTS)
    }

    fn reference(&self, inputs: &[&Array], outputs: &[Shape]) -> Vec<Array> {
        let [parameter, buffer, gradient, scale, coefficients] = [0, 1, 2, 3, 4].map(|i| inputs[i].data());
        let [rate, decay, momentum, trust, share] = [0, 1, 2, 3, 4].map(|i| coefficients[i]);
        let direction: Vec<f64> =
            gradient.iter().zip(parameter).map(|(g, p)| scale[0] * g + decay * p).collect();
        let norms = (update::norm(parameter), update::norm(&direction));
        let ratio = if norms.0 > 0.0 && norms.1 > 0.0 { trust * norms.0 / norms.1 } else { 1.0 };
        let moved = buffer.iter().zip(&direction).map(|(b, d)| momentum * b + share * ratio * d);
        let moved = Array::new(outputs[1], moved.collect());
        vec![inputs[0].zip(&moved, |p, b| p - rate * b), moved]
    }

    fn differentiable(&self) -> Differentiable {
        Differentiable::No
    }

    fn decompose(&self, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
        let (gradient, [rate, decay, momentum, trust, share]) = update::operands(inputs)?;
        let [parameter, buffer, ..] = inputs else { return None };
        let direction = gradient + decay * parameter;
        let [of_parameter, of_direction] = [parameter, &direction].map(|x| x.square().sum_all().sqrt());
        let zero = parameter.graph().scalar(0.0);
        let both = of_parameter.greater(&zero) * of_direction.greater(&zero);
        // Where a norm is 0 the quotient is not taken, but must be finite: a choice is a sum of products.
        let ratio = both.choose(&(trust * of_parameter / (of_direction + (1.0 - &both))), &(zero + 1.0));
        let moved = momentum * buffer + share * ratio * direction;
        Some(vec![parameter - rate * &moved, moved])
    }

    /// Parameter and gradient are read twice, the first time for the norms.
    fn cost(&self, inputs: &[Shape], outputs: &[Shape]) -> Cost {
        let norms = Cost::new(7 * outputs[0].elements(), &[inputs[0], inputs[2]], &[]);
        norms + Cost::new(8 * outputs[0].elements(), inputs, outputs)
    }

    fn updates(&self) -> &[(usize, usize)] {
        &[(0, 0), (1, 1)]
    }
}

impl Tensor {
    /// This parameter and its momentum buffer after a step of [`Lars`]. `optim::Optimizer` calls it for whole models.
    #[track_caller]
    pub fn lars(
        &self,
        buffer: &Tensor,
        gradient: &Tensor,
        scale: &Tensor,
        coefficients: &Tensor,
    ) -> [Tensor; 2] {
        self.graph().push_multi(Lars, &[self, buffer, gradient, scale, coefficients])
    }
}
