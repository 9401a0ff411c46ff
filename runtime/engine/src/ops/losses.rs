//! Losses that are elementwise and a mean: compositions that fusion makes one kernel.

use crate::tensor::Tensor;

impl Tensor {
    /// Mean squared distance from `target`, a scalar; the shapes are equal.
    #[track_caller]
    pub fn mse_loss(&self, target: &Tensor) -> Tensor {
        match self.shape() == target.shape() {
            true => (self - target).square().mean_all(),
            false => self.refuse_loss("mse_loss", target),
        }
    }

    /// With this tensor as logits x: mean of −t · ln σ(x) − (1 − t) · ln(1 − σ(x)) over targets t in 0 to 1 of the
    /// same shape, a scalar. Both logarithms are computed without cancellation.
    #[track_caller]
    pub fn binary_cross_entropy_with_logits(&self, targets: &Tensor) -> Tensor {
        match self.shape() == targets.shape() {
            true => (targets * (-self).softplus() + (1.0 - targets) * self.softplus()).mean_all(),
            false => self.refuse_loss("binary_cross_entropy_with_logits", targets),
        }
    }

    /// Broadcasting would hide mistakes: a loss over `[N, N]` instead of `[N]`.
    #[track_caller]
    fn refuse_loss(&self, operator: &'static str, target: &Tensor) -> Tensor {
        let detail = format!("prediction {} and target {} must have one shape", self.shape(), target.shape());
        self.graph().refuse(operator, detail, &[self, target])
    }
}
