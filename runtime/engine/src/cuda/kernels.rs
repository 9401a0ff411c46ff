//! Loaded kernels by name.

use std::ffi::{CString, c_void};
use std::sync::Arc;

use cudarc::driver::{DriverError, result, sys};
use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::compile::{Image, Target, compile};
use super::device::Device;
use super::error::{DeviceError, failed};
use super::kernel_cache::KernelCache;
use super::lower::{FRAGMENTS, PRELUDE};
use super::task::Kernel;
use crate::error::Error;

/// Kernels compiled together: enough that the start of the compiler does not count, few enough that several threads
/// have work.
pub const UNIT: usize = 24;

/// All kernels that an executor has loaded.
pub struct Kernels {
    device: Arc<Device>,
    target: Target,
    cache: Option<KernelCache>,
    modules: Vec<sys::CUmodule>,
    functions: FxHashMap<String, sys::CUfunction>,
}

// SAFETY: modules and functions belong to the context, not to a thread.
unsafe impl Send for Kernels {}

impl Kernels {
    /// No kernels yet.
    pub fn new(device: &Arc<Device>, cache: Option<KernelCache>) -> Result<Kernels, DeviceError> {
        let target = Target::of(device.info().capability)?;
        let device = device.clone();
        Ok(Kernels { device, target, cache, modules: Vec::new(), functions: FxHashMap::default() })
    }

    /// Compiles and loads what is not there yet.
    pub fn load(&mut self, kernels: &[Arc<Kernel>]) -> Result<(), Error> {
        let missing: Vec<&Arc<Kernel>> =
            kernels.iter().filter(|kernel| !self.functions.contains_key(&kernel.name)).collect();
        let (target, cache) = (&self.target, self.cache.as_ref());
        let images: Vec<Image> = missing
            .par_chunks(UNIT)
            .map(|unit| image(&translation_unit(unit), target, cache))
            .collect::<Result<_, _>>()?;
        self.device.stream()?;
        for (unit, image) in missing.chunks(UNIT).zip(images) {
            let module = load_image(&image)?;
            self.modules.push(module);
            for kernel in unit {
                let name = CString::new(kernel.name.as_str()).unwrap_or_default();
                // SAFETY: the module was just loaded and stays so as long as its functions are known.
                let function = unsafe { result::module::get_function(module, name) };
                let function = function.map_err(failed("cuModuleGetFunction"))?;
                self.functions.insert(kernel.name.clone(), function);
            }
        }
        Ok(())
    }

    /// Puts a kernel on the device's stream. It was loaded before.
    pub fn launch(
        &self,
        kernel: &Kernel,
        blocks: u32,
        arguments: &[sys::CUdeviceptr],
    ) -> Result<(), DeviceError> {
        let Some(&function) = self.functions.get(&kernel.name) else { return Ok(()) };
        let stream = self.device.stream()?.cu_stream();
        let mut parameters: Vec<*mut c_void> =
            arguments.iter().map(|argument| std::ptr::from_ref(argument).cast_mut().cast()).collect();
        // SAFETY: a kernel takes as many pointers as its launch has arguments, and they live until the call returns.
        unsafe {
            result::launch_kernel(
                function,
                (blocks, 1, 1),
                (kernel.threads, 1, 1),
                0,
                stream,
                &mut parameters,
            )
        }
        .map_err(failed("cuLaunchKernel"))
    }
}

impl Drop for Kernels {
    fn drop(&mut self) {
        let context = self.device.context();
        context.record_err(context.bind_to_thread());
        for &module in &self.modules {
            // SAFETY: loaded once, unloaded once; nothing launches its functions any more.
            context.record_err(unsafe { result::module::unload(module) });
        }
    }
}

/// What all of these kernels look like to the compiler.
pub fn translation_unit(kernels: &[&Arc<Kernel>]) -> String {
    let sources = kernels.iter().map(|kernel| kernel.source.as_str());
    [PRELUDE, FRAGMENTS].into_iter().chain(sources).collect::<Vec<_>>().join("\n")
}

fn image(source: &str, target: &Target, cache: Option<&KernelCache>) -> Result<Image, DeviceError> {
    if let Some(image) = cache.and_then(|cache| cache.load(source, target)) {
        return Ok(image);
    }
    let image = compile(source, target)?;
    if let Some(cache) = cache {
        cache.store(source, target, &image);
    }
    Ok(image)
}

/// Loads machine code, or PTX where the driver does not take that.
fn load_image(image: &Image) -> Result<sys::CUmodule, DeviceError> {
    use sys::CUresult::{CUDA_ERROR_INVALID_IMAGE, CUDA_ERROR_NO_BINARY_FOR_GPU};
    // SAFETY: NVRTC made both images; PTX ends in a zero.
    let load = |image: &[u8]| unsafe { result::module::load_data(image.as_ptr().cast()) };
    let loaded = match image.cubin.is_empty() {
        true => load(&image.ptx),
        false => match load(&image.cubin) {
            Err(DriverError(CUDA_ERROR_INVALID_IMAGE | CUDA_ERROR_NO_BINARY_FOR_GPU)) => load(&image.ptx),
            loaded => loaded,
        },
    };
    loaded.map_err(failed("cuModuleLoadData"))
}
