//! The shape of a ResNet.

use equilayer_engine::{Error, Graph};
use serde::{Deserialize, Serialize};

use super::ResNet;
use crate::action::Grid;
use crate::encoder::{Encoder, EncoderConfig, LARGEST_SIDE, LARGEST_WIDTH, MOST_LAYERS, check_sizes, refuse};

/// The shape of a ResNet of basic blocks. What is not given is that of [`ResNetConfig::resnet18`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResNetConfig {
    /// Height and width of the images, pixels; multiples of the stride of the last stage.
    pub image: [usize; 2],
    /// Colour channels.
    pub channels: usize,
    /// What comes before the stages.
    pub stem: Stem,
    /// The stages, which are the layers that can be tapped. All but the first halve height and width.
    pub stages: Vec<Stage>,
}

/// What comes before the stages of a ResNet, as wide as the first of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stem {
    /// A 3 × 3 convolution that keeps the size: for images of CIFAR's size.
    Small,
    /// A 7 × 7 convolution and a maximum over 3 × 3, each of stride 2: a quarter of height and width.
    Large,
}

/// Blocks of one width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Channels.
    pub width: usize,
    /// Number of blocks.
    pub blocks: usize,
}

impl Default for ResNetConfig {
    fn default() -> ResNetConfig {
        ResNetConfig::resnet18()
    }
}

impl Stem {
    /// Pixels from one cell to the next behind the stem.
    pub(super) fn stride(self) -> usize {
        match self {
            Stem::Small => 1,
            Stem::Large => 4,
        }
    }
}

/// What errors call it.
const NAME: &str = "ResNet";

/// Twelve stages would halve 65536 pixels to fewer than 32.
const MOST_STAGES: usize = 12;

impl ResNetConfig {
    /// ResNet-18 for images of 224 pixels (He et al. 2016).
    pub fn resnet18() -> ResNetConfig {
        let stages = [64, 128, 256, 512].map(|width| Stage { width, blocks: 2 });
        ResNetConfig { image: [224, 224], channels: 3, stem: Stem::Large, stages: stages.into() }
    }

    /// ResNet-18 with the stem for images of CIFAR's size, 32 pixels: that of SimCLR's and E-SSL's experiments.
    pub fn resnet18_small_images() -> ResNetConfig {
        ResNetConfig { image: [32, 32], stem: Stem::Small, ..ResNetConfig::resnet18() }
    }

    /// Pixels from one cell to the next after a stage, counted from 1.
    fn stride_after(&self, stage: usize) -> usize {
        let halvings = u32::try_from(stage.saturating_sub(1)).unwrap_or(u32::MAX);
        self.stem.stride().saturating_mul(2usize.saturating_pow(halvings))
    }
}

impl EncoderConfig for ResNetConfig {
    fn check(&self) -> Result<(), Error> {
        check_sizes(
            NAME,
            &[
                ("the image's height", self.image[0], LARGEST_SIDE),
                ("the image's width", self.image[1], LARGEST_SIDE),
                ("the number of channels", self.channels, LARGEST_WIDTH),
                ("the number of stages", self.stages.len(), MOST_STAGES),
            ],
        )?;
        for stage in &self.stages {
            check_sizes(
                NAME,
                &[
                    ("a stage's width", stage.width, LARGEST_WIDTH),
                    ("a stage's number of blocks", stage.blocks, MOST_LAYERS),
                ],
            )?;
        }
        let (image, stride) = (self.image, self.stride());
        match image.iter().find(|pixels| !pixels.is_multiple_of(stride)) {
            Some(pixels) => refuse(
                NAME,
                format!(
                    "images of {image:?} pixels do not divide into cells of {stride}, those of the last of {} stages; \
                     the side next to {pixels} that does is {}",
                    self.stages.len(),
                    pixels.next_multiple_of(stride)
                ),
            ),
            None => Ok(()),
        }
    }

    fn image(&self) -> [usize; 2] {
        self.image
    }

    fn channels(&self) -> usize {
        self.channels
    }

    fn stride(&self) -> usize {
        self.stride_after(self.stages.len())
    }

    fn layers(&self) -> usize {
        self.stages.len()
    }

    fn width(&self, layer: usize) -> usize {
        layer.checked_sub(1).and_then(|index| self.stages.get(index)).map_or(0, |stage| stage.width)
    }

    /// Rounded up, as padded convolutions do for images whose sides are no multiples of the stride.
    fn grid(&self, layer: usize, image: [usize; 2]) -> Grid {
        let stride = self.stride_after(layer);
        Grid::new(image[0].div_ceil(stride), image[1].div_ceil(stride))
    }

    fn cls_after(&self) -> Option<usize> {
        None
    }

    fn couples_samples(&self) -> bool {
        true
    }

    fn layer_of(&self, name: &str) -> usize {
        let stage = name.strip_prefix("layer").and_then(|rest| rest.split('.').next());
        stage.and_then(|stage| stage.parse().ok()).unwrap_or(0)
    }

    fn build(&self, graph: &Graph, prefix: &str) -> Result<Box<dyn Encoder>, Error> {
        Ok(Box::new(ResNet::new(graph, prefix, self)?))
    }
}
