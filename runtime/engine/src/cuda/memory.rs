//! Memory of a GPU, and memory of the host that a GPU reads by itself.

use std::sync::Arc;

use cudarc::driver::{DriverError, result, sys};

use super::device::Device;
use super::error::{DeviceError, failed};
use crate::error::Error;

/// `f32` memory of a GPU. What it holds at first is undefined.
#[derive(Debug)]
pub struct DeviceMemory {
    pointer: sys::CUdeviceptr,
    elements: usize,
    device: Arc<Device>,
}

impl DeviceMemory {
    /// Memory for so many elements; none is taken for none.
    pub fn new(device: &Arc<Device>, elements: usize, what: &str) -> Result<DeviceMemory, Error> {
        let mut memory = DeviceMemory { pointer: 0, elements, device: device.clone() };
        if elements == 0 {
            return Ok(memory);
        }
        device.stream()?;
        let needed = elements.saturating_mul(4);
        // SAFETY: the context is current; the memory is freed once, by `Drop`.
        match unsafe { result::malloc_sync(needed) } {
            Ok(pointer) => {
                memory.pointer = pointer;
                Ok(memory)
            }
            Err(DriverError(sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY)) => {
                let available = match result::mem_get_info() {
                    Ok((free, total)) => format!("the GPU has {free} of {total} bytes free"),
                    Err(_) => "the GPU has not so many free".into(),
                };
                Err(Error::OutOfMemory { what: what.into(), needed, available })
            }
            Err(error) => Err(failed("cuMemAlloc")(error).into()),
        }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.elements
    }

    /// Address of the element with this number.
    pub fn at(&self, element: usize) -> sys::CUdeviceptr {
        self.pointer + 4 * element as sys::CUdeviceptr
    }

    /// Copies values in, from element `start` on. They may be dropped at once.
    pub fn write(&self, start: usize, values: &[f32]) -> Result<(), DeviceError> {
        if values.is_empty() || start + values.len() > self.elements {
            return Ok(());
        }
        let stream = self.device.stream()?.cu_stream();
        // SAFETY: the range lies in the memory; the driver copies pageable memory before it returns.
        unsafe { result::memcpy_htod_async(self.at(start), values, stream) }
            .map_err(failed("cuMemcpyHtoDAsync"))
    }

    /// Waits for all work, then copies values out.
    pub fn read(&self, start: usize, elements: usize) -> Result<Vec<f32>, DeviceError> {
        let mut values = vec![0.0; elements];
        if elements > 0 && start + elements <= self.elements {
            let stream = self.device.stream()?.cu_stream();
            // SAFETY: the range lies in the memory, and the vector lives until the copy has ended.
            unsafe { result::memcpy_dtoh_async(&mut values, self.at(start), stream) }
                .map_err(failed("cuMemcpyDtoHAsync"))?;
            self.device.synchronize()?;
        }
        Ok(values)
    }
}

/// `f32` memory of the host that stays where it is, so that a GPU copies from it while the host goes on.
#[derive(Debug)]
pub struct PinnedMemory {
    pointer: *mut f32,
    elements: usize,
    device: Arc<Device>,
}

// SAFETY: the memory is this value's alone, whatever the thread.
unsafe impl Send for PinnedMemory {}

impl PinnedMemory {
    /// Memory for so many elements; none is taken for none.
    pub fn new(device: &Arc<Device>, elements: usize) -> Result<PinnedMemory, Error> {
        let mut memory = PinnedMemory { pointer: std::ptr::null_mut(), elements, device: device.clone() };
        if elements == 0 {
            return Ok(memory);
        }
        device.stream()?;
        let needed = elements.saturating_mul(4);
        // Written here and read by the GPU alone: write-combined, which the host's caches do without.
        let flags = sys::CU_MEMHOSTALLOC_WRITECOMBINED;
        // SAFETY: the context is current; the memory is freed once, by `Drop`.
        match unsafe { result::malloc_host(needed, flags) } {
            Ok(pointer) => {
                memory.pointer = pointer.cast();
                Ok(memory)
            }
            Err(DriverError(sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY)) => {
                let available = "the host has not so many to pin".into();
                Err(Error::OutOfMemory { what: "inputs of the next step".into(), needed, available })
            }
            Err(error) => Err(failed("cuMemHostAlloc")(error).into()),
        }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.elements
    }

    /// Writes values from element `start` on.
    pub fn fill(&mut self, start: usize, values: &[f32]) {
        if values.is_empty() || start + values.len() > self.elements {
            return;
        }
        // SAFETY: the range lies in the memory, which is borrowed exclusively and holds no slice.
        unsafe { std::ptr::copy_nonoverlapping(values.as_ptr(), self.pointer.add(start), values.len()) };
    }

    /// The first elements, all of which were written.
    pub fn first(&self, elements: usize) -> &[f32] {
        match self.pointer.is_null() {
            true => &[],
            // SAFETY: so many lie in the memory; the driver gave it aligned to a page.
            false => unsafe { std::slice::from_raw_parts(self.pointer, elements.min(self.elements)) },
        }
    }
}

impl Drop for PinnedMemory {
    fn drop(&mut self) {
        if !self.pointer.is_null() {
            let context = self.device.context();
            context.record_err(context.bind_to_thread());
            // SAFETY: allocated in `new`, freed once.
            context.record_err(unsafe { result::free_host(self.pointer.cast()) });
        }
    }
}

impl Drop for DeviceMemory {
    fn drop(&mut self) {
        if self.pointer != 0 {
            let context = self.device.context();
            context.record_err(context.bind_to_thread());
            // SAFETY: allocated in `new`, freed once; the driver waits for work that uses it.
            context.record_err(unsafe { result::free_sync(self.pointer) });
        }
    }
}
