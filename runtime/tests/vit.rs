//! The vision transformer against timm: features of every block, the loss, and the gradient of every parameter.

#[path = "../engine/tests/goldens/mod.rs"]
#[allow(dead_code, reason = "the reader is shared, and this test needs a part of it")]
mod goldens;

use equilayer::encoder::{EncoderConfig, Layer, Positions, VitConfig};
use equilayer::engine::{CompileOptions, CpuExecutor, CpuOptions, Error, Executor, Graph, Init, Tensor};
use equilayer::nn::{Parameters, Pass};
use goldens::Golden;

/// Relative to the largest value of a tensor.
const TOLERANCE: f32 = 1e-4;

fn config(golden: &Golden) -> VitConfig {
    let size = |name: &str| golden.number(name) as usize;
    VitConfig {
        image: [size("img_size"); 2],
        patch: size("patch_size"),
        width: size("embed_dim"),
        depth: size("depth"),
        heads: size("num_heads"),
        mlp_ratio: size("mlp_ratio"),
        norm_eps: golden.number("norm_eps") as f32,
        ..VitConfig::small_16()
    }
}

/// timm stores a linear weight `[out, in]`, and that of the patch embedding as a convolution; ours are `[in, out]`.
fn from_timm((shape, values): (&[usize], &[f32]), name: &str) -> Vec<f32> {
    if !name.ends_with(".weight") || shape.len() < 2 {
        return values.to_vec();
    }
    let (outputs, inputs) = (shape[0], shape[1..].iter().product::<usize>());
    (0..inputs * outputs).map(|at| values[at % outputs * inputs + at / outputs]).collect()
}

fn assert_close(name: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{name}");
    let scale = expected.iter().fold(0.0f32, |scale, x| scale.max(x.abs()));
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            (found - expected).abs() <= TOLERANCE * scale,
            "{name}[{index}]: {found}, timm has {expected}"
        );
    }
}

/// The tokens as timm has them, CLS first.
fn sequence(layer: &Layer) -> Tensor {
    match &layer.cls {
        Some(cls) => cls.unsqueeze(1).concat(&[&layer.tokens], 1),
        None => layer.tokens.clone(),
    }
}

/// `sum(norm[:,0] * linspace(-1, 1, D)) + mean(block2²)`, the loss the file names.
fn loss(graph: &Graph, norm: &Tensor, block2: &Tensor) -> Tensor {
    let width = norm.dim(-1);
    let line = (0..width).map(|i| -1.0 + 2.0 * i as f32 / (width - 1) as f32);
    let line = graph.constant([width], line.collect::<Vec<f32>>());
    (norm.select(1, 0) * line).sum_all() + block2.square().mean_all()
}

fn agrees_with_timm(folder: &str) -> Result<(), Error> {
    let golden = Golden::read(folder, "vit", "vit.features");
    let graph = Graph::new();
    let (image_shape, image) = golden.tensor("in.image");
    let images = graph.input("image", image_shape);
    let vit = config(&golden).build(&graph, "")?;
    let features = vit.forward(&images, &Pass::training());
    let (norm, blocks) = (sequence(&features.output), features.layers.iter().map(sequence));
    let blocks: Vec<Tensor> = blocks.collect();
    let loss = loss(&graph, &norm, &blocks[1]);
    let parameters = vit.parameters();
    let names: Vec<String> = parameters.iter().filter_map(|parameter| graph.state_name(parameter)).collect();
    for (name, gradient) in names.iter().zip(graph.gradients(&loss, &parameters)?) {
        graph.output(&format!("grad.{name}"), &gradient);
    }
    graph.output("out.loss", &loss);
    graph.output("out.norm", &norm);
    for (index, block) in blocks.iter().enumerate() {
        graph.output(&format!("out.block{}", index + 1), block);
    }
    let plan = graph.compile(&CompileOptions::new())?;
    let mut executor = CpuExecutor::new(CpuOptions::default())?;
    executor.prepare(&plan)?;
    for name in &names {
        executor.set_state(name, &from_timm(golden.tensor(&format!("param.{name}")), name))?;
    }
    let outputs = executor.run(&plan, &[("image", image)])?;
    assert_eq!(outputs.iter().count(), names.len() + 2 + blocks.len());
    for (name, found) in outputs.iter() {
        assert_close(name, found, &from_timm(golden.tensor(name), name));
    }
    Ok(())
}

#[test]
fn features_and_gradients_agree_with_timm() -> Result<(), Error> {
    agrees_with_timm("a")?;
    agrees_with_timm("b")
}

#[test]
fn cls_joins_where_it_is_told_to_and_is_never_among_the_tokens() -> Result<(), Error> {
    for cls_after in 0..3 {
        let graph = Graph::new();
        let config = VitConfig {
            image: [8, 12],
            patch: 4,
            width: 6,
            depth: 3,
            heads: 2,
            cls_after,
            ..VitConfig::small_16()
        };
        let features = config
            .build(&graph, "")?
            .forward(&graph.constant([1, 3, 8, 12], vec![0.5; 3 * 8 * 12]), &Pass::evaluation());
        graph.check()?;
        assert_eq!(config.cls_after(), Some(cls_after));
        for (layer, made) in (1..).zip(&features.layers) {
            assert_eq!(made.cls.is_some(), layer > cls_after, "layer {layer}, CLS after {cls_after}");
        }
        for made in features.layers.iter().chain([&features.output]) {
            assert_eq!(
                (made.tokens.shape()[..].to_vec(), made.grid),
                (vec![1, 6, 6], config.grid(1, [8, 12]))
            );
            assert!(made.cls.iter().all(|cls| cls.shape()[..] == [1, 6]));
        }
        assert_eq!(features.embedding().node(), features.output.cls.expect("a final CLS token").node());
        assert_eq!(graph.find_state("pos_embed")?.dim(1), 6 + usize::from(cls_after == 0));
    }
    Ok(())
}

#[test]
fn positions_are_interpolated_for_other_sizes_and_learned_through_it() -> Result<(), Error> {
    for cls_after in [0, 1] {
        let graph = Graph::new();
        let config = VitConfig {
            image: [16, 16],
            patch: 4,
            width: 6,
            depth: 2,
            heads: 2,
            cls_after,
            ..VitConfig::small_16()
        };
        let images = graph.constant([1, 3, 12, 8], vec![0.5; 3 * 12 * 8]);
        let features = config.build(&graph, "")?.forward(&images, &Pass::training());
        let first = features.layer(1).expect("two layers");
        assert_eq!((first.grid, first.tokens.dim(1)), (config.grid(1, [12, 8]), 3 * 2));
        let positions = graph.find_state("pos_embed")?;
        let tokens = features.output.tokens;
        let gradient = graph.gradients(&tokens.select(1, 0).square().sum_all(), &[positions])?.remove(0);
        graph.output("gradient", &gradient);
        let plan = graph.compile(&CompileOptions::new())?;
        let outputs = CpuExecutor::new(CpuOptions::default())?.run(&plan, &[])?;
        assert!(outputs.get("gradient")?.iter().any(|&x| x != 0.0));
    }
    Ok(())
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    let refusal = |config: VitConfig| config.check().expect_err("sizes that do not fit").to_string();
    let odd = refusal(VitConfig { image: [224, 225], ..VitConfig::small_16() });
    assert!(odd.contains("[224, 225]") && odd.contains("patches of 16"), "{odd}");
    let heads = refusal(VitConfig { heads: 7, ..VitConfig::small_16() });
    assert!(heads.contains("384 does not divide among 7 heads"), "{heads}");
    let late = refusal(VitConfig { cls_after: 12, ..VitConfig::small_16() });
    assert!(late.contains("after block 12 of 12") && late.contains("block 0 to 11"), "{late}");
    let sin_cos = VitConfig { positions: Positions::SinCos, width: 6, heads: 2, ..VitConfig::small_16() };
    assert!(refusal(sin_cos).contains("a width of 6 is no multiple of 4"));
    let none = refusal(VitConfig { depth: 0, ..VitConfig::small_16() });
    assert!(none.contains("the number of blocks is 0; it is 1 to 1024"), "{none}");
    assert!(refusal(VitConfig { image: [usize::MAX; 2], ..VitConfig::small_16() }).contains("height"));
    assert!(refusal(VitConfig { norm_eps: f32::NAN, ..VitConfig::small_16() }).contains("norm_eps is NaN"));
    assert!(refusal(VitConfig { position_offset: 1.0, ..VitConfig::small_16() }).contains("0 to 1"));
    let vast = VitConfig { image: [65536; 2], patch: 1, ..VitConfig::small_16() };
    assert!(refusal(vast).contains("65536 × 65536 token map of width 384 is too large"));
}

#[test]
fn images_that_do_not_fit_are_one_error() -> Result<(), Error> {
    for (height, width, says) in
        [(8, 224, "height 8 is smaller than a patch of 16"), (224, 230, "width 230 is no multiple")]
    {
        let graph = Graph::new();
        let images = graph.input("images", [1, 3, height, width]);
        VitConfig::small_16().build(&graph, "")?.forward(&images, &Pass::training());
        let error = graph.check().expect_err("no such patches").to_string();
        assert!(error.contains(says) && error.lines().count() == 1, "{error}");
    }
    Ok(())
}

#[test]
fn a_copy_of_the_parameters_is_the_same_transformer() -> Result<(), Error> {
    let graph = Graph::new();
    let config = VitConfig {
        image: [8, 8],
        patch: 4,
        width: 8,
        depth: 2,
        heads: 2,
        positions: Positions::SinCos,
        frozen_patch_embedding: true,
        ..VitConfig::small_16()
    };
    let student = config.build(&graph, "student.")?;
    let teacher = student.map(&mut |state| {
        let name = graph.state_name(state).unwrap_or_default();
        graph.twin(&name.replace("student", "teacher"), state)
    });
    assert_eq!(teacher.states().len(), student.states().len());
    assert!(teacher.parameters().is_empty());
    let noise = graph.parameter("image", [2, 3, 8, 8], Init::Normal { std: 1.0 });
    graph.output("student", &student.forward(&noise, &Pass::training()).embedding());
    graph.output("teacher", &teacher.forward(&noise, &Pass::training()).embedding());
    let plan = graph.compile(&CompileOptions::new())?;
    let outputs = CpuExecutor::new(CpuOptions::default())?.run(&plan, &[])?;
    assert_eq!(outputs.get("student")?, outputs.get("teacher")?);
    Ok(())
}
