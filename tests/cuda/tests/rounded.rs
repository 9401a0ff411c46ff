//! Tensors that are kept in bfloat16 on the way to products: the cases of the operator sweep that make products, behind
//! operands that are kept so and before results that are, agree with the reference as far as 8 bits reach.

#[path = "../../../runtime/engine/tests/operators/cases/mod.rs"]
#[allow(dead_code, reason = "the sweep on the CPU uses the rest")]
mod cases;
#[path = "../../../runtime/engine/tests/operators/graphs.rs"]
mod graphs;

use std::path::Path;

use equilayer_engine::cuda::lower::lower;
use equilayer_engine::cuda::task::{Number, Task};
use equilayer_engine::reference::{Values, evaluate};
use equilayer_engine::{
    CompileOptions, CudaExecutor, CudaOptions, Error, Executor, Graph, Outputs, Plan, Precision, Tensor,
};

use cases::{Case, compare};
use graphs::{Built, text};

/// What a rounding to 8 bits changes at most, in units of the value.
const ROUNDING: f64 = 1.0 / 256.0;

/// Operands are rounded, and results, whose squares differ by twice as much.
const TOLERANCE: f64 = 4.0 * ROUNDING;

/// A case whose operands are made on the GPU, but what is no number to calculate with, such as an index; each of its
/// results is squared by a product.
fn between(case: Case) -> Case {
    let (build, is_made) = (case.build, case.inputs.iter().map(|fed| fed.differentiable).collect::<Vec<_>>());
    let squared = |result: Tensor| {
        let flat = result.reshape([result.shape().elements()]);
        flat.einsum("k,k->", &flat)
    };
    let build = move |graph: &Graph, inputs: &[Tensor]| -> Vec<Tensor> {
        let make = |(input, is_made): (&Tensor, &bool)| if *is_made { input.tanh() } else { input.clone() };
        let made: Vec<Tensor> = inputs.iter().zip(&is_made).map(make).collect();
        build(graph, &made).into_iter().map(squared).collect()
    };
    Case { build: Box::new(build), ..case }
}

/// How many buffers of a plan are kept in 16 bits, and how many products take such factors.
fn kept(plan: &Plan) -> Result<[usize; 2], Error> {
    let lowered = lower(plan, Precision::Bf16)?;
    let buffers = lowered.buffers.iter().filter(|address| address.number == Number::Bf16).count();
    let takes = |task: &&Task| matches!(task, Task::Product(product) if product.form.factors == Number::Bf16);
    Ok([buffers, lowered.steps.iter().flatten().filter(takes).count()])
}

fn executor(kernels: &Path) -> Result<CudaExecutor, Error> {
    let kernel_cache = Some(kernels.to_path_buf());
    CudaExecutor::new(CudaOptions { precision: Precision::Bf16, kernel_cache, ..CudaOptions::default() })
}

/// Runs a plan task by task and recorded, which must give the same bits.
fn run(plan: &Plan, data: &Values, kernels: &Path) -> Result<Outputs, String> {
    let fed: Vec<(String, Vec<f32>)> =
        data.iter().map(|(name, array)| (name.clone(), array.to_f32())).collect();
    let fed: Vec<(&str, &[f32])> = fed.iter().map(|(name, values)| (name.as_str(), &values[..])).collect();
    let mut executor = executor(kernels).map_err(text)?;
    let first = executor.run(plan, &fed).map_err(text)?;
    let again = executor.run(plan, &fed).map_err(text)?;
    let same = first.iter().zip(again.iter()).all(|((_, a), (_, b))| a == b);
    match same {
        true => Ok(first),
        false => Err("recorded as a CUDA graph, the plan gives other bits".into()),
    }
}

#[test]
fn products_of_kept_tensors_agree_with_the_reference() {
    let Some(_gpu) = equilayer_cuda_tests::gpu() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (mut failures, mut checked, mut kept_in_all) = (Vec::new(), 0, [0, 0]);
    for case in cases::all() {
        let case = between(case);
        for gradients in [false, true] {
            let build = || if gradients { Built::with_gradients(&case) } else { Built::new(&case, false) };
            if gradients && !case.differentiable {
                continue;
            }
            let plan = build().unwrap().graph.compile(&CompileOptions::new()).unwrap();
            let found = kept(&plan).unwrap();
            // Squaring alone makes a product.
            if found[1] < 2 {
                continue;
            }
            checked += 1;
            kept_in_all = [kept_in_all[0] + found[0], kept_in_all[1] + found[1]];
            let data = case.values();
            let expected = evaluate(&build().unwrap().graph, &data).unwrap();
            let outcome = run(&plan, &data, folder.path()).and_then(|outputs| {
                compare(&expected, |name| outputs.get(name).map(<[f32]>::to_vec), TOLERANCE)
            });
            if let Err(failure) = outcome {
                failures.push(format!(
                    "{}{}: {failure}",
                    case.name,
                    if gradients { ", gradient" } else { "" }
                ));
            }
        }
    }
    println!(
        "{checked} graphs; {} tensors kept in 16 bits, {} products of them",
        kept_in_all[0], kept_in_all[1]
    );
    assert!(checked > 20, "only {checked} graphs have products");
    assert!(failures.is_empty(), "{} of {checked} failed:\n{}", failures.len(), failures.join("\n"));
}
