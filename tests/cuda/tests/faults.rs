//! Every call of the driver and of cuBLASLt that the executor makes fails once, in turn: an error comes out, nothing is
//! left on the GPU, and a run's checkpoint is what it was.

use std::path::Path;

use equilayer_cuda_tests::{Failure, Session, Settings, Status, gpu};
use equilayer_engine::optim::{Optimizer, SgdOptions};
use equilayer_engine::{
    CompileOptions, CudaExecutor, CudaOptions, Error, Executor, Graph, Init, Outputs, Plan,
};

/// A training step with everything that the executor asks of the driver: kernels, a product by cuBLASLt, a copy from
/// state to state, a constant, scratch memory.
fn plan(optimizer: &Optimizer) -> Plan {
    let graph = Graph::new();
    let x = graph.input("x", [4, 8]);
    let weight = graph.parameter("weight", [8, 8], Init::XavierUniform);
    let bias = graph.parameter("bias", [8], Init::Constant(0.0));
    let scale = graph.constant([8], (0..8).map(|number| 1.0 + number as f32).collect::<Vec<_>>());
    let y = (x.matmul(&weight) + &bias) * scale;
    let loss = y.softmax(-1).square().mean_all();
    graph.output("loss", &loss);
    let parameters = [weight, bias];
    let gradients = graph.gradients(&loss, &parameters).expect("both are reached");
    optimizer.apply(&graph, &parameters, &gradients).expect("a gradient each");
    graph.compile(&CompileOptions::new()).expect("a sound graph")
}

/// Sets up an executor, runs a plan task by task, recorded and repeated, with inputs that are sent ahead, and reads its
/// state. Says too how many calls that took: those that follow give back, and there is nobody to be told of them.
fn program(kernels: &Path, session: &Session) -> Result<((Outputs, Vec<f32>), usize), Error> {
    let optimizer = Optimizer::sgd(SgdOptions::default());
    let plan = plan(&optimizer);
    let x: Vec<f32> = (0..32).map(|number| (number as f32).sin()).collect();
    let hyper = optimizer.hyper(0, 0.1, 0.0);
    let mut inputs: Vec<(&str, &[f32])> =
        hyper.iter().map(|(name, values)| (name.as_str(), &values[..])).collect();
    inputs.push(("x", &x));
    let options = CudaOptions { kernel_cache: Some(kernels.to_path_buf()), ..CudaOptions::default() };
    let mut executor = CudaExecutor::new(options)?;
    executor.prepare(&plan)?;
    executor.set_state("bias", &[0.5; 8])?;
    executor.run(&plan, &inputs)?;
    let measured = executor.start(&plan, &inputs)?;
    executor.finish(&plan, measured)?;
    executor.send(&plan, &inputs)?;
    let started = executor.start(&plan, &inputs)?;
    executor.send(&plan, &inputs)?;
    executor.finish(&plan, started)?;
    let started = executor.start(&plan, &inputs)?;
    let (outputs, _) = executor.finish(&plan, started)?;
    let weight = executor.state("weight")?;
    Ok(((outputs, weight), session.calls().len()))
}

#[test]
fn every_failing_call_comes_out_as_an_error_and_leaves_nothing_behind() {
    let Some(gpu) = gpu() else { return };
    if gpu.emulated().is_none() {
        return; // A GPU fails when it will.
    }
    drop(gpu);
    let folder = tempfile::tempdir().expect("a folder");
    let kernels = folder.path().join("kernels");
    let session = Session::new(Settings::default()).expect("the fake driver");
    let (expected, told) = program(&kernels, &session).expect("nothing fails");
    let calls = session.calls();
    let counters = session.counters();
    assert_eq!((counters.memory.live_allocations, counters.objects, counters.pinned), (0, 0, 0), "{calls:?}");
    drop(session);
    assert!(calls.len() > 100 && calls.contains(&"cublasLtMatmul") && calls.contains(&"cuGraphLaunch"));
    let mut heard = 0;
    for (status, lasting) in
        [(Status::OUT_OF_MEMORY, false), (Status::LAUNCH_FAILED, true), (Status::ECC_UNCORRECTABLE, true)]
    {
        for (number, call) in calls.iter().enumerate() {
            let session = Session::new(Settings::default()).expect("the fake driver");
            session.fail(Failure { call: number, status, lasting });
            let place = format!("{call} (call {number}, {status:?})");
            match program(&kernels, &session) {
                Err(error) => {
                    heard += 1;
                    let text = error.to_string();
                    assert!(text.len() > 20 && !text.contains("panic"), "{place}: {text}");
                }
                Ok((found, _)) => {
                    assert_eq!(found, expected, "{place}: other results, and no error");
                    assert!(number >= told || !lasting, "{place}: nobody heard of it");
                }
            }
            let counters = session.counters();
            assert_eq!(counters.memory.live_allocations, 0, "{place}: memory is left on the GPU");
            // `cudarc` keeps a context that it cannot ask for its attributes.
            let kept = usize::from(*call == "cuDeviceGetAttribute");
            assert!(counters.objects <= kept && counters.pinned == 0, "{place}: {counters:?} is left");
        }
    }
    println!("{} calls, each failing in 3 ways: {heard} errors, no leak", calls.len());
}
