//! What is said of a GPU that is not there, is too old or too small; and kernels kept on disk.

use equilayer_cuda_tests::{Settings, gpu, gpu_with};
use equilayer_engine::cuda::devices;
use equilayer_engine::{
    CompileOptions, CudaExecutor, CudaOptions, Error, Executor, Graph, Init, Plan, Precision,
};

fn options() -> CudaOptions {
    CudaOptions { kernel_cache: None, ..CudaOptions::default() }
}

fn plan(rows: usize) -> Result<Plan, Error> {
    let graph = Graph::new();
    let weight = graph.parameter("weight", [8, 8], Init::XavierUniform);
    graph.output("y", &graph.input("x", [rows, 8]).matmul(&weight).softmax(-1));
    graph.compile(&CompileOptions::new())
}

fn refusal(options: CudaOptions) -> String {
    CudaExecutor::new(options).err().map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn a_gpu_that_is_not_there_is_named_with_those_that_are() {
    let Some(gpu) = gpu() else { return };
    if gpu.emulated().is_none() {
        return;
    }
    let error = refusal(CudaOptions { ordinal: 7, ..options() });
    assert!(error.starts_with("there is no GPU 7: the driver shows one, number 0"), "{error}");
    let found = devices().expect("the driver starts");
    assert_eq!(found.len(), 1);
}

#[test]
fn a_gpu_that_is_too_old_is_refused_with_what_is_needed() {
    let Some(gpu) = gpu_with(Settings { capability: (6, 1), ..Settings::default() }) else { return };
    if gpu.emulated().is_some() {
        let error = refusal(options());
        assert!(error.contains("has compute capability 6.1; at least 7.0 is needed"), "{error}");
    }
}

#[test]
fn numbers_that_a_gpu_does_not_have_are_refused_with_what_is_needed() {
    let Some(gpu) = gpu_with(Settings { capability: (7, 5), ..Settings::default() }) else { return };
    if gpu.emulated().is_none() {
        return;
    }
    for precision in [Precision::Tf32, Precision::Bf16] {
        let error = refusal(CudaOptions { precision, ..options() });
        let said = format!("has compute capability 7.5, and {precision} needs 8.0 (Ampere, 2020). Use");
        assert!(error.contains(&said), "{error}");
    }
}

#[test]
fn too_little_memory_is_said_with_what_is_needed_and_smaller_plans_still_run() -> Result<(), Error> {
    let Some(gpu) = gpu_with(Settings { memory: 1 << 20, ..Settings::default() }) else { return Ok(()) };
    if gpu.emulated().is_none() {
        return Ok(());
    }
    let mut executor = CudaExecutor::new(options())?;
    let rows = 1 << 16;
    let error = executor.run(&plan(rows)?, &[("x", &vec![0.5; 8 * rows])]).expect_err("2 MB and more");
    assert!(error.to_string().contains("bytes for the arena, the GPU has"), "{error}");
    let outputs = executor.run(&plan(4)?, &[("x", &[0.5; 32])])?;
    assert_eq!(outputs.get("y")?.len(), 32);
    Ok(())
}

#[test]
fn state_moves_in_and_out_and_kernels_are_found_on_disk() -> Result<(), Error> {
    let Some(_gpu) = gpu() else { return Ok(()) };
    let folder = std::env::temp_dir().join(format!("equilayer-cuda-devices-{}", std::process::id()));
    let options = CudaOptions { kernel_cache: Some(folder.clone()), ..CudaOptions::default() };
    let weight: Vec<f32> = (0..64).map(|number| number as f32 / 64.0).collect();
    let mut found = Vec::new();
    for _ in 0..2 {
        let mut executor = CudaExecutor::new(options.clone())?;
        let plan = plan(4)?;
        executor.prepare(&plan)?;
        executor.set_state("weight", &weight)?;
        assert_eq!(executor.state("weight")?, weight);
        found.push(executor.run(&plan, &[("x", &[0.5; 32])])?);
    }
    assert_eq!(found[0], found[1]);
    assert_eq!(std::fs::read_dir(&folder).expect("the cache was written").count(), 1);
    std::fs::remove_dir_all(folder).expect("the cache was written");
    Ok(())
}

#[test]
fn tensors_of_sixteen_bits_take_half_the_memory_and_are_searched_for_what_is_not_finite() -> Result<(), Error>
{
    let Some(_gpu) = gpu() else { return Ok(()) };
    let graph = Graph::new();
    let weight = |name: &str| graph.parameter(name, [8, 8], Init::XavierUniform);
    let x = graph.input("x", [5, 8]);
    graph.output("y", &x.matmul(&weight("a")).ln().matmul(&weight("b")).sum_all());
    let plan = graph.compile(&CompileOptions::new())?;
    let mut wide = CudaExecutor::new(options())?;
    let mut narrow = CudaExecutor::new(CudaOptions { precision: Precision::Bf16, ..options() })?;
    let mut searching =
        CudaExecutor::new(CudaOptions { precision: Precision::Bf16, check_finite: true, ..options() })?;
    assert_eq!(wide.arena_bytes(&plan), plan.arena_bytes());
    assert!(narrow.arena_bytes(&plan) < plan.arena_bytes());
    for executor in [&mut wide, &mut narrow, &mut searching] {
        executor.prepare(&plan)?;
        executor.set_state("a", &[0.5; 64])?;
    }
    let ones: &[(&str, &[f32])] = &[("x", &[1.0; 40])];
    assert_eq!(narrow.run(&plan, ones)?, searching.run(&plan, ones)?);
    assert_ne!(narrow.run(&plan, ones)?, wide.run(&plan, ones)?);
    let error = searching.run(&plan, &[("x", &[-1.0; 40])]).expect_err("logarithms of negative numbers");
    assert!(error.to_string().contains("NaN"), "{error}");
    Ok(())
}
