//! One GPU: its context and the stream that all work of an executor is put on.

use std::sync::Arc;

use cudarc::driver::{CudaContext, CudaStream, DriverError, result, sys};

use super::error::{DeviceError, failed};
use super::library;

/// The least compute capability: shuffles, independent threads and cuBLASLt as they are used.
const NEEDED: (i32, i32) = (7, 0);

/// What is known of a GPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Its number, as in `cuda:0`.
    pub ordinal: usize,
    /// Its name.
    pub name: String,
    /// Compute capability.
    pub capability: (i32, i32),
    /// Bytes of memory.
    pub memory: usize,
    /// Multiprocessors.
    pub multiprocessors: usize,
}

/// All GPUs that the driver shows; none is no error.
///
/// # Errors
/// No driver, or one that does not start.
pub fn devices() -> Result<Vec<DeviceInfo>, DeviceError> {
    (0..count()?).map(describe).collect()
}

fn count() -> Result<usize, DeviceError> {
    library::driver()?;
    match result::init() {
        Ok(()) => {}
        Err(DriverError(sys::CUresult::CUDA_ERROR_NO_DEVICE)) => return Ok(0),
        Err(error) => return Err(failed("cuInit")(error)),
    }
    let count = result::device::get_count().map_err(failed("cuDeviceGetCount"))?;
    Ok(usize::try_from(count).unwrap_or(0))
}

fn describe(ordinal: usize) -> Result<DeviceInfo, DeviceError> {
    let device = result::device::get(ordinal as i32).map_err(failed("cuDeviceGet"))?;
    let attribute = |attribute| {
        // SAFETY: the device was just given by the driver.
        unsafe { result::device::get_attribute(device, attribute) }.map_err(failed("cuDeviceGetAttribute"))
    };
    use sys::CUdevice_attribute as A;
    Ok(DeviceInfo {
        ordinal,
        name: result::device::get_name(device).map_err(failed("cuDeviceGetName"))?,
        capability: (
            attribute(A::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
            attribute(A::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?,
        ),
        // SAFETY: as above.
        memory: unsafe { result::device::total_mem(device) }.map_err(failed("cuDeviceTotalMem"))?,
        multiprocessors: attribute(A::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)?.max(1) as usize,
    })
}

/// A GPU in use.
#[derive(Debug)]
pub struct Device {
    info: DeviceInfo,
    context: Arc<CudaContext>,
    stream: Arc<CudaStream>,
}

impl Device {
    /// Takes a GPU into use.
    pub fn open(ordinal: usize) -> Result<Device, DeviceError> {
        let found = count()?;
        if ordinal >= found {
            let found = match found {
                0 => "none".into(),
                1 => "one, number 0".into(),
                _ => format!("{found}, numbers 0 to {}", found - 1),
            };
            return Err(DeviceError::NoDevice { asked: ordinal, found });
        }
        library::compiler()?;
        library::products()?;
        let info = describe(ordinal)?;
        if info.capability < NEEDED {
            return Err(DeviceError::TooOld {
                ordinal,
                name: info.name,
                found: info.capability,
                needed: NEEDED,
            });
        }
        let context = CudaContext::new(ordinal).map_err(failed("cuDevicePrimaryCtxRetain"))?;
        let stream = context.new_stream().map_err(failed("cuStreamCreate"))?;
        Ok(Device { info, context, stream })
    }

    /// What is known of it.
    pub fn info(&self) -> &DeviceInfo {
        &self.info
    }

    /// Its stream, with the context current on this thread.
    pub fn stream(&self) -> Result<&Arc<CudaStream>, DeviceError> {
        self.context.bind_to_thread().map_err(failed("cuCtxSetCurrent"))?;
        Ok(&self.stream)
    }

    /// Waits for all work.
    pub fn synchronize(&self) -> Result<(), DeviceError> {
        self.stream.synchronize().map_err(failed("cuStreamSynchronize"))
    }

    /// Its context, for what must be freed in it.
    pub fn context(&self) -> &Arc<CudaContext> {
        &self.context
    }
}
