//! cuBLAS and cuBLASLt, as far as `cudarc` calls them: column-major products of matrices with exact checks of what they
//! read and write.

mod classic;
mod gemm;
mod light;

pub(crate) use gemm::Gemm;

use crate::status::Status;

/// `cublasStatus_t`
mod blas_status {
    pub const INVALID_VALUE: u32 = 7;
    pub const ALLOC_FAILED: u32 = 3;
    pub const EXECUTION_FAILED: u32 = 13;
    pub const NOT_INITIALIZED: u32 = 1;
    pub const NOT_SUPPORTED: u32 = 15;
}

/// What cuBLAS makes of the result of a driver's call.
fn translate(status: u32) -> u32 {
    match status {
        0 => 0,
        code if code == Status::INVALID_VALUE.code() => blas_status::INVALID_VALUE,
        code if code == Status::NOT_SUPPORTED.code() => blas_status::NOT_SUPPORTED,
        code if code == Status::OUT_OF_MEMORY.code() => blas_status::ALLOC_FAILED,
        code if code == Status::NOT_INITIALIZED.code() || code == Status::INVALID_CONTEXT.code() => {
            blas_status::NOT_INITIALIZED
        }
        _ => blas_status::EXECUTION_FAILED,
    }
}
