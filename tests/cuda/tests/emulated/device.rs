//! Compiling, launching, comparing.

use std::sync::Arc;

use cudarc::driver::{CudaContext, CudaModule, CudaStream, LaunchConfig};
use cudarc::nvrtc::{CompileOptions, Ptx, compile_ptx_with_opts};
use equilayer_cuda_tests::{Gpu, gpu};

/// A GPU with a context and a stream.
pub struct Device {
    pub gpu: Gpu,
    pub context: Arc<CudaContext>,
    pub stream: Arc<CudaStream>,
}

impl Device {
    /// `None` where the test is to be skipped.
    pub fn new() -> Option<Self> {
        Some(Self::of(gpu()?))
    }

    pub fn of(gpu: Gpu) -> Self {
        let context = CudaContext::new(0).expect("a device");
        let stream = context.default_stream();
        Self { gpu, context, stream }
    }

    pub fn module(&self, source: &str) -> Arc<CudaModule> {
        self.module_with(source, &[])
    }

    pub fn module_with(&self, source: &str, options: &[&str]) -> Arc<CudaModule> {
        self.context.load_module(compile(source, options)).unwrap_or_else(|error| panic!("{error}"))
    }
}

/// The PTX of a source called `kernel.cu`, with line numbers.
pub fn compile(source: &str, options: &[&str]) -> Ptx {
    let options = CompileOptions {
        arch: Some("compute_80"),
        name: Some("kernel.cu".into()),
        options: options.iter().chain(&["-lineinfo"]).map(ToString::to_string).collect(),
        ..CompileOptions::default()
    };
    compile_ptx_with_opts(source, options).unwrap_or_else(|error| panic!("{error:?}"))
}

pub fn blocks(grid: u32, block: u32) -> LaunchConfig {
    LaunchConfig { grid_dim: (grid, 1, 1), block_dim: (block, 1, 1), shared_mem_bytes: 0 }
}

/// Numbers in [-1, 1) that look random.
pub fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed * 2 + 1;
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

/// # Panics
/// If a value is further from the wanted one than `tolerance`, relative to it or to 1.
#[track_caller]
pub fn assert_close(found: &[f32], wanted: &[f32], tolerance: f32) {
    assert_eq!(found.len(), wanted.len());
    for (index, (found, wanted)) in found.iter().zip(wanted).enumerate() {
        let error = (found - wanted).abs() / wanted.abs().max(1.0);
        assert!(error <= tolerance, "at {index}: {found} is not {wanted} within {tolerance:e}");
    }
}
