//! The network: the section `[encoder]`.

use std::sync::Arc;

use super::EncoderChoice;
use crate::config::{Document, FromNode, Scalar, Section};
use crate::encoder::{Positions, ResNetConfig, VitConfig};
use crate::method::{Member, Method};
use crate::plugin::{Layer, TapKind};

/// The largest images that are taken for small ones: CIFAR's and MNIST's, not photographs.
const SMALL: usize = 32;

#[derive(Clone, Copy)]
enum Kind {
    Vit,
    ResNet,
}

/// Reads the section, for images of `channels` channels that are `side` pixels high and wide unless it says otherwise.
pub(super) fn read(
    document: &Document,
    (side, channels): (usize, usize),
    method: Option<&Method>,
) -> EncoderChoice {
    let mut section = document.section("encoder");
    let choices = [("vit", Kind::Vit), ("resnet", Kind::ResNet)];
    let chosen = section.choice("name", "vit", &choices, "The network.");
    let image = section.count("image", side, 8, "Height and width of the images, pixels.");
    let small = side <= SMALL;
    let encoder: EncoderChoice = match chosen {
        Some(Kind::ResNet) => {
            let base = if small { ResNetConfig::resnet18_small_images() } else { ResNetConfig::resnet18() };
            Arc::new(ResNetConfig { image: [image; 2], channels, ..base })
        }
        _ => {
            let base = if small { VitConfig::digits() } else { VitConfig::small_16() };
            Arc::new(vit(&mut section, VitConfig { image: [image; 2], channels, ..base }, method))
        }
    };
    if let Err(error) = encoder.check() {
        section.report("name", &error.to_string());
    }
    section.finish();
    encoder
}

fn vit(section: &mut Section<'_>, base: VitConfig, method: Option<&Method>) -> VitConfig {
    let patch = section.count("patch", base.patch, 1, "Height and width of a patch, pixels.");
    let width = section.count("width", base.width, 1, "Width of a token.");
    let depth = section.count("depth", base.depth, 1, "Blocks.");
    let heads = section.count("heads", base.heads, 1, "Attention heads of a block.");
    let doc = "Block after which CLS joins: 0 at the input, or \"follow-tap\".";
    let cls_after = section.read("cls_after", ClsAfter::FollowTap, doc);
    let tap = method.map_or(0, |method| last_spatial_tap(method, depth));
    let sincos = section.read("sincos", true, "Fixed sin-cos positions in place of learned ones.");
    let doc = "Whether the patch embedding stays as it starts (MoCo v3).";
    let frozen = section.read("frozen_patches", true, doc);
    VitConfig {
        patch,
        width,
        depth,
        heads,
        cls_after: cls_after.block(tap),
        positions: if sincos { Positions::SinCos } else { Positions::Learned },
        frozen_patch_embedding: frozen,
        ..base
    }
}

/// The block after which CLS joins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClsAfter {
    /// The one of this number.
    Block(usize),
    /// Behind the last token map that a regularizer reads, as the paper of SER has it.
    FollowTap,
}

impl ClsAfter {
    fn block(self, tap: usize) -> usize {
        match self {
            ClsAfter::Block(block) => block,
            ClsAfter::FollowTap => tap,
        }
    }
}

const FOLLOW_TAP: &str = "follow-tap";

impl FromNode for ClsAfter {
    fn expected() -> String {
        format!("a block's number from 0 on, or \"{FOLLOW_TAP}\"")
    }

    fn from_scalar(scalar: &Scalar) -> Result<ClsAfter, String> {
        match scalar {
            Scalar::Text(text) if text == FOLLOW_TAP => Ok(ClsAfter::FollowTap),
            Scalar::Whole(_) => usize::from_scalar(scalar).map(ClsAfter::Block),
            _ => Err(String::new()),
        }
    }

    fn to_toml(&self) -> String {
        match self {
            ClsAfter::Block(block) => block.to_toml(),
            ClsAfter::FollowTap => format!("\"{FOLLOW_TAP}\""),
        }
    }
}

/// The last layer whose token map the method reads, 0 where it reads none or where a CLS token read early must have
/// joined before.
pub(super) fn last_spatial_tap(method: &Method, depth: usize) -> usize {
    let layer = |member: &Member| match (member.at().kind.is_spatial(), member.at().layer) {
        (true, Layer::After(layer)) if layer < depth => layer,
        _ => 0,
    };
    let early = |member: &Member| member.at().kind == TapKind::Cls && member.at().layer != Layer::Last;
    if method.members().any(early) { 0 } else { method.members().map(layer).max().unwrap_or(0) }
}
