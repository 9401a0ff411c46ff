//! The layers of convolutional networks, on images `[batch, channels, height, width]`.

use equilayer_engine::ops::RunningStatistics;
use equilayer_engine::{Graph, Init, Tensor};

use super::{BATCH_NORM_EPS, Parameters, Pass};

/// PyTorch's default: the share of the batch's statistics in the running ones' next values.
const MOMENTUM: f32 = 0.1;

/// A convolution without bias, as it stands before a batch norm; zeros around the image keep its size at stride 1.
#[derive(Clone, Debug)]
pub struct Conv2d {
    /// `[out, in, kernel, kernel]`.
    pub weight: Tensor,
    /// Pixels from one position to the next.
    pub stride: usize,
}

impl Conv2d {
    /// Declares `NAME.weight`, drawn as He et al. 2015 do for ReLU. `kernel` is odd.
    #[track_caller]
    pub fn new(
        graph: &Graph,
        name: &str,
        inputs: usize,
        outputs: usize,
        kernel: usize,
        stride: usize,
    ) -> Conv2d {
        let shape = [outputs, inputs, kernel, kernel];
        Conv2d { weight: graph.parameter(&format!("{name}.weight"), shape, Init::KaimingNormal), stride }
    }

    /// `x [batch, in, height, width]` to `[batch, out, ⌈height / stride⌉, ⌈width / stride⌉]`.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Tensor {
        x.conv2d(&self.weight, self.stride, self.weight.dim(-1) / 2, 1)
    }
}

impl Parameters for Conv2d {
    fn map(&self, replace: &mut dyn FnMut(&Tensor) -> Tensor) -> Conv2d {
        Conv2d { weight: replace(&self.weight), stride: self.stride }
    }
}

/// Batch normalisation of channels, with running statistics for evaluation.
#[derive(Clone, Debug)]
pub struct BatchNorm {
    /// Scale, starting at 1.
    pub weight: Tensor,
    /// Shift, starting at 0.
    pub bias: Tensor,
    /// Means and variances for evaluation.
    pub statistics: RunningStatistics,
}

impl BatchNorm {
    /// Declares `NAME.weight`, `NAME.bias`, `NAME.running_mean` and `NAME.running_var`.
    #[track_caller]
    pub fn new(graph: &Graph, name: &str, channels: usize) -> BatchNorm {
        let parameter =
            |part: &str, value| graph.parameter(&format!("{name}.{part}"), [channels], Init::Constant(value));
        BatchNorm {
            weight: parameter("weight", 1.0),
            bias: parameter("bias", 0.0),
            statistics: graph.running_statistics(name, channels),
        }
    }

    /// `x [batch, channels, ..]` to the same shape.
    #[track_caller]
    pub fn forward(&self, x: &Tensor, pass: &Pass) -> Tensor {
        let (weight, bias) = (Some(&self.weight), Some(&self.bias));
        if !pass.is_training() {
            return self.statistics.normalize(x, weight, bias, BATCH_NORM_EPS);
        }
        let normal = x.batch_norm_training(weight, bias, BATCH_NORM_EPS);
        if pass.moves_statistics() {
            self.statistics.update(&normal, MOMENTUM);
        }
        normal.output
    }
}

impl Parameters for BatchNorm {
    fn map(&self, replace: &mut dyn FnMut(&Tensor) -> Tensor) -> BatchNorm {
        BatchNorm {
            weight: replace(&self.weight),
            bias: replace(&self.bias),
            statistics: RunningStatistics {
                mean: replace(&self.statistics.mean),
                variance: replace(&self.statistics.variance),
            },
        }
    }
}
