//! Vision transformers in timm's names.

use equilayer_engine::{DeviceChoice, Error, Tensor};

use super::{Computed, Scene, misshapen, output_with_named_loss, refuse_unknown};
use crate::action::{GridMap, Interpolation};
use crate::encoder::{self, EncoderConfig, Layer, VitConfig};
use crate::nn::{Parameters, Pass};
use crate::parity::file::{ParityError, ParityFile};

/// timm's constructor arguments that are known here.
const ARGUMENTS: &[&str] = &[
    "img_size",
    "patch_size",
    "in_chans",
    "embed_dim",
    "depth",
    "num_heads",
    "mlp_ratio",
    "norm_eps",
    "loss",
];

/// Positions [1, N, C], interpolated from the grid `base` to `grid` with the offset of DINO and SER.
pub(super) fn pos_embed(file: &ParityFile, device: DeviceChoice) -> Result<Computed, ParityError> {
    let (base, grid, offset) = (file.grid("base")?, file.grid("grid")?, file.number("offset")?);
    let mut scene = Scene::new(file, device);
    let positions = scene.input("pos")?;
    if positions.shape().len() != 3 || positions.dim(1) != base.cells() {
        return Err(misshapen(file, "pos", &format!("[1, {}, channels]", base.cells())));
    }
    let map = GridMap::rescale_with_offset(base, grid, offset);
    let sampled = map.sample(Interpolation::Bicubic).map_err(|error| Error::Executor(error.to_string()))?;
    let y = sampled.act_on_tokens(&positions);
    output_with_named_loss(scene, &y)
}

fn config(file: &ParityFile) -> Result<VitConfig, ParityError> {
    refuse_unknown(file, ARGUMENTS)?;
    let channels = if file.parameter("in_chans").is_some() { file.whole("in_chans")? } else { 3 };
    Ok(VitConfig {
        image: [file.whole("img_size")?; 2],
        channels,
        patch: file.whole("patch_size")?,
        width: file.whole("embed_dim")?,
        depth: file.whole("depth")?,
        heads: file.whole("num_heads")?,
        mlp_ratio: file.whole("mlp_ratio")?,
        norm_eps: file.number("norm_eps")? as f32,
        ..VitConfig::small_16()
    })
}

/// The tokens as timm has them, CLS first.
fn sequence(layer: &Layer) -> Tensor {
    match &layer.cls {
        Some(cls) => cls.unsqueeze(1).concat(&[&layer.tokens], 1),
        None => layer.tokens.clone(),
    }
}

/// The one loss that files of this case can name: `sum(norm[:,0]*linspace(-1,1,D)) + mean(block2^2)`.
fn loss(file: &ParityFile, norm: &Tensor, blocks: &[Tensor]) -> Result<Tensor, ParityError> {
    let width = norm.dim(-1);
    let names = ["D".to_owned(), width.to_string()]
        .map(|width| format!("sum(norm[:,0]*linspace(-1,1,{width})) + mean(block2^2)"));
    file.choice("loss", &names.each_ref().map(|name| (name.as_str(), ())))?;
    let Some(second) = blocks.get(1) else {
        let problem = "is of block 2, and there is one block".into();
        return Err(ParityError::Parameter { name: "loss".into(), problem });
    };
    let line = (0..width).map(|i| -1.0 + 2.0 * i as f32 / (width - 1).max(1) as f32);
    let line = norm.graph().constant([width], line.collect::<Vec<f32>>());
    Ok((norm.select(1, 0) * line).sum_all() + second.square().mean_all())
}

/// Features of every block and of the final norm, the loss, and the gradient of every parameter.
pub(super) fn features(file: &ParityFile, device: DeviceChoice) -> Result<Computed, ParityError> {
    let config = config(file)?;
    let weights = encoder::import(file.path(), &config, "param.")?;
    let mut scene = Scene::new(file, device);
    let images = scene.input("image")?;
    let vit = config.build(&scene.graph, "")?;
    let features = vit.forward(&images, &Pass::training());
    scene.graph.check()?;
    let blocks: Vec<Tensor> = features.layers.iter().map(sequence).collect();
    let norm = sequence(&features.output);
    for (number, block) in (1..).zip(&blocks) {
        scene.output(&format!("out.block{number}"), block);
    }
    scene.output("out.norm", &norm);
    let loss = loss(file, &norm, &blocks)?;
    scene.output("out.loss", &loss);
    let parameters = vit.parameters();
    for (parameter, gradient) in parameters.iter().zip(scene.graph.gradients(&loss, &parameters)?) {
        let name = scene.graph.state_name(parameter).unwrap_or_default();
        let in_file = config.linear_in_file(&name, parameter.shape());
        let gradient = match in_file {
            Some(shape) => gradient.transpose(0, 1).reshape(shape.as_slice()),
            None => gradient,
        };
        scene.output(&format!("grad.{name}"), &gradient);
    }
    scene.run(&weights)
}
