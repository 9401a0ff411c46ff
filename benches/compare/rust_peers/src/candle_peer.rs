//! The transformer in candle.

use candle_core::{D, DType, Device, Module, Result, Tensor};
use candle_nn::ops::layer_norm_slow;
use candle_nn::{
    AdamW, Conv2d, Conv2dConfig, Init, Linear, Optimizer, ParamsAdamW, VarBuilder, VarMap, conv2d, linear,
};

use crate::{DEPTH, HEADS, NORM_EPS, PATCH, PIXELS, RATE, Step, TOKENS, WEIGHT_DECAY, WIDTH};

/// candle's own layer norm has no gradient, and lets none through without a word; this one is made of operators that have.
struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
}

impl LayerNorm {
    fn new(vb: VarBuilder) -> Result<LayerNorm> {
        Ok(LayerNorm {
            weight: vb.get_with_hints(WIDTH, "weight", Init::Const(1.0))?,
            bias: vb.get_with_hints(WIDTH, "bias", Init::Const(0.0))?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        layer_norm_slow(x, &self.weight, &self.bias, NORM_EPS as f32)
    }
}

struct Block {
    norm1: LayerNorm,
    qkv: Linear,
    proj: Linear,
    norm2: LayerNorm,
    fc1: Linear,
    fc2: Linear,
}

struct Vit {
    patch_embed: Conv2d,
    cls: Tensor,
    positions: Tensor,
    blocks: Vec<Block>,
    norm: LayerNorm,
}

impl Block {
    fn new(vb: &VarBuilder) -> Result<Block> {
        Ok(Block {
            norm1: LayerNorm::new(vb.pp("norm1"))?,
            qkv: linear(WIDTH, 3 * WIDTH, vb.pp("qkv"))?,
            proj: linear(WIDTH, WIDTH, vb.pp("proj"))?,
            norm2: LayerNorm::new(vb.pp("norm2"))?,
            fc1: linear(WIDTH, 4 * WIDTH, vb.pp("fc1"))?,
            fc2: linear(4 * WIDTH, WIDTH, vb.pp("fc2"))?,
        })
    }

    fn attention(&self, x: &Tensor) -> Result<Tensor> {
        let (batch, tokens, _) = x.dims3()?;
        let packed = self.qkv.forward(x)?.reshape((batch, tokens, 3, HEADS, WIDTH / HEADS))?;
        let part = |index| packed.narrow(2, index, 1)?.squeeze(2)?.transpose(1, 2)?.contiguous();
        let (q, k, v) = (part(0)?, part(1)?, part(2)?);
        let scores = (q.matmul(&k.t()?.contiguous()?)? / ((WIDTH / HEADS) as f64).sqrt())?;
        let attended = candle_nn::ops::softmax(&scores, D::Minus1)?.matmul(&v)?;
        self.proj.forward(&attended.transpose(1, 2)?.reshape((batch, tokens, WIDTH))?)
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = (x + self.attention(&self.norm1.forward(x)?)?)?;
        let hidden = self.fc1.forward(&self.norm2.forward(&x)?)?.gelu_erf()?;
        &x + self.fc2.forward(&hidden)?
    }
}

impl Vit {
    fn new(vb: &VarBuilder) -> Result<Vit> {
        let init = Init::Randn { mean: 0.0, stdev: 0.02 };
        let config = Conv2dConfig { stride: PATCH, ..Conv2dConfig::default() };
        Ok(Vit {
            patch_embed: conv2d(3, WIDTH, PATCH, config, vb.pp("patch_embed"))?,
            cls: vb.get_with_hints((1, 1, WIDTH), "cls", init)?,
            positions: vb.get_with_hints((1, TOKENS + 1, WIDTH), "positions", init)?,
            blocks: (0..DEPTH).map(|index| Block::new(&vb.pp(index))).collect::<Result<_>>()?,
            norm: LayerNorm::new(vb.pp("norm"))?,
        })
    }

    fn loss(&self, images: &Tensor) -> Result<Tensor> {
        let tokens = self.patch_embed.forward(images)?.flatten_from(2)?.transpose(1, 2)?;
        let cls = self.cls.expand((images.dim(0)?, 1, WIDTH))?;
        let mut x = Tensor::cat(&[&cls, &tokens], 1)?.broadcast_add(&self.positions)?;
        for block in &self.blocks {
            x = block.forward(&x)?;
        }
        self.norm.forward(&x)?.narrow(1, 0, 1)?.sqr()?.mean_all()
    }
}

/// The model and its optimizer on random images.
pub fn prepare(batch: usize, trained: bool) -> Result<Step> {
    let device = Device::Cpu;
    let variables = VarMap::new();
    let model = Vit::new(&VarBuilder::from_varmap(&variables, DType::F32, &device))?;
    let images = Tensor::randn(0f32, 1f32, (batch, 3, PIXELS, PIXELS), &device)?;
    let options = ParamsAdamW { lr: RATE, weight_decay: WEIGHT_DECAY, ..ParamsAdamW::default() };
    let mut optimizer = AdamW::new(variables.all_vars(), options)?;
    Ok(Box::new(move || {
        let loss = model.loss(&images)?;
        if trained {
            let gradients = loss.backward()?;
            if variables.all_vars().iter().any(|variable| gradients.get(variable).is_none()) {
                return Err("a parameter has no gradient".into());
            }
            optimizer.step(&gradients)?;
        }
        Ok(loss.to_scalar()?)
    }))
}
