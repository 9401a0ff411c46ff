//! Streams, events, graphs and memory: what the driver promises, and what it refuses.

use cudarc::driver::sys::{CUgraphInstantiate_flags_enum, CUstreamCaptureMode};
use cudarc::driver::{CudaFunction, CudaSlice, CudaStream, DriverError, PushKernelArg};
use equilayer_cuda_tests::{Settings, gpu_with};

use crate::device::{Device, blocks};

const COUNT: usize = 64;
const ADD: &str = "extern \"C\" __global__ void add(const float* a, const float* b, float* c, unsigned n) { \
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x; if (i < n) c[i] = a[i] + b[i]; }";

const GLOBAL: CUstreamCaptureMode = CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_GLOBAL;
const FLAGS: CUgraphInstantiate_flags_enum =
    CUgraphInstantiate_flags_enum::CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH;

fn add(
    stream: &CudaStream,
    kernel: &CudaFunction,
    a: &CudaSlice<f32>,
    sum: &mut CudaSlice<f32>,
) -> Result<(), DriverError> {
    let count = COUNT as u32;
    let sum = &*sum;
    let mut launch = stream.launch_builder(kernel);
    launch.arg(sum).arg(a).arg(sum).arg(&count);
    // SAFETY: the arguments are the kernel's; each thread reads and writes its own place.
    unsafe { launch.launch(blocks(2, 32)) }.map(|_| ())
}

/// A device whose slices do no bookkeeping by events, which a capture would refuse.
fn device() -> Option<Device> {
    let device = Device::new()?;
    // SAFETY: one stream, or joined by hand.
    unsafe { device.context.disable_event_tracking() };
    Some(device)
}

#[test]
fn a_graph_runs_nothing_when_captured_and_all_when_launched() {
    let Some(device) = device() else { return };
    let kernel = device.module(ADD).load_function("add").unwrap();
    let stream = device.context.new_stream().unwrap();
    let a = stream.clone_htod(&[1f32; COUNT]).unwrap();
    let mut sum = stream.alloc_zeros::<f32>(COUNT).unwrap();
    stream.synchronize().unwrap();
    stream.begin_capture(GLOBAL).unwrap();
    add(&stream, &kernel, &a, &mut sum).unwrap();
    add(&stream, &kernel, &a, &mut sum).unwrap();
    let graph = stream.end_capture(FLAGS).unwrap().unwrap();
    if let Some(session) = device.gpu.emulated() {
        assert_eq!(session.counters().launches, 0);
    }
    for _ in 0..5 {
        graph.launch().unwrap();
    }
    assert_eq!(stream.clone_dtoh(&sum).unwrap(), [10f32; COUNT]);
    if let Some(session) = device.gpu.emulated() {
        assert_eq!((session.counters().launches, session.counters().graph_launches), (10, 5));
    }
}

#[test]
fn what_waits_breaks_a_capture() {
    let Some(device) = device() else { return };
    let stream = device.context.new_stream().unwrap();
    stream.begin_capture(GLOBAL).unwrap();
    assert!(stream.synchronize().unwrap_err().to_string().contains("STREAM_CAPTURE_UNSUPPORTED"));
    let ended = stream.end_capture(FLAGS).err().unwrap().to_string();
    assert!(ended.contains("STREAM_CAPTURE_INVALIDATED"), "{ended}");
    stream.synchronize().unwrap();
}

#[test]
fn a_capture_knows_nothing_of_events_before_it() {
    let Some(device) = device() else { return };
    let (stream, other) = (device.context.new_stream().unwrap(), device.context.new_stream().unwrap());
    let event = other.record_event(None).unwrap();
    stream.begin_capture(GLOBAL).unwrap();
    let refused = stream.wait(&event).unwrap_err().to_string();
    assert!(refused.contains("STREAM_CAPTURE_ISOLATION"), "{refused}");
    assert!(stream.end_capture(FLAGS).is_err());
}

#[test]
fn a_capture_takes_in_streams_and_wants_them_back() {
    let Some(device) = device() else { return };
    let kernel = device.module(ADD).load_function("add").unwrap();
    let (stream, other) = (device.context.new_stream().unwrap(), device.context.new_stream().unwrap());
    let a = stream.clone_htod(&[1f32; COUNT]).unwrap();
    let mut sum = stream.alloc_zeros::<f32>(COUNT).unwrap();
    device.context.synchronize().unwrap();
    for joined in [true, false] {
        stream.begin_capture(GLOBAL).unwrap();
        other.join(&stream).unwrap();
        add(&other, &kernel, &a, &mut sum).unwrap();
        if joined {
            stream.join(&other).unwrap();
        }
        match stream.end_capture(FLAGS) {
            Ok(graph) if joined => graph.unwrap().launch().unwrap(),
            Err(error) if !joined => {
                assert!(error.to_string().contains("STREAM_CAPTURE_UNJOINED"), "{error}");
            }
            other => panic!("joined {joined}: {}", other.is_ok()),
        }
    }
    assert_eq!(stream.clone_dtoh(&sum).unwrap(), [1f32; COUNT]);
}

#[test]
fn a_consumer_that_does_not_wait_reads_what_is_not_there() {
    for waits in [true, false] {
        let Some(device) = device() else { return };
        if device.gpu.emulated().is_none() {
            return; // On a GPU it may go well.
        }
        let kernel = device.module(ADD).load_function("add").unwrap();
        let (producer, consumer) =
            (device.context.new_stream().unwrap(), device.context.new_stream().unwrap());
        let a = producer.clone_htod(&[2f32; COUNT]).unwrap();
        // SAFETY: the kernel writes all of it.
        let mut sum = unsafe { producer.alloc::<f32>(COUNT) }.unwrap();
        let count = COUNT as u32;
        let mut launch = producer.launch_builder(&kernel);
        launch.arg(&a).arg(&a).arg(&mut sum).arg(&count);
        // SAFETY: the arguments are the kernel's.
        unsafe { launch.launch(blocks(2, 32)) }.unwrap();
        if waits {
            consumer.join(&producer).unwrap();
        }
        match consumer.clone_dtoh(&sum) {
            Ok(found) => assert!(waits && found == [4f32; COUNT]),
            Err(error) => assert!(!waits && error.to_string().contains("never written"), "{error}"),
        }
    }
}

#[test]
fn all_memory_comes_back() {
    for memory_pools in [true, false] {
        let Some(gpu) = gpu_with(Settings { memory_pools, ..Settings::default() }) else { return };
        let device = Device::of(gpu);
        let Some(session) = device.gpu.emulated() else { return };
        let before = session.counters();
        {
            let stream = device.context.new_stream().unwrap();
            let a = stream.clone_htod(&[1f32; 1000]).unwrap();
            let b = stream.clone_dtod(&a).unwrap();
            // SAFETY: written before it is read.
            let mut pinned = unsafe { device.context.alloc_pinned::<f32>(1000) }.unwrap();
            stream.memcpy_dtoh(&b, &mut pinned).unwrap();
            stream.synchronize().unwrap();
            assert_eq!(pinned.as_slice().unwrap(), [1f32; 1000]);
            assert_eq!(session.counters().memory.live_bytes - before.memory.live_bytes, 8000);
            assert_eq!(session.counters().pinned, 1);
        }
        device.context.synchronize().unwrap();
        let after = session.counters();
        assert_eq!(after.memory.live_allocations, before.memory.live_allocations, "pools: {memory_pools}");
        assert_eq!((after.pinned, after.objects), (before.pinned, before.objects));
    }
}

#[test]
fn more_memory_than_there_is_is_refused() {
    let Some(gpu) = gpu_with(Settings { memory: 1 << 20, ..Settings::default() }) else { return };
    let device = Device::of(gpu);
    let Some(_) = device.gpu.emulated() else { return };
    let held = device.stream.alloc_zeros::<u8>(1 << 19).unwrap();
    let refused = device.stream.alloc_zeros::<u8>((1 << 19) + 1).unwrap_err().to_string();
    assert!(refused.contains("524289 bytes asked for, 524288 of 1048576 free"), "{refused}");
    drop(held);
    device.stream.synchronize().unwrap();
    device.stream.alloc_zeros::<u8>(1 << 20).unwrap();
}
