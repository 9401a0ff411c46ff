//! `cublas*`: handles, and the gemm family.

use std::ffi::{c_int, c_longlong, c_uint, c_void};

use half::f16;

use super::gemm::{Activation, DataType, Epilogue, Gemm, Matrix, Precision};
use super::translate;
use crate::api::{Needs, call, give};
use crate::state::Handle;
use crate::status::{Outcome, Status};
use crate::work::Work;

const COMPUTE_32F: c_uint = 68;
const COMPUTE_64F: c_uint = 70;
const R_32F: c_uint = 0;
const R_64F: c_uint = 1;

#[unsafe(no_mangle)]
unsafe extern "C" fn cublasCreate_v2(handle: *mut Handle) -> u32 {
    translate(call("cublasCreate_v2", Needs::Context, |state| {
        let created = state.handle();
        // SAFETY: the caller's pointer, as documented.
        unsafe { give(handle, created) }?;
        state.blas.insert(created, 0);
        Ok(())
    }))
}

#[unsafe(no_mangle)]
extern "C" fn cublasDestroy_v2(handle: Handle) -> u32 {
    translate(call("cublasDestroy_v2", Needs::Release, |state| {
        state.blas.remove(&handle).map(|_| ()).ok_or(Status::NOT_INITIALIZED)
    }))
}

#[unsafe(no_mangle)]
extern "C" fn cublasSetStream_v2(handle: Handle, stream: Handle) -> u32 {
    translate(call("cublasSetStream_v2", Needs::Context, |state| {
        *state.blas.get_mut(&handle).ok_or(Status::NOT_INITIALIZED)? = stream;
        Ok(())
    }))
}

#[unsafe(no_mangle)]
extern "C" fn cublasSetMathMode(_handle: Handle, _mode: c_uint) -> u32 {
    translate(call("cublasSetMathMode", Needs::Context, |_| Ok(())))
}

#[unsafe(no_mangle)]
extern "C" fn cublasSetWorkspace_v2(_handle: Handle, _workspace: u64, _bytes: usize) -> u32 {
    translate(call("cublasSetWorkspace_v2", Needs::Context, |_| Ok(())))
}

/// The sizes and strides of a gemm, as C hands them over.
struct Sizes {
    transposed: [c_uint; 2],
    sizes: [c_int; 3],
    leading: [c_int; 3],
    strides: [c_longlong; 3],
    kinds: [c_uint; 3],
    batch: c_int,
}

fn gemm(
    name: &'static str,
    handle: Handle,
    sizes: &Sizes,
    addresses: [u64; 3],
    scales: impl FnOnce() -> Outcome<(f64, f64)>,
    compute: c_uint,
) -> u32 {
    translate(call(name, Needs::Context, |state| {
        let size = |value: c_int| usize::try_from(value).map_err(|_| Status::INVALID_VALUE);
        let matrix = |index: usize, transposed: c_uint| -> Outcome<Matrix> {
            Ok(Matrix {
                address: addresses[index],
                kind: DataType::of(sizes.kinds[index])?,
                leading: size(sizes.leading[index])?,
                stride: sizes.strides[index],
                transposed: transposed != 0,
            })
        };
        let (alpha, beta) = scales()?;
        let c = matrix(2, 0)?;
        let gemm = Gemm {
            rows: size(sizes.sizes[0])?,
            columns: size(sizes.sizes[1])?,
            depth: size(sizes.sizes[2])?,
            batch: size(sizes.batch)?,
            alpha,
            beta,
            a: matrix(0, sizes.transposed[0])?,
            b: matrix(1, sizes.transposed[1])?,
            c,
            d: c,
            precision: Precision::of(compute)?,
            epilogue: Epilogue { bias: None, activation: Activation::None },
        };
        let stream = *state.blas.get(&handle).ok_or(Status::NOT_INITIALIZED)?;
        state.submit(stream, Work::Gemm(gemm))
    }))
}

/// Factors of the host's memory, of the type that goes with a compute type.
///
/// # Safety
/// Both point to such a value.
unsafe fn scales(alpha: *const c_void, beta: *const c_void, compute: c_uint) -> Outcome<(f64, f64)> {
    // SAFETY: of the type chosen, says the caller.
    let one = |pointer: *const c_void| unsafe {
        match compute {
            64 | 65 => pointer.cast::<f16>().read_unaligned().to_f64(),
            70 | 71 => pointer.cast::<f64>().read_unaligned(),
            _ => f64::from(pointer.cast::<f32>().read_unaligned()),
        }
    };
    if alpha.is_null() || beta.is_null() {
        return Err(Status::INVALID_VALUE);
    }
    Ok((one(alpha), one(beta)))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cublasGemmStridedBatchedEx(
    handle: Handle,
    transposed_a: c_uint,
    transposed_b: c_uint,
    m: c_int,
    n: c_int,
    k: c_int,
    alpha: *const c_void,
    a: u64,
    kind_a: c_uint,
    leading_a: c_int,
    stride_a: c_longlong,
    b: u64,
    kind_b: c_uint,
    leading_b: c_int,
    stride_b: c_longlong,
    beta: *const c_void,
    c: u64,
    kind_c: c_uint,
    leading_c: c_int,
    stride_c: c_longlong,
    batch: c_int,
    compute: c_uint,
    _algorithm: c_int,
) -> u32 {
    let sizes = Sizes {
        transposed: [transposed_a, transposed_b],
        sizes: [m, n, k],
        leading: [leading_a, leading_b, leading_c],
        strides: [stride_a, stride_b, stride_c],
        kinds: [kind_a, kind_b, kind_c],
        batch,
    };
    // SAFETY: factors of the type of `compute`, as documented.
    let scales = || unsafe { scales(alpha, beta, compute) };
    gemm("cublasGemmStridedBatchedEx", handle, &sizes, [a, b, c], scales, compute)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cublasGemmEx(
    handle: Handle,
    transposed_a: c_uint,
    transposed_b: c_uint,
    m: c_int,
    n: c_int,
    k: c_int,
    alpha: *const c_void,
    a: u64,
    kind_a: c_uint,
    leading_a: c_int,
    b: u64,
    kind_b: c_uint,
    leading_b: c_int,
    beta: *const c_void,
    c: u64,
    kind_c: c_uint,
    leading_c: c_int,
    compute: c_uint,
    _algorithm: c_int,
) -> u32 {
    let sizes = Sizes {
        transposed: [transposed_a, transposed_b],
        sizes: [m, n, k],
        leading: [leading_a, leading_b, leading_c],
        strides: [0; 3],
        kinds: [kind_a, kind_b, kind_c],
        batch: 1,
    };
    // SAFETY: factors of the type of `compute`, as documented.
    let scales = || unsafe { scales(alpha, beta, compute) };
    gemm("cublasGemmEx", handle, &sizes, [a, b, c], scales, compute)
}

/// Gemms of one type: `cublasSgemm` and its like, alone and in batches.
macro_rules! gemm_of_type {
    ($single:ident, $batched:ident, $type:ty, $kind:expr, $compute:expr) => {
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $single(
            handle: Handle,
            transposed_a: c_uint,
            transposed_b: c_uint,
            m: c_int,
            n: c_int,
            k: c_int,
            alpha: *const $type,
            a: u64,
            leading_a: c_int,
            b: u64,
            leading_b: c_int,
            beta: *const $type,
            c: u64,
            leading_c: c_int,
        ) -> u32 {
            let sizes = Sizes {
                transposed: [transposed_a, transposed_b],
                sizes: [m, n, k],
                leading: [leading_a, leading_b, leading_c],
                strides: [0; 3],
                kinds: [$kind; 3],
                batch: 1,
            };
            // SAFETY: factors of this type, as documented.
            let scales = || unsafe { scales(alpha.cast(), beta.cast(), $compute) };
            gemm(stringify!($single), handle, &sizes, [a, b, c], scales, $compute)
        }

        #[unsafe(no_mangle)]
        unsafe extern "C" fn $batched(
            handle: Handle,
            transposed_a: c_uint,
            transposed_b: c_uint,
            m: c_int,
            n: c_int,
            k: c_int,
            alpha: *const $type,
            a: u64,
            leading_a: c_int,
            stride_a: c_longlong,
            b: u64,
            leading_b: c_int,
            stride_b: c_longlong,
            beta: *const $type,
            c: u64,
            leading_c: c_int,
            stride_c: c_longlong,
            batch: c_int,
        ) -> u32 {
            let sizes = Sizes {
                transposed: [transposed_a, transposed_b],
                sizes: [m, n, k],
                leading: [leading_a, leading_b, leading_c],
                strides: [stride_a, stride_b, stride_c],
                kinds: [$kind; 3],
                batch,
            };
            // SAFETY: factors of this type, as documented.
            let scales = || unsafe { scales(alpha.cast(), beta.cast(), $compute) };
            gemm(stringify!($batched), handle, &sizes, [a, b, c], scales, $compute)
        }
    };
}

gemm_of_type!(cublasSgemm_v2, cublasSgemmStridedBatched, f32, R_32F, COMPUTE_32F);
gemm_of_type!(cublasDgemm_v2, cublasDgemmStridedBatched, f64, R_64F, COMPUTE_64F);
