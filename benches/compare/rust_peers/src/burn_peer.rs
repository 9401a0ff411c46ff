//! The transformer in burn, on its backend in pure Rust.

use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::activation::gelu;
use burn::tensor::module::attention;
use burn::tensor::{Device, Distribution, Tensor};

use crate::{DEPTH, HEADS, NORM_EPS, PATCH, PIXELS, RATE, Step, TOKENS, WEIGHT_DECAY, WIDTH};

#[derive(Module, Debug)]
struct Block {
    norm1: LayerNorm,
    qkv: Linear,
    proj: Linear,
    norm2: LayerNorm,
    fc1: Linear,
    fc2: Linear,
}

#[derive(Module, Debug)]
struct Vit {
    patch_embed: Conv2d,
    cls: Param<Tensor<3>>,
    positions: Param<Tensor<3>>,
    blocks: Vec<Block>,
    norm: LayerNorm,
}

fn norm(device: &Device) -> LayerNorm {
    LayerNormConfig::new(WIDTH).with_epsilon(NORM_EPS).init(device)
}

impl Block {
    fn new(device: &Device) -> Block {
        let linear = |inputs, outputs| LinearConfig::new(inputs, outputs).init(device);
        Block {
            norm1: norm(device),
            qkv: linear(WIDTH, 3 * WIDTH),
            proj: linear(WIDTH, WIDTH),
            norm2: norm(device),
            fc1: linear(WIDTH, 4 * WIDTH),
            fc2: linear(4 * WIDTH, WIDTH),
        }
    }

    fn attention(&self, x: Tensor<3>) -> Tensor<3> {
        let [batch, tokens, _] = x.dims();
        let [q, k, v] = self.qkv.forward(x).chunk(3, 2).try_into().expect("three parts of equal width");
        let heads = |part: Tensor<3>| part.reshape([batch, tokens, HEADS, WIDTH / HEADS]).swap_dims(1, 2);
        let attended = attention(heads(q), heads(k), heads(v), None, None, Default::default());
        self.proj.forward(attended.swap_dims(1, 2).reshape([batch, tokens, WIDTH]))
    }

    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let x = x.clone() + self.attention(self.norm1.forward(x));
        x.clone() + self.fc2.forward(gelu(self.fc1.forward(self.norm2.forward(x))))
    }
}

impl Vit {
    fn new(device: &Device) -> Vit {
        let normal = |tokens| {
            Param::from_tensor(Tensor::random([1, tokens, WIDTH], Distribution::Normal(0.0, 0.02), device))
        };
        Vit {
            patch_embed: Conv2dConfig::new([3, WIDTH], [PATCH, PATCH])
                .with_stride([PATCH, PATCH])
                .init(device),
            cls: normal(1),
            positions: normal(TOKENS + 1),
            blocks: (0..DEPTH).map(|_| Block::new(device)).collect(),
            norm: norm(device),
        }
    }

    fn loss(&self, images: Tensor<4>) -> Tensor<1> {
        let batch = images.dims()[0];
        let tokens: Tensor<3> = self.patch_embed.forward(images).flatten(2, 3);
        let cls = self.cls.val().expand([batch, 1, WIDTH]);
        let mut x = Tensor::cat(vec![cls, tokens.swap_dims(1, 2)], 1) + self.positions.val();
        for block in &self.blocks {
            x = block.forward(x);
        }
        self.norm.forward(x).narrow(1, 0, 1).square().mean()
    }
}

/// The model and its optimizer on random images.
pub fn prepare(batch: usize, trained: bool) -> Step {
    let device = if trained { Device::flex().autodiff() } else { Device::flex() };
    let mut model = Vit::new(&device);
    let images = Tensor::random([batch, 3, PIXELS, PIXELS], Distribution::Normal(0.0, 1.0), &device);
    let mut optimizer = AdamWConfig::new().with_weight_decay(WEIGHT_DECAY as f32).init();
    Box::new(move || {
        let loss = model.loss(images.clone());
        if trained {
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            model = optimizer.step(RATE, model.clone(), gradients);
        }
        Ok(loss.into_scalar())
    })
}
