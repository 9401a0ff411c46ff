//! The vision transformer, in timm's layout, with the CLS token at the input or delayed to after a block.
//!
//! Starts as MoCo v3 does: linear weights within Xavier's bounds (query, key and value each by itself; the patch
//! embedding as the linear map that it is), biases 0, CLS of standard deviation 1e-6.

mod block;
mod config;
mod positions;

use equilayer_engine::{Error, Graph, Init, Tensor};

pub use config::{Positions, VitConfig};

use super::{Encoder, EncoderConfig, Features, Layer};
use crate::action::Grid;
use crate::nn::{LayerNorm, Linear, Parameters, Pass};
use block::Block;

/// A vision transformer in a graph.
#[derive(Clone, Debug)]
pub struct Vit {
    config: VitConfig,
    patch_embed: Linear,
    cls_token: Tensor,
    pos_embed: Tensor,
    blocks: Vec<Block>,
    norm: LayerNorm,
}

impl Vit {
    /// Declares the parameters under timm's names behind `prefix` ("student.blocks.0.attn.qkv.weight").
    ///
    /// # Errors
    /// Sizes that do not fit one another.
    pub fn new(graph: &Graph, prefix: &str, config: &VitConfig) -> Result<Vit, Error> {
        config.check()?;
        let name = |part: &str| format!("{prefix}{part}");
        let (width, patch) = (config.width, config.channels * config.patch * config.patch);
        let embedding = if config.frozen_patch_embedding { Linear::frozen } else { Linear::new };
        let block = |index| Block::new(graph, &name(&format!("blocks.{index}")), config);
        Ok(Vit {
            patch_embed: embedding(graph, &name("patch_embed.proj"), patch, width, Init::XavierUniform),
            cls_token: graph.parameter(&name("cls_token"), [1, 1, width], Init::Normal { std: 1e-6 }),
            pos_embed: config.positions.declare(graph, &name("pos_embed"), config),
            blocks: (0..config.depth).map(block).collect(),
            norm: LayerNorm::new(graph, &name("norm"), width, config.norm_eps),
            config: config.clone(),
        })
    }

    /// Its configuration.
    pub fn config(&self) -> &VitConfig {
        &self.config
    }

    fn join_cls(&self, tokens: &Tensor) -> Tensor {
        self.cls_token.expand([tokens.dim(0), 1, self.config.width]).concat(&[tokens], 1)
    }
}

/// The last block, where CLS has joined: CLS and tokens each by itself behind attention, as nothing mixes them any more.
/// Most methods read CLS alone, and what nobody reads is not computed: three quarters of the block's linear layers.
#[track_caller]
fn apart(block: &Block, x: &Tensor, grid: Grid, residual: impl Fn(&Tensor, &str) -> Tensor) -> Layer {
    let attended = block.attention(x);
    let part = |x: Tensor, attended: Tensor| block.after_attention(&x, &attended, &residual);
    let [tokens, cls] = [(1, grid.cells()), (0, 1)]
        .map(|(start, length)| [x, &attended].map(|all| all.slice(1, start, length)));
    let [tokens, cls] = [tokens, cls].map(|[x, attended]| part(x, attended));
    Layer { tokens, grid, cls: Some(cls.select(1, 0)) }
}

impl Encoder for Vit {
    #[track_caller]
    fn forward(&self, images: &Tensor, pass: &Pass) -> Features {
        let grid = self.config.grid(0, [images.dim(2), images.dim(3)]);
        let (blocks, cls_after) = (self.blocks.len(), self.config.cls_after);
        let mut x = self.patch_embed.forward(&images.patchify(self.config.patch));
        if cls_after == 0 {
            x = self.join_cls(&x);
        }
        x = x + positions::resized(&self.pos_embed, grid, &self.config);
        let mut layers = Vec::with_capacity(blocks);
        for (index, block) in self.blocks.iter().enumerate() {
            let residual = |branch: &Tensor, name: &str| pass.residual(branch, index, blocks, name);
            let layer = index + 1;
            if layer == blocks {
                layers.push(apart(block, &x, grid, residual));
                break;
            }
            x = block.forward(&x, residual);
            layers.push(Layer::from_sequence(&x, grid, layer > cls_after));
            if layer == cls_after {
                x = self.join_cls(&x);
            }
        }
        let norm = |x: &Tensor| self.norm.forward(x);
        let output = match layers.last() {
            Some(last) => Layer { tokens: norm(&last.tokens), grid, cls: last.cls.as_ref().map(norm) },
            None => Layer::from_sequence(&norm(&x), grid, true),
        };
        Features { layers, output }
    }

    fn map_boxed(&self, replace: &mut dyn FnMut(&Tensor) -> Tensor) -> Box<dyn Encoder> {
        Box::new(self.map(replace))
    }
}

impl Parameters for Vit {
    fn map(&self, replace: &mut dyn FnMut(&Tensor) -> Tensor) -> Vit {
        Vit {
            config: self.config.clone(),
            patch_embed: self.patch_embed.map(replace),
            cls_token: replace(&self.cls_token),
            pos_embed: replace(&self.pos_embed),
            blocks: self.blocks.iter().map(|block| block.map(replace)).collect(),
            norm: self.norm.map(replace),
        }
    }
}
