//! The basic block of ResNet-18 and -34.

use equilayer_engine::{Graph, Tensor};

use crate::nn::{BatchNorm, Conv2d, Parameters, Pass};

/// Two 3 × 3 convolutions around a residual, which is projected where the size changes.
#[derive(Clone, Debug)]
pub struct Block {
    conv1: Conv2d,
    bn1: BatchNorm,
    conv2: Conv2d,
    bn2: BatchNorm,
    downsample: Option<(Conv2d, BatchNorm)>,
}

impl Block {
    /// From `inputs` channels to `outputs`.
    pub fn new(graph: &Graph, name: &str, [inputs, outputs]: [usize; 2], stride: usize) -> Block {
        let part = |part: &str| format!("{name}.{part}");
        let downsample = (stride != 1 || inputs != outputs).then(|| {
            let conv = Conv2d::new(graph, &part("downsample.0"), inputs, outputs, 1, stride);
            (conv, BatchNorm::new(graph, &part("downsample.1"), outputs))
        });
        Block {
            conv1: Conv2d::new(graph, &part("conv1"), inputs, outputs, 3, stride),
            bn1: BatchNorm::new(graph, &part("bn1"), outputs),
            conv2: Conv2d::new(graph, &part("conv2"), outputs, outputs, 3, 1),
            bn2: BatchNorm::new(graph, &part("bn2"), outputs),
            downsample,
        }
    }

    /// A feature map to a feature map. `residual` has the last word on the branch.
    #[track_caller]
    pub fn forward(&self, x: &Tensor, pass: &Pass, residual: impl FnOnce(&Tensor) -> Tensor) -> Tensor {
        let hidden = self.bn1.forward(&self.conv1.forward(x), pass).relu();
        let branch = self.bn2.forward(&self.conv2.forward(&hidden), pass);
        let shortcut = match &self.downsample {
            Some((conv, norm)) => norm.forward(&conv.forward(x), pass),
            None => x.clone(),
        };
        (shortcut + residual(&branch)).relu()
    }
}

impl Parameters for Block {
    fn map(&self, replace: &mut dyn FnMut(&Tensor) -> Tensor) -> Block {
        Block {
            conv1: self.conv1.map(replace),
            bn1: self.bn1.map(replace),
            conv2: self.conv2.map(replace),
            bn2: self.bn2.map(replace),
            downsample: self.downsample.as_ref().map(|(conv, norm)| (conv.map(replace), norm.map(replace))),
        }
    }
}
