//! Failures injected at every call of a small program: each comes out as an error, with nothing left behind.

use cudarc::driver::sys::{CUgraphInstantiate_flags_enum, CUresult, CUstreamCaptureMode};
use cudarc::driver::{CudaContext, DriverError, PushKernelArg, result};
use cudarc::nvrtc::Ptx;
use equilayer_cuda_tests::{Failure, Session, Settings, Status, gpu};

use crate::device::{blocks, compile};

const SOURCE: &str = "extern \"C\" __global__ void twice(float* a) { a[threadIdx.x] *= 2.f; }";
const FLAGS: CUgraphInstantiate_flags_enum =
    CUgraphInstantiate_flags_enum::CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH;

/// Memory, a kernel alone and in a graph, and the way back.
fn program(ptx: Ptx) -> Result<Vec<f32>, DriverError> {
    let context = CudaContext::new(0)?;
    // SAFETY: one stream.
    unsafe { context.disable_event_tracking() };
    let stream = context.new_stream()?;
    let kernel = context.load_module(ptx)?.load_function("twice")?;
    let mut numbers = stream.clone_htod(&[1f32; 32])?;
    let mut launch = stream.launch_builder(&kernel);
    launch.arg(&mut numbers);
    // SAFETY: the argument is the kernel's, and there are as many numbers as threads.
    unsafe { launch.launch(blocks(1, 32)) }?;
    stream.begin_capture(CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_RELAXED)?;
    // SAFETY: as above.
    let launched = unsafe { launch.launch(blocks(1, 32)) };
    // A capture is ended whatever came of it: memory cannot be given back while it lasts.
    let graph = stream.end_capture(FLAGS);
    if graph.is_err() {
        // `cudarc` asks for the context first; where that failed, the capture goes on.
        // SAFETY: the stream is alive; if it captures no more, the driver says so.
        let _ = unsafe { result::stream::end_capture(stream.cu_stream()) };
    }
    launched?;
    if let Some(graph) = graph? {
        graph.launch()?;
        stream.synchronize()?;
    }
    stream.clone_dtoh(&numbers)
}

fn calls_of_program(ptx: &Ptx) -> Vec<&'static str> {
    let session = Session::new(Settings::default()).unwrap();
    assert_eq!(program(ptx.clone()).unwrap(), [4f32; 32]);
    let calls = session.calls();
    assert_eq!((session.counters().memory.live_allocations, session.counters().objects), (0, 0), "{calls:?}");
    calls
}

#[test]
fn every_failure_comes_out_and_leaves_no_memory_behind() {
    let Some(gpu) = gpu() else { return };
    if gpu.emulated().is_none() {
        return; // A GPU fails when it will.
    }
    drop(gpu);
    let ptx = compile(SOURCE, &[]);
    let calls = calls_of_program(&ptx);
    assert!(calls.len() > 20, "{calls:?}");
    // What comes after the result only gives back, and `cudarc` keeps failures of that to itself.
    let result_at = calls.iter().rposition(|call| *call == "cuMemcpyDtoHAsync_v2").unwrap();
    for (status, lasting) in
        [(Status::OUT_OF_MEMORY, false), (Status::LAUNCH_FAILED, true), (Status::ECC_UNCORRECTABLE, true)]
    {
        for (number, call) in calls.iter().enumerate() {
            let session = Session::new(Settings::default()).unwrap();
            session.fail(Failure { call: number, status, lasting });
            let result = program(ptx.clone());
            match &result {
                Err(DriverError(found)) => {
                    assert_eq!(*found as u32, status.code(), "{call} (call {number}) gave {found:?}");
                }
                Ok(_) => assert!(number > result_at, "{call} (call {number}) failed, and nobody heard of it"),
            }
            let counters = session.counters();
            assert_eq!(counters.memory.live_allocations, 0, "after {call} (call {number}) failed");
            assert_eq!(counters.pinned, 0);
        }
    }
}

#[test]
fn a_lost_device_stays_lost() {
    let Some(gpu) = gpu() else { return };
    let Some(session) = gpu.emulated() else { return };
    let context = CudaContext::new(0).unwrap();
    let stream = context.new_stream().unwrap();
    session.fail(Failure { call: session.calls().len(), status: Status::LAUNCH_FAILED, lasting: true });
    for _ in 0..3 {
        assert_eq!(stream.synchronize().unwrap_err().0, CUresult::CUDA_ERROR_LAUNCH_FAILED);
    }
    assert!(session.reports().iter().any(|report| report.contains("an injected failure")));
}

#[test]
fn no_device_is_no_device() {
    let session = equilayer_cuda_tests::session(Settings { devices: 0, ..Settings::default() });
    let refused = CudaContext::new(0).unwrap_err();
    assert_eq!(refused.0, CUresult::CUDA_ERROR_NO_DEVICE);
    assert_eq!(session.calls(), ["cuInit"]);
}
