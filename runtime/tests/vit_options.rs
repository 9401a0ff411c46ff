//! What a vision transformer can be told: fixed positions, a frozen patch embedding, stochastic depth, first values.

use equilayer::encoder::{EncoderConfig, Positions, VitConfig};
use equilayer::engine::{
    CompileOptions, CpuExecutor, CpuOptions, Error, Executor, Graph, Init, Outputs, Randomness, Tensor,
};
use equilayer::nn::{Parameters, Pass};

fn tiny() -> VitConfig {
    VitConfig { image: [8, 12], patch: 4, width: 8, depth: 2, heads: 2, ..VitConfig::small_16() }
}

fn run(graph: &Graph, executor: &mut CpuExecutor, inputs: &[(&str, &[f32])]) -> Result<Outputs, Error> {
    executor.run(&graph.compile(&CompileOptions::new())?, inputs)
}

/// The states of an encoder as they start.
fn first_values(config: &VitConfig) -> Result<CpuExecutor, Error> {
    let (graph, mut executor) = (Graph::new(), CpuExecutor::new(CpuOptions::default())?);
    let images = graph.constant([1, 3, 8, 12], vec![0.5; 3 * 8 * 12]);
    graph.output("embedding", &config.build(&graph, "")?.forward(&images, &Pass::training()).embedding());
    run(&graph, &mut executor, &[])?;
    Ok(executor)
}

#[test]
fn sin_cos_positions_are_those_of_the_formula_and_none_for_cls() -> Result<(), Error> {
    for cls_after in [0, 1] {
        let executor = first_values(&VitConfig { positions: Positions::SinCos, cls_after, ..tiny() })?
            .state("pos_embed")?;
        let (cls, tokens) = executor.split_at(if cls_after == 0 { 8 } else { 0 });
        assert!(cls.iter().all(|&x| x == 0.0));
        assert_eq!(tokens.len(), 6 * 8);
        for (cell, found) in tokens.chunks(8).enumerate() {
            // Width 8: two frequencies, 1 and 10000^(-1/2) = 0.01.
            let [row, column] = [cell / 3, cell % 3].map(|place| place as f64);
            let part = |at: f64| [at.sin(), (0.01 * at).sin(), at.cos(), (0.01 * at).cos()];
            for (found, expected) in found.iter().zip([part(row), part(column)].concat()) {
                assert!((f64::from(*found) - expected).abs() < 1e-7, "cell {cell}: {found}, not {expected}");
            }
        }
    }
    Ok(())
}

#[test]
fn what_is_fixed_is_state_under_its_usual_name_and_not_trained() -> Result<(), Error> {
    let graph = Graph::new();
    let config = VitConfig { positions: Positions::SinCos, frozen_patch_embedding: true, ..tiny() };
    let vit = config.build(&graph, "")?;
    let names = |tensors: Vec<Tensor>| -> Vec<String> {
        tensors.iter().filter_map(|tensor| graph.state_name(tensor)).collect()
    };
    let (states, trained) = (names(vit.states()), names(vit.parameters()));
    let fixed: Vec<&String> = states.iter().filter(|name| !trained.contains(name)).collect();
    assert_eq!(fixed, ["patch_embed.proj.weight", "patch_embed.proj.bias", "pos_embed"]);
    let sorted = |mut names: Vec<String>| {
        names.sort_unstable();
        names
    };
    assert_eq!(sorted(trained), sorted(names(graph.parameters())));
    let features = vit.forward(&graph.input("images", [2, 3, 8, 12]), &Pass::training());
    graph.gradients(&features.embedding().square().sum_all(), &vit.parameters())?;
    Ok(())
}

#[test]
fn weights_start_within_the_bounds_of_moco_v3() -> Result<(), Error> {
    let executor = first_values(&tiny())?;
    let largest = |name: &str| -> Result<f32, Error> {
        Ok(executor.state(name)?.iter().fold(0.0, |largest, x| x.abs().max(largest)))
    };
    let bounds = [
        ("patch_embed.proj.weight", 3 * 4 * 4 + 8),
        ("blocks.0.attn.qkv.weight", 8 + 8),
        ("blocks.0.attn.proj.weight", 8 + 8),
        ("blocks.1.mlp.fc1.weight", 8 + 32),
        ("blocks.1.mlp.fc2.weight", 32 + 8),
    ];
    for (name, fans) in bounds {
        let bound = (6.0 / fans as f32).sqrt();
        // 64 uniform draws all stay below 0.8 of their bound once in two million times.
        assert!((0.8 * bound..=bound).contains(&largest(name)?), "{name}: {}, bound {bound}", largest(name)?);
    }
    assert_eq!(largest("patch_embed.proj.bias")?, 0.0);
    assert_eq!(largest("blocks.1.attn.qkv.bias")?, 0.0);
    assert!((1e-7..1e-5).contains(&largest("cls_token")?));
    assert!((0.02..0.1).contains(&largest("pos_embed")?));
    Ok(())
}

/// Embedding and last token map of one image, `batch` times over.
fn passed(pass: impl Fn(&Randomness) -> Pass, batch: usize, mlp: bool) -> Result<Outputs, Error> {
    let graph = Graph::new();
    let vit = tiny().build(&graph, "")?;
    let image = graph.parameter("image", [1, 3, 8, 12], Init::Normal { std: 1.0 }).expand([batch, 3, 8, 12]);
    let randomness = Randomness::new(&graph.input("key", [2]), &graph.input("samples", [batch]));
    let features = vit.forward(&image, &pass(&randomness));
    for (layer, made) in (1..).zip(&features.layers) {
        graph.output(&format!("layer {layer}"), &made.tokens);
    }
    let plan = graph.compile(&CompileOptions::new())?;
    let mut executor = CpuExecutor::new(CpuOptions::default())?;
    executor.prepare(&plan)?;
    if !mlp {
        executor.set_state("blocks.1.mlp.fc2.weight", &[0.0; 32 * 8])?;
    }
    let samples: Vec<f32> = (0..batch).map(|sample| sample as f32).collect();
    executor.run(&plan, &[("key", &[3.0, 5.0]), ("samples", &samples)])
}

#[test]
fn stochastic_depth_of_rate_0_and_in_evaluation_is_none_bit_for_bit() -> Result<(), Error> {
    let plain = passed(|_| Pass::training(), 3, true)?;
    assert_eq!(passed(|draws| Pass::training().stochastic_depth(0.0, draws, "student"), 3, true)?, plain);
    assert_eq!(passed(|draws| Pass::evaluation().stochastic_depth(0.9, draws, "student"), 3, true)?, plain);
    Ok(())
}

/// The last block's MLP gives zeros here, so that its attention is all there is to drop.
#[test]
fn stochastic_depth_drops_or_doubles_a_branch_and_means_what_it_drops() -> Result<(), Error> {
    const BATCH: usize = 2048;
    let dropping = |stream: &'static str| {
        passed(move |draws| Pass::training().stochastic_depth(0.5, draws, stream), BATCH, false)
    };
    let (plain, dropped) = (passed(|_| Pass::training(), 1, false)?, dropping("student")?);
    let (before, after) = (plain.get("layer 1")?, plain.get("layer 2")?);
    let mut kept = 0;
    for (first, last) in
        dropped.get("layer 1")?.chunks(before.len()).zip(dropped.get("layer 2")?.chunks(before.len()))
    {
        assert_eq!(first, before, "the first block drops nothing");
        let is_kept = last != first;
        kept += usize::from(is_kept);
        for ((found, before), after) in last.iter().zip(before).zip(after) {
            let expected = if is_kept { before + 2.0 * (after - before) } else { *before };
            assert!((found - expected).abs() < 1e-5, "{found}, not {expected}");
        }
    }
    // Half of 2048, within four standard deviations of 22.6: so the mean over draws is the branch itself.
    assert!(kept.abs_diff(BATCH / 2) <= 90, "{kept} of {BATCH}");
    assert_eq!(dropping("student")?, dropped);
    assert_ne!(dropping("another stream")?, dropped);
    Ok(())
}

#[test]
fn layers_that_nobody_taps_are_not_computed_and_get_no_gradient() -> Result<(), Error> {
    let graph = Graph::new();
    let vit = tiny().build(&graph, "")?;
    let features = vit.forward(&graph.input("images", [2, 3, 8, 12]), &Pass::training());
    let loss = features.layers[0].tokens.square().mean_all();
    for (parameter, gradient) in
        vit.parameters().iter().zip(graph.reached_gradients(&loss, &vit.parameters())?)
    {
        let name = graph.state_name(parameter).unwrap_or_default();
        let later = name.starts_with("blocks.1.") || name.starts_with("norm.");
        assert_eq!(gradient.is_none(), later, "{name}");
    }
    graph.output("loss", &loss);
    let mut executor = CpuExecutor::new(CpuOptions::default())?;
    executor.prepare(&graph.compile(&CompileOptions::new())?)?;
    let names = executor.state_names();
    assert!(names.iter().any(|name| name.starts_with("blocks.0.")), "{names:?}");
    assert!(!names.iter().any(|name| name.starts_with("blocks.1.")), "{names:?}");
    Ok(())
}

#[test]
fn configurations_are_read_and_written_and_strangers_refused() -> Result<(), serde_json::Error> {
    let config = VitConfig { positions: Positions::SinCos, cls_after: 3, ..VitConfig::digits() };
    let boxed: Box<dyn EncoderConfig> = Box::new(config.clone());
    let text = serde_json::to_string(&boxed)?;
    assert!(text.contains(r#""positions":"sin-cos""#), "{text}");
    assert_eq!(serde_json::from_str::<VitConfig>(&text)?, config);
    assert_eq!(serde_json::from_str::<VitConfig>("{}")?, VitConfig::small_16());
    let error = serde_json::from_str::<VitConfig>(r#"{"dept": 3}"#).expect_err("no such field").to_string();
    assert!(error.contains("unknown field `dept`") && error.contains("`depth`"), "{error}");
    Ok(())
}

#[test]
fn presets_fit() -> Result<(), Error> {
    for config in [VitConfig::small_16(), VitConfig::digits()] {
        config.check()?;
        assert_eq!((config.layers(), EncoderConfig::width(&config, 1)), (config.depth, config.width));
    }
    assert_eq!(VitConfig::digits().grid(1, [28, 28]).cells(), 49);
    Ok(())
}
