//! Training on the GPU follows training on the CPU: a vision transformer with a teacher, MoCo v3's loss at its end and
//! SER's dense one in the middle, 20 steps of AdamW.

use equilayer_cuda_tests::{Order, Session, Settings};
use equilayer_engine::ops::Negatives;
use equilayer_engine::optim::{AdamWOptions, Optimizer, ema};
use equilayer_engine::random::Stream;
use equilayer_engine::{
    CompileOptions, CpuExecutor, CpuOptions, CudaExecutor, CudaOptions, Error, Executor, Graph, Init, Plan,
    Randomness, Tensor,
};

const BATCH: usize = 6;
const SIDE: usize = 16;
const WIDTH: usize = 16;
const STEPS: u64 = 20;

fn parameter(graph: &Graph, name: &str, shape: &[usize]) -> Tensor {
    let init = if shape.len() > 1 { Init::XavierUniform } else { Init::Constant(0.0) };
    graph.parameter(name, shape, init)
}

fn linear(x: &Tensor, name: &str, width: usize) -> Tensor {
    let weight = parameter(x.graph(), &format!("{name}.weight"), &[x.dim(-1), width]);
    x.matmul(&weight) + parameter(x.graph(), &format!("{name}.bias"), &[width])
}

fn norm(x: &Tensor, name: &str) -> Tensor {
    let weight = x.graph().parameter(&format!("{name}.weight"), [WIDTH], Init::Constant(1.0));
    let bias = x.graph().parameter(&format!("{name}.bias"), [WIDTH], Init::Constant(0.0));
    x.layer_norm(Some(&weight), Some(&bias), 1e-6)
}

/// Tokens after the first block, and the embedding.
fn encoder(image: &Tensor, name: &str, drop: &Randomness) -> [Tensor; 2] {
    let mut x = linear(&image.patchify(4), &format!("{name}.patch"), WIDTH);
    let mut middle = x.clone();
    for block in 0..2 {
        let name = format!("{name}.{block}");
        let qkv = linear(&norm(&x, &format!("{name}.norm1")), &format!("{name}.qkv"), 3 * WIDTH);
        let mixed = linear(&qkv.attention(2), &format!("{name}.proj"), WIDTH);
        x = &x + mixed.drop_path(0.1, drop, block);
        let hidden = linear(&norm(&x, &format!("{name}.norm2")), &format!("{name}.fc1"), 2 * WIDTH).gelu();
        x = &x + linear(&hidden, &format!("{name}.fc2"), WIDTH);
        if block == 0 {
            middle = x.clone();
        }
    }
    let pooled = norm(&x, &format!("{name}.norm")).mean(&[1]);
    let head = linear(&pooled, &format!("{name}.head"), WIDTH).batch_norm_training(None, None, 1e-5);
    [middle, head.output]
}

fn plan(optimizer: &Optimizer) -> Result<Plan, Error> {
    let graph = Graph::new();
    let drop = Randomness::new(&graph.input("key", [2]), &graph.input("samples", [BATCH]));
    let views = [0, 1].map(|view| graph.input(&format!("view{view}"), [BATCH, 1, SIDE, SIDE]));
    let [tokens, embedding] = encoder(&views[0], "student", &drop);
    let student = graph.parameters();
    let [target_tokens, target] = encoder(&views[1], "teacher", &drop);
    let (target, target_tokens) = (target.stop_gradient(), target_tokens.stop_gradient());
    let logits = embedding.l2_normalize(1e-12).matmul(&target.l2_normalize(1e-12).transpose(0, 1)) * 5.0;
    let labels: Vec<f32> = (0..BATCH).map(|sample| sample as f32).collect();
    let invariance = logits.cross_entropy(&graph.constant([BATCH], labels));
    let dense = tokens.flip(1).dense_info_nce(&target_tokens.flip(1), 0.4, Negatives::BothViews);
    let loss = &invariance + &dense * 0.5;
    let gradients = graph.gradients(&loss, &student)?;
    let applied = optimizer.apply(&graph, &student, &gradients)?;
    let teachers = graph.parameters().into_iter().skip(student.len());
    let pairs: Vec<(Tensor, Tensor)> = teachers.zip(applied.parameters).collect();
    ema(&graph, &pairs, &graph.input("momentum", [1]));
    for (name, value) in [("loss", loss), ("invariance", invariance), ("dense", dense)] {
        graph.output(name, &value);
    }
    graph.compile(&CompileOptions::new())
}

/// The inputs of a step, by name.
fn inputs(optimizer: &Optimizer, step: u64) -> Vec<(String, Vec<f32>)> {
    let mut inputs: Vec<(String, Vec<f32>)> = optimizer.hyper(step, 2e-3, 0.05).into_iter().collect();
    let pixels = BATCH * SIDE * SIDE;
    for view in 0..2 {
        inputs.push((format!("view{view}"), Stream::new(view, step).normals().take(pixels).collect()));
    }
    inputs.push(("key".into(), vec![0.0, step as f32]));
    inputs.push(("samples".into(), (0..BATCH).map(|sample| sample as f32).collect()));
    inputs.push(("momentum".into(), vec![0.99]));
    inputs
}

/// The next step's inputs are sent while the GPU works, and those that a step is started with are not read then.
#[test]
fn inputs_are_sent_ahead() -> Result<(), Error> {
    let Some(gpu) = equilayer_cuda_tests::gpu() else { return Ok(()) };
    train_with_inputs_sent_ahead()?;
    if gpu.emulated().is_none() {
        return Ok(()); // A GPU's streams run when they will.
    }
    drop(gpu);
    for order in [Order::AtOnce, Order::OthersFirst] {
        let settings = Settings { order, ..Settings::default() };
        let _session = Session::new(settings).expect("the fake driver");
        train_with_inputs_sent_ahead()?;
    }
    Ok(())
}

fn train_with_inputs_sent_ahead() -> Result<(), Error> {
    let optimizer = Optimizer::adamw(AdamWOptions::default());
    let plan = plan(&optimizer)?;
    let mut cpu = CpuExecutor::new(CpuOptions::default())?;
    let mut gpu = CudaExecutor::new(CudaOptions { kernel_cache: None, ..CudaOptions::default() })?;
    let nothing: Vec<(&str, &[f32])> = Vec::new();
    gpu.send(&plan, &borrowed(&inputs(&optimizer, 0)))?;
    for step in 0..5 {
        let started = gpu.start(&plan, &nothing)?;
        gpu.send(&plan, &borrowed(&inputs(&optimizer, step + 1)))?;
        let (found, launches) = gpu.finish(&plan, started)?;
        assert_eq!(launches.len(), plan.steps().len());
        let expected = cpu.run(&plan, &borrowed(&inputs(&optimizer, step)))?.scalar("loss")?;
        let found = found.scalar("loss")?;
        assert!((found - expected).abs() < 1e-4, "step {step}: {found} on the GPU, {expected} on the CPU");
    }
    // What was sent is for one run.
    let started = gpu.start(&plan, &nothing)?;
    let _ = gpu.finish(&plan, started)?;
    assert!(gpu.start(&plan, &nothing).is_err());
    Ok(())
}

fn borrowed(inputs: &[(String, Vec<f32>)]) -> Vec<(&str, &[f32])> {
    inputs.iter().map(|(name, values)| (name.as_str(), &values[..])).collect()
}

#[test]
fn twenty_steps_follow_the_cpu() -> Result<(), Error> {
    let Some(_gpu) = equilayer_cuda_tests::gpu() else { return Ok(()) };
    let optimizer = Optimizer::adamw(AdamWOptions::default());
    let plan = plan(&optimizer)?;
    let mut cpu = CpuExecutor::new(CpuOptions::default())?;
    let mut gpu = CudaExecutor::new(CudaOptions { kernel_cache: None, ..CudaOptions::default() })?;
    let mut largest = 0f32;
    for step in 0..STEPS {
        let inputs = inputs(&optimizer, step);
        let fed = borrowed(&inputs);
        let (expected, found) = (cpu.run(&plan, &fed)?, gpu.run(&plan, &fed)?);
        for name in ["loss", "invariance", "dense"] {
            let (expected, found) = (expected.scalar(name)?, found.scalar(name)?);
            let apart = (found - expected).abs();
            assert!(apart < 1e-4, "step {step}, {name}: {found} on the GPU, {expected} on the CPU");
            largest = largest.max(apart);
        }
    }
    println!("{STEPS} steps, losses at most {largest:.1e} apart");
    Ok(())
}
