//! What a kernel call is part of and how much of it is products, for profiles.

use super::{Operand, Step};
use crate::ops::{Op, Operator};
use crate::shape::Shape;

impl Step {
    /// The part of the model it belongs to: the outermost of the scopes that it was built in.
    pub fn part(&self) -> Option<&str> {
        self.scope.as_deref().and_then(|scope| scope.split('.').next())
    }

    /// The share of its floating-point operations that are products of matrices, convolutions among them: what
    /// PyTorch's `FlopCounterMode` counts. Everything elementwise and every norm is left out.
    pub fn product_flops(&self) -> u64 {
        match &self.op {
            Op::FusedContract(fused) => {
                let shape = |operand: &Operand| *operand.layout.shape();
                let factors: Vec<Shape> = self.inputs.iter().take(2).map(shape).collect();
                let products: Vec<Shape> = self.outputs.iter().take(1).map(shape).collect();
                fused.contract.cost(&factors, &products).flops
            }
            Op::Contract(_)
            | Op::Conv2d(_)
            | Op::Conv2dTranspose(_)
            | Op::Conv2dWeight(_)
            | Op::Attention(_)
            | Op::AttentionGradient(_)
            | Op::DenseInfoNce(_)
            | Op::DenseInfoNceGradient(_) => self.cost.flops,
            _ => 0,
        }
    }
}
