//! The C functions luminal_cuda calls, each forwarded to the library that has it, opened when first needed.
//!
//! luminal_cuda links against the driver, NVRTC and cuBLAS, so a binary with it would not even start where one of
//! them is missing, nor build. Told not to link (its feature `ci-check`), it leaves these functions undefined. They
//! are defined here instead: a binary builds and starts anywhere, and a function whose library is not there returns
//! its library's own code for that.
//!
//! Arguments are passed on as they come. Handles, enumerations and pointers keep their size and class, which is all
//! the C calling convention looks at.

use std::ffi::{c_char, c_int, c_longlong, c_uchar, c_uint, c_ulonglong, c_void};
use std::sync::OnceLock;

use libloading::Library;

/// Any pointer or handle.
type Pointer = *mut c_void;
/// `CUdeviceptr`.
type Address = c_ulonglong;

/// A shared library, under the names it goes by, the newest first.
pub(super) struct Shared {
    /// What to call it in a message.
    pub(super) title: &'static str,
    /// What it is looked for as.
    pub(super) names: &'static [&'static str],
    library: OnceLock<Option<Library>>,
}

pub(super) static DRIVER: Shared =
    Shared::new("the CUDA driver", &["libcuda.so.1", "libcuda.so", "nvcuda.dll"]);
pub(super) static NVRTC: Shared = Shared::new(
    "NVRTC",
    &["libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2", "libnvrtc.so", "nvrtc64_120_0.dll"],
);
pub(super) static CUBLAS: Shared = Shared::new(
    "cuBLAS",
    &["libcublas.so.13", "libcublas.so.12", "libcublas.so.11", "libcublas.so", "cublas64_12.dll"],
);

impl Shared {
    const fn new(title: &'static str, names: &'static [&'static str]) -> Self {
        Self { title, names, library: OnceLock::new() }
    }

    /// Whether the library is there.
    pub(super) fn is_there(&self) -> bool {
        self.library().is_some()
    }

    fn library(&self) -> Option<&Library> {
        let open = || {
            // SAFETY: the initialisers of these libraries are meant to run whenever a program loads them.
            self.names.iter().find_map(|name| unsafe { Library::new(*name) }.ok())
        };
        self.library.get_or_init(open).as_ref()
    }

    /// The address of a function; null where the library or the function is missing.
    fn address(&self, name: &str) -> usize {
        // SAFETY: only the address is taken; what calls it gives it its type.
        let find = |library| unsafe { Library::get::<Pointer>(library, name) }.map(|symbol| *symbol as usize);
        self.library().and_then(|library| find(library).ok()).unwrap_or_default()
    }
}

/// Defines C functions that forward to those of the same name in a library and return `$missing` without it.
macro_rules! forward {
    ($library:ident, $missing:literal: $($name:ident($($argument:ident: $type:ty),*);)*) => {$(
        // SAFETY (of the exported name): nothing else in the program defines it, since luminal_cudarc is told to
        // link no library.
        #[unsafe(no_mangle)]
        #[allow(non_snake_case)]
        unsafe extern "C" fn $name($($argument: $type),*) -> c_int {
            static ADDRESS: OnceLock<usize> = OnceLock::new();
            match *ADDRESS.get_or_init(|| $library.address(stringify!($name))) {
                0 => $missing,
                address => {
                    type Function = unsafe extern "C" fn($($type),*) -> c_int;
                    // SAFETY: the library's function of this name has this signature, by CUDA's headers.
                    let function = unsafe { std::mem::transmute::<usize, Function>(address) };
                    // SAFETY: the caller keeps the library's contract; the arguments pass unchanged.
                    unsafe { function($($argument),*) }
                }
            }
        }
    )*};
}

// CUDA_ERROR_NO_DEVICE
forward! { DRIVER, 100:
    cuCtxSetCurrent(context: Pointer);
    cuDeviceGet(device: Pointer, ordinal: c_int);
    cuDeviceGetAttribute(value: Pointer, attribute: c_int, device: c_int);
    cuDevicePrimaryCtxRelease_v2(device: c_int);
    cuDevicePrimaryCtxRetain(context: Pointer, device: c_int);
    cuEventCreate(event: Pointer, flags: c_uint);
    cuEventDestroy_v2(event: Pointer);
    cuGetErrorString(error: c_int, text: *mut *const c_char);
    cuInit(flags: c_uint);
    cuLaunchKernel(
        function: Pointer,
        grid_x: c_uint, grid_y: c_uint, grid_z: c_uint,
        block_x: c_uint, block_y: c_uint, block_z: c_uint,
        shared_bytes: c_uint, stream: Pointer, arguments: Pointer, extra: Pointer
    );
    cuMemAllocAsync(address: *mut Address, bytes: usize, stream: Pointer);
    cuMemAlloc_v2(address: *mut Address, bytes: usize);
    cuMemFreeAsync(address: Address, stream: Pointer);
    cuMemFree_v2(address: Address);
    cuMemcpyDtoDAsync_v2(to: Address, from: Address, bytes: usize, stream: Pointer);
    cuMemcpyDtoD_v2(to: Address, from: Address, bytes: usize);
    cuMemcpyDtoHAsync_v2(to: Pointer, from: Address, bytes: usize, stream: Pointer);
    cuMemcpyDtoH_v2(to: Pointer, from: Address, bytes: usize);
    cuMemcpyHtoDAsync_v2(to: Address, from: Pointer, bytes: usize, stream: Pointer);
    cuMemcpyHtoD_v2(to: Address, from: Pointer, bytes: usize);
    cuMemsetD8Async(address: Address, byte: c_uchar, count: usize, stream: Pointer);
    cuMemsetD8_v2(address: Address, byte: c_uchar, count: usize);
    cuModuleGetFunction(function: Pointer, module: Pointer, name: Pointer);
    cuModuleLoad(module: Pointer, path: Pointer);
    cuModuleLoadData(module: Pointer, image: Pointer);
    cuModuleUnload(module: Pointer);
    cuStreamDestroy_v2(stream: Pointer);
    cuStreamSynchronize(stream: Pointer);
}

// CUBLAS_STATUS_NOT_INITIALIZED
forward! { CUBLAS, 1:
    cublasCreate_v2(handle: Pointer);
    cublasDestroy_v2(handle: Pointer);
    cublasSetStream_v2(handle: Pointer, stream: Pointer);
    cublasHgemm(
        handle: Pointer, transpose_a: c_int, transpose_b: c_int, m: c_int, n: c_int, k: c_int,
        alpha: Pointer, a: Pointer, lda: c_int, b: Pointer, ldb: c_int,
        beta: Pointer, c: Pointer, ldc: c_int
    );
    cublasSgemm_v2(
        handle: Pointer, transpose_a: c_int, transpose_b: c_int, m: c_int, n: c_int, k: c_int,
        alpha: Pointer, a: Pointer, lda: c_int, b: Pointer, ldb: c_int,
        beta: Pointer, c: Pointer, ldc: c_int
    );
    cublasHgemmStridedBatched(
        handle: Pointer, transpose_a: c_int, transpose_b: c_int, m: c_int, n: c_int, k: c_int,
        alpha: Pointer, a: Pointer, lda: c_int, stride_a: c_longlong,
        b: Pointer, ldb: c_int, stride_b: c_longlong,
        beta: Pointer, c: Pointer, ldc: c_int, stride_c: c_longlong, batch: c_int
    );
    cublasSgemmStridedBatched(
        handle: Pointer, transpose_a: c_int, transpose_b: c_int, m: c_int, n: c_int, k: c_int,
        alpha: Pointer, a: Pointer, lda: c_int, stride_a: c_longlong,
        b: Pointer, ldb: c_int, stride_b: c_longlong,
        beta: Pointer, c: Pointer, ldc: c_int, stride_c: c_longlong, batch: c_int
    );
}

// NVRTC_ERROR_INTERNAL_ERROR
forward! { NVRTC, 11:
    nvrtcCompileProgram(program: Pointer, count: c_int, options: Pointer);
    nvrtcCreateProgram(
        program: Pointer, source: Pointer, name: Pointer, count: c_int, headers: Pointer, names: Pointer
    );
    nvrtcDestroyProgram(program: Pointer);
    nvrtcGetPTX(program: Pointer, ptx: Pointer);
    nvrtcGetPTXSize(program: Pointer, size: *mut usize);
    nvrtcGetProgramLog(program: Pointer, log: Pointer);
    nvrtcGetProgramLogSize(program: Pointer, size: *mut usize);
}

/// Starts the driver and asks for its first device; the driver's error code where there is none.
pub(super) fn first_device() -> Result<(), c_int> {
    let mut device: c_int = 0;
    // SAFETY: `cuInit` takes no pointers, and `cuDeviceGet` writes one integer to the address it is given.
    let codes = unsafe { [cuInit(0), cuDeviceGet((&raw mut device).cast(), 0)] };
    codes.into_iter().find(|&code| code != 0).map_or(Ok(()), Err)
}
