//! The libraries of CUDA that are loaded when the first GPU is asked for. Without this check, `cudarc` panics at the
//! first call of one that is missing.

use super::error::DeviceError;

/// What to do where a library of the CUDA toolkit is missing.
const TOOLKIT: &str = "Install CUDA 12 or 13 (the toolkit, or its packages for NVRTC and cuBLAS), put its folder of \
     libraries into LD_LIBRARY_PATH, or use the `cpu`";

/// That the driver is there.
pub fn driver() -> Result<(), DeviceError> {
    // SAFETY: it only tries to load the library.
    match unsafe { cudarc::driver::sys::is_culib_present() } {
        true => Ok(()),
        false => Err(DeviceError::NoLibrary {
            what: "the NVIDIA driver",
            names: "libcuda.so.1 (nvcuda.dll)",
            remedy: "Install the driver of the GPU, or use the `cpu`",
        }),
    }
}

/// That the compiler for kernels is there.
pub fn compiler() -> Result<(), DeviceError> {
    // SAFETY: as above.
    match unsafe { cudarc::nvrtc::sys::is_culib_present() } {
        true => Ok(()),
        false => Err(DeviceError::NoLibrary {
            what: "NVRTC, which compiles kernels for the GPU,",
            names: "libnvrtc.so, libnvrtc.so.13 and libnvrtc.so.12",
            remedy: TOOLKIT,
        }),
    }
}

/// That the library for matrix products is there.
pub fn products() -> Result<(), DeviceError> {
    // SAFETY: as above.
    match unsafe { cudarc::cublaslt::sys::is_culib_present() } {
        true => Ok(()),
        false => Err(DeviceError::NoLibrary {
            what: "cuBLASLt, which multiplies matrices on the GPU,",
            names: "libcublasLt.so, libcublasLt.so.13 and libcublasLt.so.12",
            remedy: TOOLKIT,
        }),
    }
}
