//! Running means and variances, for batch norm in evaluation.

use super::BatchNormOutputs;
use crate::graph::Graph;
use crate::init::Init;
use crate::tensor::Tensor;

/// Means and variances of channels, kept from step to step. As in PyTorch the variance is the unbiased one, though
/// batches are normalised by the biased one.
#[derive(Clone, Debug)]
pub struct RunningStatistics {
    /// State `NAME.running_mean`, `[C]`, at first 0.
    pub mean: Tensor,
    /// State `NAME.running_var`, `[C]`, at first 1.
    pub variance: Tensor,
}

impl Graph {
    /// Declares the states `{name}.running_mean` and `{name}.running_var`, as PyTorch names them.
    #[track_caller]
    pub fn running_statistics(&self, name: &str, channels: usize) -> RunningStatistics {
        RunningStatistics {
            mean: self.state(&format!("{name}.running_mean"), [channels], Init::Constant(0.0)),
            variance: self.state(&format!("{name}.running_var"), [channels], Init::Constant(1.0)),
        }
    }
}

impl RunningStatistics {
    /// Moves both towards the batch's after each step: running · (1 − `momentum`) + batch · `momentum`. PyTorch's
    /// momentum is 0.1. No gradient flows into the batch.
    #[track_caller]
    pub fn update(&self, batch: &BatchNormOutputs, momentum: f32) {
        // At least 1: a batch of one value a channel was refused, and that error is the one to show.
        let unbiased = batch.count as f32 / (batch.count.max(2) - 1) as f32;
        let moved = |running: &Tensor, now: Tensor| running * (1.0 - momentum) + now * momentum;
        let graph = self.mean.graph();
        graph.assign(&self.mean, &moved(&self.mean, batch.mean.clone()));
        graph.assign(&self.variance, &moved(&self.variance, &batch.variance * unbiased));
    }

    /// [`Tensor::batch_norm`] with these statistics.
    #[track_caller]
    pub fn normalize(
        &self,
        input: &Tensor,
        weight: Option<&Tensor>,
        bias: Option<&Tensor>,
        epsilon: f32,
    ) -> Tensor {
        input.batch_norm(&self.mean, &self.variance, weight, bias, epsilon)
    }
}
