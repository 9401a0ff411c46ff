//! The small ResNet: its stages, its gradients, and what training and evaluation make of its batch norms.

use std::collections::BTreeMap;

use equilayer::encoder::{EncoderConfig, ResNetConfig, Stage, Stem};
use equilayer::engine::array::Array;
use equilayer::engine::optim::ema;
use equilayer::engine::reference::evaluate;
use equilayer::engine::{
    CompileOptions, CpuExecutor, CpuOptions, Error, Executor, Graph, Randomness, Tensor, random,
};
use equilayer::nn::{Parameters, Pass};

fn tiny(stem: Stem) -> ResNetConfig {
    let stages = [2, 3].map(|width| Stage { width, blocks: 1 });
    ResNetConfig { image: [16, 8], channels: 1, stem, stages: stages.into() }
}

fn noise(name: &str, shape: [usize; 4]) -> Array {
    let normals = random::Stream::new(7, random::stream_id(name)).normals();
    let values: Vec<f32> = normals.take(shape.iter().product()).collect();
    Array::from_f32(shape, &values)
}

#[test]
fn stages_are_layers_of_the_announced_sizes() -> Result<(), Error> {
    for stem in [Stem::Small, Stem::Large] {
        let (graph, config) = (Graph::new(), tiny(stem));
        config.check()?;
        let images = graph.input("images", [2, 1, 16, 8]);
        let features = config.build(&graph, "")?.forward(&images, &Pass::training());
        graph.check()?;
        assert_eq!(features.layers.len(), config.layers());
        for (layer, made) in (1..).zip(&features.layers) {
            assert_eq!(made.grid, config.grid(layer, [16, 8]));
            assert_eq!(made.tokens.shape()[..], [2, made.grid.cells(), config.width(layer)]);
            assert!(made.cls.is_none());
        }
        assert_eq!(features.layers[1].grid.rows * config.stride(), 16);
        assert_eq!(features.embedding().shape()[..], [2, 3]);
        assert_eq!(config.cls_after(), None);
    }
    Ok(())
}

#[test]
fn tokens_are_pixels_row_by_row() -> Result<(), Error> {
    let graph = Graph::new();
    let map = graph.input("map", [1, 2, 2, 3]);
    graph.output("tokens", &equilayer::encoder::Layer::from_feature_map(&map).tokens);
    let values: Vec<f32> = (0..12).map(|x| x as f32).collect();
    let plan = graph.compile(&CompileOptions::new())?;
    let outputs = CpuExecutor::new(CpuOptions::default())?.run(&plan, &[("map", &values)])?;
    let expected: Vec<f32> = (0..6).flat_map(|cell| [cell as f32, (6 + cell) as f32]).collect();
    assert_eq!(outputs.get("tokens")?, expected);
    Ok(())
}

#[test]
fn parameters_have_torchvisions_names() -> Result<(), Error> {
    let graph = Graph::new();
    let resnet = ResNetConfig::resnet18().build(&graph, "")?;
    let names: Vec<String> = resnet.states().iter().filter_map(|state| graph.state_name(state)).collect();
    // 20 convolutions (one of the stem, 16 of blocks, 3 projections), each with a batch norm of four states.
    assert_eq!(names.len(), 20 * 5);
    for name in
        ["conv1.weight", "bn1.running_var", "layer1.1.conv2.weight", "layer4.0.downsample.1.running_mean"]
    {
        assert!(names.iter().any(|found| found == name), "{name}");
    }
    assert!(!names.iter().any(|name| name.starts_with("layer1.0.downsample")));
    assert_eq!(resnet.parameters().len(), 20 * 3);
    let elements: usize = resnet.parameters().iter().map(|parameter| parameter.shape().elements()).sum();
    assert_eq!(elements, 11_689_512 - 513_000, "torchvision's, less its classifier");
    Ok(())
}

/// Σ tokens of both stages · fixed noise, so that no symmetry hides an error.
fn loss(graph: &Graph, pass: &Pass, config: &ResNetConfig) -> Result<(Tensor, Vec<Tensor>), Error> {
    let images = graph.constant([2, 1, 16, 8], noise("images", [2, 1, 16, 8]).to_f32());
    let resnet = config.build(graph, "")?;
    let features = resnet.forward(&images, pass);
    let term = |tokens: &Tensor| {
        let normals = random::Stream::new(9, tokens.dim(-1) as u64).normals();
        let weights: Vec<f32> = normals.take(tokens.shape().elements()).collect();
        (tokens * graph.constant(*tokens.shape(), weights)).sum_all()
    };
    let terms: Vec<Tensor> = features.layers.iter().map(|layer| term(&layer.tokens)).collect();
    Ok((&terms[0] + &terms[1], resnet.parameters()))
}

#[test]
fn gradients_are_central_differences() -> Result<(), Error> {
    const STEP: f64 = 1e-6;
    for (stem, pass) in
        [(Stem::Small, Pass::training()), (Stem::Large, Pass::training()), (Stem::Small, Pass::evaluation())]
    {
        let graph = Graph::new();
        let (loss, parameters) = loss(&graph, &pass, &tiny(stem))?;
        graph.output("loss", &loss);
        let gradients = graph.gradients(&loss, &parameters)?;
        let mut start = BTreeMap::new();
        for (parameter, gradient) in parameters.iter().zip(&gradients) {
            let name = graph.state_name(parameter).unwrap_or_default();
            graph.output(&format!("gradient of {name}"), gradient);
            let normals = random::Stream::new(11, random::stream_id(&name)).normals();
            let values = normals.take(parameter.shape().elements()).map(|z| f64::from(0.3 * z + 0.5));
            start.insert(name, Array::new(*parameter.shape(), values.collect()));
        }
        let found = evaluate(&graph, &start)?;
        for name in start.keys() {
            let gradient = found[&format!("gradient of {name}")].data();
            for element in [0, gradient.len() / 2, gradient.len() - 1] {
                let at = |step: f64| -> Result<f64, Error> {
                    let mut moved = start.clone();
                    if let Some(array) = moved.get_mut(name) {
                        array.data_mut()[element] += step;
                    }
                    Ok(evaluate(&graph, &moved)?["loss"].data()[0])
                };
                let difference = (at(STEP)? - at(-STEP)?) / (2.0 * STEP);
                let error = (gradient[element] - difference).abs();
                assert!(
                    error < 1e-5 * difference.abs().max(1.0),
                    "{name}[{element}]: {}, by differences {difference}",
                    gradient[element]
                );
            }
        }
    }
    Ok(())
}

/// Token maps of the last stage of some images under a pass.
fn program(pass: &Pass) -> Result<Graph, Error> {
    let graph = Graph::new();
    let features = tiny(Stem::Small).build(&graph, "")?.forward(&graph.input("images", [4, 1, 16, 8]), pass);
    graph.output("tokens", &features.output.tokens);
    Ok(graph)
}

#[test]
fn evaluation_becomes_training_when_running_statistics_have_arrived() -> Result<(), Error> {
    let [training, keeping, evaluation] =
        [Pass::training(), Pass::training().keeping_statistics(), Pass::evaluation()]
            .map(|pass| program(&pass).and_then(|graph| graph.compile(&CompileOptions::new())));
    let (training, keeping, evaluation) = (training?, keeping?, evaluation?);
    let mut executor = CpuExecutor::new(CpuOptions::default())?;
    let images = noise("batch", [4, 1, 16, 8]).to_f32();
    let mut run = |plan| executor.run(plan, &[("images", &images[..])]);
    let (trained, evaluated) = (run(&training)?, run(&evaluation)?);
    assert_eq!(trained, run(&keeping)?, "running statistics are no part of a training pass");
    assert_ne!(trained, evaluated);
    for _ in 0..200 {
        run(&training)?;
    }
    // What is left of the start is 0.9^200; what differs then is the variance: unbiased in evaluation.
    let evaluated = run(&evaluation)?;
    let (found, expected) = (evaluated.get("tokens")?, trained.get("tokens")?);
    let distance = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt();
    let relative = distance(found, expected) / distance(expected, &vec![0.0; expected.len()]);
    assert!(relative < 0.05, "{relative}");
    Ok(())
}

#[test]
fn running_statistics_move_by_a_tenth_and_only_when_asked() -> Result<(), Error> {
    let mut executor = CpuExecutor::new(CpuOptions::default())?;
    let images = noise("batch", [4, 1, 16, 8]).to_f32();
    let mut states = Vec::new();
    for pass in [Pass::evaluation(), Pass::training().keeping_statistics(), Pass::training()] {
        let plan = program(&pass)?.compile(&CompileOptions::new())?;
        executor.run(&plan, &[("images", &images)])?;
        let state = |name: &str| executor.state(name);
        states.push([state("bn1.running_mean")?, state("bn1.running_var")?]);
    }
    assert_eq!(states[0], [vec![0.0; 2], vec![1.0; 2]]);
    assert_eq!(states[1], states[0]);
    let graph = Graph::new();
    let conv = graph.constant([4, 1, 16, 8], images).conv2d(
        &graph.constant([2, 1, 3, 3], executor.state("conv1.weight")?),
        1,
        1,
        1,
    );
    graph.output("mean", &(conv.mean(&[0, 2, 3]) * 0.1));
    graph.output("variance", &(conv.permute(&[1, 0, 2, 3]).reshape([2, 512]).variance(&[1], 1) * 0.1 + 0.9));
    let expected = executor.run(&graph.compile(&CompileOptions::new())?, &[])?;
    for (found, name) in states[2].iter().zip(["mean", "variance"]) {
        for (found, expected) in found.iter().zip(expected.get(name)?) {
            assert!((found - expected).abs() < 1e-5, "{name}: {found}, not {expected}");
        }
    }
    Ok(())
}

#[test]
fn two_training_passes_of_one_step_say_which_moves_the_statistics() -> Result<(), Error> {
    let build = |second: Pass| -> Result<(), Error> {
        let graph = Graph::new();
        let resnet = tiny(Stem::Small).build(&graph, "")?;
        let views = ["a", "b"].map(|name| graph.input(name, [2, 1, 16, 8]));
        resnet.forward(&views[0], &Pass::training());
        resnet.forward(&views[1], &second);
        graph.check()
    };
    build(Pass::training().keeping_statistics())?;
    let error = build(Pass::training()).expect_err("two values for one statistic").to_string();
    assert!(error.contains("running_mean") && error.contains("made twice"), "{error}");
    Ok(())
}

/// Its parameters follow the student's, its statistics are of what it sees itself.
#[test]
fn a_teacher_follows_parameters_and_has_statistics_of_its_own() -> Result<(), Error> {
    let graph = Graph::new();
    let student = tiny(Stem::Small).build(&graph, "student.")?;
    let teacher = student.map(&mut |state| {
        let name = graph.state_name(state).unwrap_or_default().replace("student", "teacher");
        let twin = graph.twin(&name, state);
        match graph.is_parameter(state) {
            true => ema(&graph, &[(twin, state.clone())], &graph.scalar(0.5)).remove(0),
            false => twin,
        }
    });
    let views = ["a", "b"].map(|name| graph.input(name, [2, 1, 16, 8]));
    let samples = Randomness::new(&graph.input("key", [2]), &graph.input("samples", [2]));
    let dropping = Pass::training().stochastic_depth(0.2, &samples, "student");
    graph.output("student", &student.forward(&views[0], &dropping).embedding());
    graph.output("teacher", &teacher.forward(&views[1], &Pass::training()).embedding());
    let plan = graph.compile(&CompileOptions::new())?;
    let mut executor = CpuExecutor::new(CpuOptions::default())?;
    executor.prepare(&plan)?;
    executor.set_state("student.bn1.bias", &[1.0, 3.0])?;
    let [a, b] = ["a", "b"].map(|name| noise(name, [2, 1, 16, 8]).to_f32());
    executor.run(&plan, &[("a", &a), ("b", &b), ("key", &[0.0, 0.0]), ("samples", &[0.0, 1.0])])?;
    assert_eq!(executor.state("teacher.bn1.bias")?, [0.5, 1.5]);
    let statistics = |of: &str| executor.state(&format!("{of}.bn1.running_mean"));
    assert!(statistics("teacher")? != statistics("student")? && statistics("teacher")? != [0.0; 2]);
    Ok(())
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    let refusal = |config: ResNetConfig| config.check().expect_err("sizes that do not fit").to_string();
    let odd = refusal(ResNetConfig { image: [28, 28], ..ResNetConfig::resnet18_small_images() });
    assert!(odd.contains("cells of 8") && odd.contains("the side next to 28 that does is 32"), "{odd}");
    assert!(
        refusal(ResNetConfig { stages: vec![], ..ResNetConfig::resnet18() })
            .contains("number of stages is 0")
    );
    let stages = vec![Stage { width: 4, blocks: 0 }];
    assert!(refusal(ResNetConfig { stages, ..ResNetConfig::resnet18() }).contains("number of blocks is 0"));
    assert!(ResNetConfig::resnet18().check().and(ResNetConfig::resnet18_small_images().check()).is_ok());
}
