//! A transformer block.

use equilayer_engine::{Graph, Init, Tensor};

use super::VitConfig;
use crate::nn::{LayerNorm, Linear, Parameters};

/// Attention, then an MLP, each behind a layer norm and around a residual.
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
    pub fn new(graph: &Graph, name: &str, config: &VitConfig) -> Block {
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

    /// Tokens `[batch, tokens, width]` to tokens. `residual` has the last word on a branch, given its name.
    #[track_caller]
    pub fn forward(&self, x: &Tensor, residual: impl Fn(&Tensor, &str) -> Tensor) -> Tensor {
        self.after_attention(x, &self.attention(x), residual)
    }

    /// What each token gets of all: the one place where tokens mix.
    #[track_caller]
    pub fn attention(&self, x: &Tensor) -> Tensor {
        self.qkv.forward(&self.norm1.forward(x)).attention(self.heads)
    }

    /// The rest, token by token: some tokens and what they got, to the same tokens.
    #[track_caller]
    pub fn after_attention(
        &self,
        x: &Tensor,
        attended: &Tensor,
        residual: impl Fn(&Tensor, &str) -> Tensor,
    ) -> Tensor {
        let x = x + residual(&self.proj.forward(attended), "attn");
        let hidden = self.fc1.forward(&self.norm2.forward(&x)).gelu();
        &x + residual(&self.fc2.forward(&hidden), "mlp")
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
