//! The operator sweep on the CUDA executor: every operator over many shapes, with its gradient, optimized and not.

#[path = "../../../runtime/engine/tests/operators/cases/mod.rs"]
#[allow(dead_code, reason = "the sweep on the CPU uses the rest")]
mod cases;
#[path = "../../../runtime/engine/tests/operators/graphs.rs"]
mod graphs;

use std::collections::BTreeSet;
use std::path::Path;

use equilayer_engine::cuda::compile::{Target, compile};
use equilayer_engine::cuda::lower::lower;
use equilayer_engine::cuda::{KernelCache, translation_unit};
use equilayer_engine::ops::Op;
use equilayer_engine::reference::{Values, evaluate};
use equilayer_engine::{
    CompileOptions, CudaExecutor, CudaOptions, Error, Executor, Graph, Outputs, Precision,
};

use cases::{Case, compare};
use graphs::{Built, text};

/// Sums are cut and ordered for a GPU, where errors are larger than the CPU's by this factor at most.
const LOOSER: f64 = 2.0;

struct Ran {
    outputs: Outputs,
    executor: CudaExecutor,
}

impl Ran {
    /// An output, or else the new value of a state.
    fn value(&self, name: &str) -> Result<Vec<f32>, Error> {
        self.outputs.get(name).map(<[f32]>::to_vec).or_else(|_| self.executor.state(name))
    }
}

/// Runs a graph task by task, recorded, and repeated, which must give the same bits.
fn run(
    graph: &Graph,
    options: &CompileOptions,
    data: &Values,
    kernels: &Path,
    covered: &mut BTreeSet<&'static str>,
) -> Result<Ran, String> {
    let plan = graph.compile(options).map_err(text)?;
    covered.extend(plan.steps().iter().map(|step| step.op.variant()));
    let fed: Vec<(String, Vec<f32>)> =
        data.iter().map(|(name, array)| (name.clone(), array.to_f32())).collect();
    let fed: Vec<(&str, &[f32])> =
        fed.iter().map(|(name, values)| (name.as_str(), values.as_slice())).collect();
    let options = CudaOptions { kernel_cache: Some(kernels.to_path_buf()), ..CudaOptions::default() };
    let mut executor = CudaExecutor::new(options).map_err(text)?;
    let first = executor.run(&plan, &fed).map_err(text)?;
    for way in ["recorded", "repeated"] {
        let again = executor.run(&plan, &fed).map_err(text)?;
        if !same_bits(&first, &again) {
            return Err(format!("{way} as a CUDA graph, the plan gives other bits"));
        }
    }
    Ok(Ran { outputs: first, executor })
}

fn same_bits(a: &Outputs, b: &Outputs) -> bool {
    let bits = |outputs: &Outputs| -> Vec<u32> {
        outputs.iter().flat_map(|(_, v)| v.iter().map(|x| x.to_bits())).collect()
    };
    bits(a) == bits(b)
}

fn check(case: &Case, kernels: &Path, covered: &mut BTreeSet<&'static str>) -> Result<(), String> {
    let data = case.values();
    let reference = evaluate(&Built::new(case, false)?.graph, &data).map_err(text)?;
    for options in [CompileOptions::none(), CompileOptions::new()] {
        let ran = run(&Built::new(case, false)?.graph, &options, &data, kernels, covered)?;
        compare(&reference, |name| ran.value(name), LOOSER * case.tolerance)?;
    }
    if case.differentiable {
        let analytic = evaluate(&Built::with_gradients(case)?.graph, &data).map_err(text)?;
        for options in [CompileOptions::none(), CompileOptions::new()] {
            let ran = run(&Built::with_gradients(case)?.graph, &options, &data, kernels, covered)?;
            compare(&analytic, |name| ran.value(name), 4.0 * LOOSER * case.tolerance)
                .map_err(|failure| format!("gradient: {failure}"))?;
        }
    }
    Ok(())
}

/// Compiles kernels of all cases, the last first, while the first are run. What fails is left to fail there.
fn compile_from_the_end(kernels: &Path) {
    let (cache, Ok(target)) = (KernelCache::new(kernels), Target::of((8, 0))) else { return };
    for case in cases::all().iter().rev() {
        let graphs = [Built::new(case, false).ok(), Built::with_gradients(case).ok()];
        for built in graphs.iter().flatten() {
            for options in [CompileOptions::none(), CompileOptions::new()] {
                let lowered = built.graph.compile(&options).and_then(|plan| lower(&plan, Precision::F32));
                let kernels = lowered.map(|lowered| lowered.kernels()).unwrap_or_default();
                let unit = translation_unit(&kernels.iter().collect::<Vec<_>>());
                if cache.load(&unit, &target).is_none()
                    && let Ok(image) = compile(&unit, &target)
                {
                    cache.store(&unit, &target, &image);
                }
            }
        }
    }
}

#[test]
fn every_operator_agrees_with_its_reference_on_the_gpu() {
    let Some(_gpu) = equilayer_cuda_tests::gpu() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let cases = cases::all();
    let mut covered = BTreeSet::new();
    let mut failures = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| compile_from_the_end(folder.path()));
        for case in &cases {
            if let Err(failure) = check(case, folder.path(), &mut covered) {
                failures.push(format!("{}: {failure}", case.name));
            }
        }
    });
    assert!(
        failures.is_empty(),
        "{} of {} cases failed:\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
    let graph_only = ["Input", "State", "Constant", "Output", "Assign", "View", "Pick"];
    let missing: Vec<_> = Op::VARIANTS
        .iter()
        .filter(|variant| !covered.contains(**variant) && !graph_only.contains(variant))
        .collect();
    assert!(missing.is_empty(), "operators without a case: {missing:?}");
}
