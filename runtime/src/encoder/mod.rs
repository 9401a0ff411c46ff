//! Encoders: from images to token maps, block by block.

mod vit;

pub use vit::{Block, Vit, VitConfig, VitFeatures};
