//! The shape of a vision transformer.

use equilayer_engine::{Error, Graph, MAX_ELEMENTS};
use serde::{Deserialize, Serialize};

use super::Vit;
use crate::action::Grid;
use crate::encoder::{Encoder, EncoderConfig, LARGEST_SIDE, LARGEST_WIDTH, MOST_LAYERS, check_sizes, refuse};

/// The shape of a vision transformer. What is not given is that of [`VitConfig::small_16`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VitConfig {
    /// Height and width of the images that positions are made for, pixels; multiples of `patch`. Images of other
    /// sizes get interpolated positions.
    pub image: [usize; 2],
    /// Colour channels.
    pub channels: usize,
    /// Height and width of a patch, pixels.
    pub patch: usize,
    /// Width of a token; a multiple of `heads`.
    pub width: usize,
    /// Number of blocks.
    pub depth: usize,
    /// Attention heads of a block.
    pub heads: usize,
    /// Width of the hidden layer of a block's MLP, in token widths.
    pub mlp_ratio: usize,
    /// The block after which the CLS token joins; 0 at the input, where it has a position of its own.
    pub cls_after: usize,
    /// Where tokens learn their places from.
    pub positions: Positions,
    /// Keeps the patch embedding at its first values, as MoCo v3 does (its `--stop-grad-conv1`).
    pub frozen_patch_embedding: bool,
    /// Added to variances in layer norms.
    pub norm_eps: f32,
    /// Added to the sides of the token map where positions are interpolated: 0.1 in DINO and SER
    /// ([`crate::action::GridMap::rescale_with_offset`]).
    pub position_offset: f64,
}

/// Where the tokens of a transformer learn their places from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Positions {
    /// A parameter, at first normal with standard deviation 0.02: DINO, SER.
    #[default]
    Learned,
    /// Sines and cosines of row and column, fixed: MoCo v3.
    SinCos,
}

impl Default for VitConfig {
    fn default() -> VitConfig {
        VitConfig::small_16()
    }
}

/// What errors call it.
const NAME: &str = "vision transformer";

impl VitConfig {
    /// ViT-S/16 for images of 224 pixels, with 6 heads as in DINO and SER (MoCo v3 has 12).
    pub fn small_16() -> VitConfig {
        VitConfig {
            image: [224, 224],
            channels: 3,
            patch: 16,
            width: 384,
            depth: 12,
            heads: 6,
            mlp_ratio: 4,
            cls_after: 0,
            positions: Positions::Learned,
            frozen_patch_embedding: false,
            norm_eps: 1e-6,
            position_offset: 0.1,
        }
    }

    /// A transformer for the bundled digits, small enough to train on a processor: 7 × 7 tokens, 6 blocks.
    pub fn digits() -> VitConfig {
        VitConfig {
            image: [28, 28],
            channels: 1,
            patch: 4,
            width: 192,
            depth: 6,
            heads: 3,
            ..VitConfig::small_16()
        }
    }

    /// The token map that positions are made for.
    pub(super) fn own_grid(&self) -> Grid {
        self.grid(0, self.image)
    }

    fn check_ranges(&self) -> Result<(), Error> {
        check_sizes(
            NAME,
            &[
                ("the image's height", self.image[0], LARGEST_SIDE),
                ("the image's width", self.image[1], LARGEST_SIDE),
                ("the number of channels", self.channels, LARGEST_WIDTH),
                ("the patch size", self.patch, LARGEST_SIDE),
                ("the token width", self.width, LARGEST_WIDTH),
                ("the number of blocks", self.depth, MOST_LAYERS),
                ("the number of heads", self.heads, LARGEST_WIDTH),
                ("the MLP's ratio", self.mlp_ratio, LARGEST_WIDTH),
            ],
        )?;
        if !(self.norm_eps.is_finite() && self.norm_eps > 0.0) {
            return refuse(NAME, format!("norm_eps is {}; it is above 0", self.norm_eps));
        }
        if !(0.0..1.0).contains(&self.position_offset) {
            let detail = format!("position_offset is {}; it is 0 to 1 exclusive", self.position_offset);
            return refuse(NAME, detail);
        }
        Ok(())
    }
}

impl EncoderConfig for VitConfig {
    fn check(&self) -> Result<(), Error> {
        self.check_ranges()?;
        let (image, patch, width, heads) = (self.image, self.patch, self.width, self.heads);
        if image.iter().any(|pixels| !pixels.is_multiple_of(patch)) {
            return refuse(NAME, format!("images of {image:?} pixels do not divide into patches of {patch}"));
        }
        if !width.is_multiple_of(heads) {
            return refuse(NAME, format!("a width of {width} does not divide among {heads} heads"));
        }
        if self.positions == Positions::SinCos && !width.is_multiple_of(4) {
            let detail = format!(
                "sin-cos positions are sine and cosine of row and column: a width of {width} is no multiple of 4"
            );
            return refuse(NAME, detail);
        }
        if self.cls_after >= self.depth {
            let detail = format!(
                "a CLS token that joins after block {} of {} sees no other token; it joins after block 0 to {}",
                self.cls_after,
                self.depth,
                self.depth - 1
            );
            return refuse(NAME, detail);
        }
        match self.own_grid().cells().saturating_mul(width) > MAX_ELEMENTS {
            true => refuse(NAME, format!("a {} token map of width {width} is too large", self.own_grid())),
            false => Ok(()),
        }
    }

    fn image(&self) -> [usize; 2] {
        self.image
    }

    fn channels(&self) -> usize {
        self.channels
    }

    fn stride(&self) -> usize {
        self.patch
    }

    fn layers(&self) -> usize {
        self.depth
    }

    fn width(&self, _: usize) -> usize {
        self.width
    }

    fn cls_after(&self) -> Option<usize> {
        Some(self.cls_after)
    }

    fn layer_of(&self, name: &str) -> usize {
        let block = |rest: &str| rest.split('.').next().and_then(|index| index.parse::<usize>().ok());
        match name.strip_prefix("blocks.") {
            Some(rest) => block(rest).map_or(0, |index| index + 1),
            None if name.starts_with("norm.") => self.depth + 1,
            // A CLS token that joins after block l is first seen by block l + 1.
            None if name == "cls_token" && self.cls_after > 0 => self.cls_after + 1,
            None => 0,
        }
    }

    fn build(&self, graph: &Graph, prefix: &str) -> Result<Box<dyn Encoder>, Error> {
        Ok(Box::new(Vit::new(graph, prefix, self)?))
    }

    /// timm embeds patches with a convolution.
    fn linear_in_file(&self, name: &str, shape: &[usize]) -> Option<Vec<usize>> {
        match *shape {
            [_, width] if name == "patch_embed.proj.weight" => {
                Some(vec![width, self.channels, self.patch, self.patch])
            }
            [inputs, outputs] if name.ends_with(".weight") => Some(vec![outputs, inputs]),
            _ => None,
        }
    }
}
