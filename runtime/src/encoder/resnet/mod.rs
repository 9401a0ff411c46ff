//! ResNets of basic blocks (He et al. 2016), in torchvision's layout, without classifier.

mod block;
mod config;

use equilayer_engine::{Error, Graph, Tensor, Window};

pub use config::{ResNetConfig, Stage, Stem};

use super::{Encoder, EncoderConfig, Features, Layer};
use crate::nn::{BatchNorm, Conv2d, Parameters, Pass};
use block::Block;

/// A ResNet in a graph.
#[derive(Clone, Debug)]
pub struct ResNet {
    stem: Stem,
    conv1: Conv2d,
    bn1: BatchNorm,
    stages: Vec<Vec<Block>>,
}

impl ResNet {
    /// Declares the parameters under torchvision's names behind `prefix` ("student.layer1.0.conv1.weight").
    ///
    /// # Errors
    /// Sizes that do not fit one another.
    pub fn new(graph: &Graph, prefix: &str, config: &ResNetConfig) -> Result<ResNet, Error> {
        config.check()?;
        let (kernel, stride) = match config.stem {
            Stem::Small => (3, 1),
            Stem::Large => (7, 2),
        };
        let width = config.width(1);
        let mut channels = width;
        let mut stages = Vec::with_capacity(config.stages.len());
        for (index, stage) in config.stages.iter().enumerate() {
            let mut blocks = Vec::with_capacity(stage.blocks);
            for block in 0..stage.blocks {
                let name = format!("{prefix}layer{}.{block}", index + 1);
                let stride = if index > 0 && block == 0 { 2 } else { 1 };
                blocks.push(Block::new(graph, &name, [channels, stage.width], stride));
                channels = stage.width;
            }
            stages.push(blocks);
        }
        Ok(ResNet {
            stem: config.stem,
            conv1: Conv2d::new(graph, &format!("{prefix}conv1"), config.channels, width, kernel, stride),
            bn1: BatchNorm::new(graph, &format!("{prefix}bn1"), width),
            stages,
        })
    }

    #[track_caller]
    fn stem(&self, images: &Tensor, pass: &Pass) -> Tensor {
        let x = self.bn1.forward(&self.conv1.forward(images), pass).relu();
        match self.stem {
            Stem::Small => x,
            Stem::Large => x.max_pool2d(Window { kernel: [3, 3], stride: 2, padding: 1 }),
        }
    }
}

impl Encoder for ResNet {
    #[track_caller]
    fn forward(&self, images: &Tensor, pass: &Pass) -> Features {
        let (mut x, mut index) = (self.stem(images, pass), 0);
        let blocks = self.stages.iter().map(Vec::len).sum();
        let mut layers = Vec::with_capacity(self.stages.len());
        for stage in &self.stages {
            for block in stage {
                x = block.forward(&x, pass, |branch| pass.residual(branch, index, blocks, "conv"));
                index += 1;
            }
            layers.push(Layer::from_feature_map(&x));
        }
        Features { layers, output: Layer::from_feature_map(&x) }
    }

    fn map_boxed(&self, replace: &mut dyn FnMut(&Tensor) -> Tensor) -> Box<dyn Encoder> {
        Box::new(self.map(replace))
    }
}

impl Parameters for ResNet {
    fn map(&self, replace: &mut dyn FnMut(&Tensor) -> Tensor) -> ResNet {
        ResNet {
            stem: self.stem,
            conv1: self.conv1.map(replace),
            bn1: self.bn1.map(replace),
            stages: self
                .stages
                .iter()
                .map(|stage| stage.iter().map(|block| block.map(replace)).collect())
                .collect(),
        }
    }
}
