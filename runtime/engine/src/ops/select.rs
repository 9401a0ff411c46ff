//! Choice between two tensors.

use super::{Access, Adjoint, Operator};
use crate::array::Array;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// `a` where the mask is not 0, else `b`. Inputs: mask, a, b, all of one shape. No gradient reaches the mask.
#[derive(Clone, Debug, PartialEq)]
pub struct Select;

impl Operator for Select {
    fn name(&self) -> &'static str {
        "choose"
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        match inputs[0] == inputs[1] && inputs[1] == inputs[2] {
            true => Ok(vec![inputs[0]]),
            false => Err("mask and both choices must broadcast to one shape".into()),
        }
    }

    fn reference(&self, inputs: &[&Array], _outputs: &[Shape]) -> Vec<Array> {
        let [mask, a, b] = [inputs[0], inputs[1], inputs[2]].map(Array::data);
        let chosen = (0..mask.len()).map(|i| if mask[i] != 0.0 { a[i] } else { b[i] });
        vec![Array::new(*inputs[0].shape(), chosen.collect())]
    }

    fn gradient(&self, at: &Adjoint<'_>) -> Vec<Option<Tensor>> {
        let zero = at.gradient().graph().scalar(0.0);
        let mask = &at.inputs[0];
        vec![
            None,
            at.when(1, || mask.choose(at.gradient(), &zero)),
            at.when(2, || mask.choose(&zero, at.gradient())),
        ]
    }

    /// By arithmetic; unlike the operator it needs finite values in the choice not taken.
    fn decompose(&self, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
        let [mask, a, b] = inputs else { return None };
        let off = mask.equal(&mask.graph().scalar(0.0));
        Some(vec![a * (1.0 - &off) + b * &off])
    }

    fn access(&self, _input: usize) -> Access {
        Access::Strided
    }
}

impl Tensor {
    /// With this tensor as mask: `a` where it is not 0, else `b`; all three broadcast.
    #[track_caller]
    pub fn choose(&self, a: &Tensor, b: &Tensor) -> Tensor {
        let shape = self.shape().broadcast(a.shape()).and_then(|shape| shape.broadcast(b.shape()));
        match shape {
            Some(shape) => {
                self.graph().push(Select, &[&self.expand(shape), &a.expand(shape), &b.expand(shape)])
            }
            None => self.graph().push(Select, &[self, a, b]),
        }
    }
}
