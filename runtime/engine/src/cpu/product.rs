//! One matrix product of any strides on the calling thread, by the kernels of the `gemm` crates or, where it suits, by
//! [`super::panel`].
//!
//! The crates' kernels choose their instructions themselves, and always the widest. Where others are asked for (see
//! [`super::instructions`]) their kernels for those are called one level below that choice.

use gemm_common::Parallelism;
use gemm_common::gemm::gemm_basic_generic;
use gemm_common::simd::MixedSimd;
use pulp::Arch;

use super::{instructions, panel};

/// Where a matrix begins, and how far apart its rows and its columns are.
#[derive(Clone, Copy)]
pub struct Strided<P> {
    /// Address of element (0, 0).
    pub start: P,
    /// Distance between rows, in elements.
    pub row_stride: isize,
    /// Distance between columns, in elements.
    pub col_stride: isize,
}

/// `C = factor · A · B`, or `C += factor · A · B`.
#[derive(Clone, Copy)]
pub struct Product {
    /// Rows of A and C, columns of A and rows of B, columns of B and C.
    pub sizes: [usize; 3],
    /// The result.
    pub c: Strided<*mut f32>,
    /// Whether to add to what C holds; otherwise it is not read.
    pub accumulate: bool,
    /// On the product.
    pub factor: f32,
    /// The left operand.
    pub a: Strided<*const f32>,
    /// The right operand.
    pub b: Strided<*const f32>,
}

impl Product {
    /// Computes it.
    ///
    /// # Safety
    /// The matrices lie in memory that may be read and, for C, written, by nobody else; C overlaps no operand.
    pub unsafe fn run(&self) {
        // SAFETY: the caller's promise.
        unsafe {
            if panel::multiply_small(self) {
                return;
            }
            match instructions::asked() {
                Some(Arch::Scalar) => self.run_scalar(),
                #[cfg(target_arch = "x86_64")]
                Some(Arch::V3(_)) => self.run_fma(),
                _ => self.run_widest(),
            }
        }
    }

    /// # Safety
    /// As for [`Product::run`].
    unsafe fn run_widest(&self) {
        let Product { sizes: [m, k, n], c, accumulate, factor, a, b } = *self;
        let gemm = gemm_f32::gemm::f32::get_gemm_fn();
        // The crate's first factor multiplies the old C and its second the product, the reverse of BLAS.
        // SAFETY: the caller's promise.
        unsafe {
            gemm(
                m,
                n,
                k,
                c.start,
                c.col_stride,
                c.row_stride,
                accumulate,
                a.start,
                a.col_stride,
                a.row_stride,
                b.start,
                b.col_stride,
                b.row_stride,
                1.0,
                factor,
                false,
                false,
                false,
                Parallelism::None,
            );
        }
    }
}

/// Methods that run the crates' kernels of one module, whose vectors have some number of lanes.
macro_rules! kernels {
    ($($(#[$condition:meta])* $method:ident: $module:ident, $lanes:literal, $simd:ty;)*) => {
        impl Product {
            $($(#[$condition])*
            #[inline(never)]
            unsafe fn $method(&self) {
                use gemm_f32::microkernel::$module::f32::{H_M, H_N, H_UKR, MR_DIV_N, NR, UKR};
                let Product { sizes: [m, k, n], c, accumulate, factor, a, b } = *self;
                let Some(simd) = <$simd as MixedSimd<f32, f32, f32, f32>>::try_new() else { return };
                // SAFETY: the caller's promise.
                unsafe {
                    gemm_basic_generic::<_, f32, $lanes, { $lanes * MR_DIV_N }, NR, MR_DIV_N, H_M, H_N>(
                        simd,
                        m,
                        n,
                        k,
                        c.start,
                        c.col_stride,
                        c.row_stride,
                        accumulate,
                        a.start,
                        a.col_stride,
                        a.row_stride,
                        b.start,
                        b.col_stride,
                        b.row_stride,
                        1.0,
                        factor,
                        false,
                        false,
                        false,
                        |a, b, c| a * b + c,
                        &UKR,
                        &H_UKR,
                        false,
                        Parallelism::None,
                    );
                }
            })*
        }
    };
}

kernels! {
    run_scalar: scalar, 1, gemm_common::simd::Scalar;
    #[cfg(target_arch = "x86_64")]
    run_fma: fma, 8, gemm_common::simd::V3;
}
