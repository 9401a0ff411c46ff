//! The vision transformer against timm: features of every block, the loss, and the gradient of every parameter.

#[path = "../engine/tests/goldens/mod.rs"]
#[allow(dead_code, reason = "the reader is shared, and this test needs a part of it")]
mod goldens;

use equilayer::encoder::{Vit, VitConfig};
use equilayer::engine::{CompileOptions, CpuExecutor, CpuOptions, Error, Executor, Graph, Init, Tensor};
use equilayer::nn::Parameters;
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
        ..VitConfig::default()
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
    let vit = Vit::new(&graph, "", &config(&golden))?;
    let features = vit.forward(&images);
    let loss = loss(&graph, &features.norm, &features.blocks[1]);
    let parameters = vit.parameters();
    let names: Vec<String> = parameters.iter().filter_map(|parameter| graph.state_name(parameter)).collect();
    for (name, gradient) in names.iter().zip(graph.gradients(&loss, &parameters)?) {
        graph.output(&format!("grad.{name}"), &gradient);
    }
    graph.output("out.loss", &loss);
    graph.output("out.norm", &features.norm);
    for (index, block) in features.blocks.iter().enumerate() {
        graph.output(&format!("out.block{}", index + 1), block);
    }
    let plan = graph.compile(&CompileOptions::new())?;
    let mut executor = CpuExecutor::new(CpuOptions::default())?;
    executor.prepare(&plan)?;
    for name in &names {
        executor.set_state(name, &from_timm(golden.tensor(&format!("param.{name}")), name))?;
    }
    let outputs = executor.run(&plan, &[("image", image)])?;
    assert_eq!(outputs.iter().count(), names.len() + 2 + features.blocks.len());
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
fn cls_joins_where_it_is_told_to() -> Result<(), Error> {
    let graph = Graph::new();
    let config = VitConfig {
        image: [8, 12],
        patch: 4,
        width: 6,
        depth: 3,
        heads: 2,
        cls_after: 2,
        ..VitConfig::default()
    };
    let vit = Vit::new(&graph, "", &config)?;
    let features = vit.forward(&graph.constant([1, 3, 8, 12], vec![0.5; 3 * 8 * 12]));
    graph.check()?;
    let tokens: Vec<usize> = features.blocks.iter().map(|block| block.dim(1)).collect();
    assert_eq!(tokens, [6, 7, 7]);
    assert_eq!(features.cls().shape()[..], [1, 6]);
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
            depth: 1,
            heads: 2,
            cls_after,
            ..VitConfig::default()
        };
        let vit = Vit::new(&graph, "", &config)?;
        let features = vit.forward(&graph.constant([1, 3, 12, 8], vec![0.5; 3 * 12 * 8]));
        let first = &features.blocks[0];
        assert_eq!(first.dim(1), 1 + 3 * 2);
        let positions = graph.find_state("pos_embed")?;
        let gradient =
            graph.gradients(&features.norm.select(1, 1).square().sum_all(), &[positions])?.remove(0);
        graph.output("gradient", &gradient);
        let plan = graph.compile(&CompileOptions::new())?;
        let outputs = CpuExecutor::new(CpuOptions::default())?.run(&plan, &[])?;
        assert!(outputs.get("gradient")?.iter().any(|&x| x != 0.0));
    }
    Ok(())
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    let refusal =
        |config: VitConfig| Vit::new(&Graph::new(), "", &config).map(|_| ()).unwrap_err().to_string();
    let odd = refusal(VitConfig { image: [224, 225], ..VitConfig::default() });
    assert!(odd.contains("[224, 225]") && odd.contains("patches of 16"), "{odd}");
    assert!(
        refusal(VitConfig { heads: 7, ..VitConfig::default() }).contains("384 does not divide among 7 heads")
    );
    assert!(refusal(VitConfig { cls_after: 13, ..VitConfig::default() }).contains("after block 13 of 12"));
}

#[test]
fn a_copy_of_the_parameters_is_the_same_transformer() -> Result<(), Error> {
    let graph = Graph::new();
    let config = VitConfig { image: [8, 8], patch: 4, width: 6, depth: 2, heads: 2, ..VitConfig::default() };
    let student = Vit::new(&graph, "student.", &config)?;
    let teacher = student.map(&mut |parameter| {
        let name = graph.state_name(parameter).expect("a parameter has a name");
        graph.twin(&name.replace("student", "teacher"), parameter)
    });
    let noise = graph.parameter("image", [2, 3, 8, 8], Init::Normal { std: 1.0 });
    graph.output("student", &student.forward(&noise).norm);
    graph.output("teacher", &teacher.forward(&noise).norm);
    let plan = graph.compile(&CompileOptions::new())?;
    let outputs = CpuExecutor::new(CpuOptions::default())?.run(&plan, &[])?;
    assert_eq!(outputs.get("student")?, outputs.get("teacher")?);
    Ok(())
}
