//! The vision transformer, in timm's layout, with the CLS token at the input or delayed to after a block.

use equilayer_engine::{Error, Graph, Init, Tensor};

use crate::action::{Grid, GridMap, Interpolation};
use crate::nn::{LayerNorm, Linear, Parameters};

/// The shape of a vision transformer. Defaults are ViT-S/16 at 224 pixels, as SER uses it (METHODS: 6 heads).
#[derive(Clone, Debug, PartialEq)]
pub struct VitConfig {
    /// Height and width of the images that positions are learned for, pixels; multiples of `patch`. Images of other
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
    /// Added to variances in layer norms.
    pub norm_eps: f32,
    /// Added to the sides of the token map where positions are interpolated: 0.1 in DINO and SER
    /// ([`GridMap::rescale_with_offset`]).
    pub position_offset: f64,
}

impl Default for VitConfig {
    fn default() -> VitConfig {
        VitConfig {
            image: [224, 224],
            channels: 3,
            patch: 16,
            width: 384,
            depth: 12,
            heads: 6,
            mlp_ratio: 4,
            cls_after: 0,
            norm_eps: 1e-6,
            position_offset: 0.1,
        }
    }
}

impl VitConfig {
    /// The token map that positions are learned for.
    pub fn grid(&self) -> Grid {
        Grid::new(self.image[0] / self.patch, self.image[1] / self.patch)
    }

    /// # Errors
    /// The first size that does not fit another, with sizes that would.
    pub fn check(&self) -> Result<(), Error> {
        let refuse = |detail: String| Err(Error::Executor(format!("vision transformer: {detail}")));
        if self.patch == 0 || self.image.iter().any(|&pixels| pixels == 0 || pixels % self.patch != 0) {
            return refuse(format!(
                "images of {:?} pixels do not divide into patches of {}",
                self.image, self.patch
            ));
        }
        if self.heads == 0 || self.width == 0 || !self.width.is_multiple_of(self.heads) {
            return refuse(format!("a width of {} does not divide among {} heads", self.width, self.heads));
        }
        if self.cls_after > self.depth {
            return refuse(format!("CLS cannot join after block {} of {}", self.cls_after, self.depth));
        }
        Ok(())
    }
}

/// A vision transformer: its parameters.
#[derive(Clone, Debug)]
pub struct Vit {
    config: VitConfig,
    patch_embed: Linear,
    cls_token: Tensor,
    pos_embed: Tensor,
    blocks: Vec<Block>,
    norm: LayerNorm,
}

/// What a forward pass makes on its way.
#[derive(Clone, Debug)]
pub struct VitFeatures {
    /// Tokens after each block, `[batch, tokens, width]`; with CLS first from `cls_after` on.
    pub blocks: Vec<Tensor>,
    /// The last block's tokens after the final norm.
    pub norm: Tensor,
}

impl VitFeatures {
    /// The final CLS token, `[batch, width]`.
    pub fn cls(&self) -> Tensor {
        self.norm.select(1, 0)
    }
}

impl Vit {
    /// Declares the parameters under timm's names behind `prefix` ("student.blocks.0.attn.qkv.weight").
    ///
    /// # Errors
    /// Sizes that do not fit one another.
    pub fn new(graph: &Graph, prefix: &str, config: &VitConfig) -> Result<Vit, Error> {
        config.check()?;
        let name = |part: &str| format!("{prefix}{part}");
        let width = config.width;
        let positions = config.grid().cells() + usize::from(config.cls_after == 0);
        let patch = config.channels * config.patch * config.patch;
        let block = |index| Block::new(graph, &name(&format!("blocks.{index}")), config);
        Ok(Vit {
            patch_embed: Linear::new(graph, &name("patch_embed.proj"), patch, width, Init::XavierUniform),
            cls_token: graph.parameter(&name("cls_token"), [1, 1, width], Init::Normal { std: 1e-6 }),
            pos_embed: graph.parameter(
                &name("pos_embed"),
                [1, positions, width],
                Init::TruncatedNormal { std: 0.02 },
            ),
            blocks: (0..config.depth).map(block).collect(),
            norm: LayerNorm::new(graph, &name("norm"), width, config.norm_eps),
            config: config.clone(),
        })
    }

    /// Its configuration.
    pub fn config(&self) -> &VitConfig {
        &self.config
    }

    /// Images `[batch, channels, height, width]` to tokens.
    #[track_caller]
    pub fn forward(&self, images: &Tensor) -> VitFeatures {
        let mut x = self.patch_embed.forward(&images.patchify(self.config.patch));
        if self.config.cls_after == 0 {
            x = self.join_cls(&x);
        }
        let [rows, columns] = [2, 3].map(|axis| images.dim(axis) / self.config.patch);
        x = x + self.positions(Grid::new(rows, columns));
        let mut blocks = Vec::with_capacity(self.blocks.len());
        for (index, block) in self.blocks.iter().enumerate() {
            x = block.forward(&x);
            if index + 1 == self.config.cls_after {
                x = self.join_cls(&x);
            }
            blocks.push(x.clone());
        }
        VitFeatures { blocks, norm: self.norm.forward(&x) }
    }

    /// The positions of a token map, interpolated where it is not the one they are learned for. That of a CLS token at
    /// the input stays as it is.
    #[track_caller]
    fn positions(&self, grid: Grid) -> Tensor {
        let learned = self.config.grid();
        if grid == learned {
            return self.pos_embed.clone();
        }
        let map = GridMap::rescale_with_offset(learned, grid, self.config.position_offset);
        let sampled = match map.sample(Interpolation::Bicubic) {
            Ok(sampled) => sampled,
            Err(error) => {
                self.pos_embed
                    .graph()
                    .record(Error::Executor(format!("positions of a {grid} token map: {error}")));
                return self.pos_embed.clone();
            }
        };
        let cls = usize::from(self.config.cls_after == 0);
        let tokens = sampled.act_on_tokens(&self.pos_embed.slice(1, cls, learned.cells()));
        if cls == 0 { tokens } else { self.pos_embed.slice(1, 0, 1).concat(&[&tokens], 1) }
    }

    fn join_cls(&self, tokens: &Tensor) -> Tensor {
        self.cls_token.expand([tokens.dim(0), 1, self.config.width]).concat(&[tokens], 1)
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

/// A transformer block: attention, then an MLP, each behind a layer norm and around a residual.
#[derive(Clone, Debug)]
pub struct Block {
    heads: usize,
    norm1: LayerNorm,
    qkv: Linear,
    proj: Linear,
    norm2: LayerNorm,
    fc1: Linear,
    fc2: Linear,
}

impl Block {
    fn new(graph: &Graph, name: &str, config: &VitConfig) -> Block {
        let (width, hidden) = (config.width, config.width * config.mlp_ratio);
        let part = |part: &str| format!("{name}.{part}");
        let linear =
            |name: &str, inputs, outputs, init| Linear::new(graph, &part(name), inputs, outputs, init);
        Block {
            heads: config.heads,
            norm1: LayerNorm::new(graph, &part("norm1"), width, config.norm_eps),
            qkv: linear("attn.qkv", width, 3 * width, Init::XavierUniformQkv),
            proj: linear("attn.proj", width, width, Init::XavierUniform),
            norm2: LayerNorm::new(graph, &part("norm2"), width, config.norm_eps),
            fc1: linear("mlp.fc1", width, hidden, Init::XavierUniform),
            fc2: linear("mlp.fc2", hidden, width, Init::XavierUniform),
        }
    }

    /// Tokens `[batch, tokens, width]` to tokens.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let x = x + self.proj.forward(&self.qkv.forward(&self.norm1.forward(x)).attention(self.heads));
        let hidden = self.fc1.forward(&self.norm2.forward(&x)).gelu();
        x + self.fc2.forward(&hidden)
    }
}

impl Parameters for Block {
    fn map(&self, replace: &mut dyn FnMut(&Tensor) -> Tensor) -> Block {
        Block {
            heads: self.heads,
            norm1: self.norm1.map(replace),
            qkv: self.qkv.map(replace),
            proj: self.proj.map(replace),
            norm2: self.norm2.map(replace),
            fc1: self.fc1.map(replace),
            fc2: self.fc2.map(replace),
        }
    }
}
