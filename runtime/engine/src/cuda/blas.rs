//! Matrix products by cuBLASLt. An algorithm is asked for once for each form of product and kept.
//!
//! cuBLASLt counts columns first. A row-major matrix is its transposed one, so `C = A · B` is asked for as
//! `Cᵀ = Bᵀ · Aᵀ`.

use std::ffi::c_void;
use std::sync::Arc;

use cudarc::cublaslt::result::{self as lt, CublasError};
use cudarc::cublaslt::sys;
use cudarc::driver::sys::CUdeviceptr;
use rustc_hash::FxHashMap;

use super::device::Device;
use super::error::DeviceError;
use super::memory::DeviceMemory;
use super::product::{Form, Product, Side};
use super::task::Number;
use crate::device::Precision;
use crate::error::Error;

/// Memory that an algorithm may ask for: what NVIDIA recommends on Hopper.
const WORKSPACE_BYTES: usize = 32 << 20;

/// cuBLASLt on one device.
pub struct Blas {
    device: Arc<Device>,
    handle: sys::cublasLtHandle_t,
    precision: Precision,
    plans: FxHashMap<(Form, [u32; 4]), MatmulPlan>,
    workspace: Option<DeviceMemory>,
}

// SAFETY: the handle belongs to the context, not to a thread.
unsafe impl Send for Blas {}

/// Where the operands of a product are.
#[derive(Clone, Copy, Debug)]
pub struct Places {
    /// The left matrix.
    pub a: CUdeviceptr,
    /// The right matrix.
    pub b: CUdeviceptr,
    /// The result.
    pub c: CUdeviceptr,
    /// The row to be added.
    pub bias: Option<CUdeviceptr>,
    /// What the product is added to, where it is.
    pub addend: CUdeviceptr,
}

impl Blas {
    /// Starts cuBLASLt.
    pub fn new(device: &Arc<Device>, precision: Precision) -> Result<Blas, DeviceError> {
        device.stream()?;
        let handle = lt::create_handle().map_err(|error| DeviceError::Blas(error.to_string()))?;
        let device = device.clone();
        Ok(Blas { device, handle, precision, plans: FxHashMap::default(), workspace: None })
    }

    /// Puts a product on the device's stream.
    pub fn multiply(&mut self, product: &Product, places: Places) -> Result<(), Error> {
        let form = product.form;
        let stream = self.device.stream()?.cu_stream();
        let key = (form, [places.a, places.b, places.addend, places.c].map(alignment));
        if !self.plans.contains_key(&key) {
            let plan = MatmulPlan::new(self.handle, form, key.1, self.precision)?;
            if plan.workspace > 0 && self.workspace.is_none() {
                self.workspace =
                    Some(DeviceMemory::new(&self.device, WORKSPACE_BYTES / 4, "cuBLASLt's workspace")?);
            }
            self.plans.insert(key, plan);
        }
        let plan = &self.plans[&key];
        let workspace = self.workspace.as_ref().map_or(0, |memory| memory.at(0));
        let beta = f32::from(u8::from(form.accumulate));
        // SAFETY: descriptors and algorithm were made for this form; the addresses are those of whole operands.
        unsafe {
            if let Some(bias) = places.bias {
                let attribute = sys::cublasLtMatmulDescAttributes_t::CUBLASLT_MATMUL_DESC_BIAS_POINTER;
                set(plan.operation, attribute, &bias)
                    .map_err(refused("cublasLtMatmulDescSetAttribute", form))?;
            }
            lt::matmul(
                self.handle,
                plan.operation,
                std::ptr::from_ref(&product.alpha).cast(),
                std::ptr::from_ref(&beta).cast(),
                places.b as *const c_void,
                plan.layouts[1],
                places.a as *const c_void,
                plan.layouts[0],
                places.addend as *const c_void,
                plan.layouts[2],
                places.c as *mut c_void,
                plan.layouts[2],
                &plan.algorithm,
                workspace as *mut c_void,
                plan.workspace,
                stream.cast(),
            )
        }
        .map_err(refused("cublasLtMatmul", form))?;
        Ok(())
    }
}

impl Drop for Blas {
    fn drop(&mut self) {
        self.device.context().record_err(self.device.context().bind_to_thread());
        self.plans.clear();
        // SAFETY: made once, destroyed once. There is nothing to be done about a failure.
        let _ = unsafe { lt::destroy_handle(self.handle) };
    }
}

/// The largest power of two, up to 256, that divides an address.
fn alignment(address: CUdeviceptr) -> u32 {
    1 << address.trailing_zeros().min(8)
}

fn refused(call: &'static str, form: Form) -> impl Fn(CublasError) -> DeviceError {
    move |error| DeviceError::Product { call, reason: error.to_string(), form: Box::new(form) }
}

/// A product's descriptors, and the algorithm chosen for it.
struct MatmulPlan {
    operation: sys::cublasLtMatmulDesc_t,
    /// Of A, B and C.
    layouts: [sys::cublasLtMatrixLayout_t; 3],
    algorithm: sys::cublasLtMatmulAlgo_t,
    workspace: usize,
}

impl MatmulPlan {
    fn new(
        handle: sys::cublasLtHandle_t,
        form: Form,
        alignments: [u32; 4],
        precision: Precision,
    ) -> Result<MatmulPlan, DeviceError> {
        let operation = operation(form, precision).map_err(refused("cublasLtMatmulDesc", form))?;
        let mut plan = MatmulPlan {
            operation,
            layouts: [std::ptr::null_mut(); 3],
            algorithm: sys::cublasLtMatmulAlgo_t { data: [0; 8] },
            workspace: 0,
        };
        let sides = [
            (form.a, form.rows, form.depth, form.factors),
            (form.b, form.depth, form.columns, form.factors),
            (form.c, form.rows, form.columns, form.result),
        ];
        for (place, (side, rows, columns, number)) in sides.into_iter().enumerate() {
            plan.layouts[place] = layout(side, rows, columns, form.batch, number)
                .map_err(refused("cublasLtMatrixLayout", form))?;
        }
        let chosen =
            plan.choose(handle, alignments).map_err(refused("cublasLtMatmulAlgoGetHeuristic", form))?;
        (plan.algorithm, plan.workspace) = (chosen.algo, chosen.workspaceSize);
        Ok(plan)
    }

    fn choose(
        &self,
        handle: sys::cublasLtHandle_t,
        [a, b, addend, c]: [u32; 4],
    ) -> Result<sys::cublasLtMatmulHeuristicResult_t, CublasError> {
        use sys::cublasLtMatmulPreferenceAttributes_t as P;
        let preference = lt::create_matmul_pref()?;
        // SAFETY: all descriptors are alive; each attribute has the size that cuBLASLt documents.
        unsafe {
            let workspace = WORKSPACE_BYTES;
            let mut set = lt::set_matmul_pref_attribute(
                preference,
                P::CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                std::ptr::from_ref(&workspace).cast(),
                size_of::<usize>(),
            );
            // The first operand of the transposed product is B.
            let alignments = [
                (P::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, b),
                (P::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, a),
                (P::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, addend),
                (P::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, c),
            ];
            for (attribute, bytes) in alignments {
                let value = std::ptr::from_ref(&bytes).cast();
                set = set.and_then(|()| {
                    lt::set_matmul_pref_attribute(preference, attribute, value, size_of::<u32>())
                });
            }
            let [a, b, c] = self.layouts;
            let chosen = set
                .and_then(|()| lt::get_matmul_algo_heuristic(handle, self.operation, b, a, c, c, preference));
            lt::destroy_matmul_pref(preference).and(chosen)
        }
    }
}

impl Drop for MatmulPlan {
    fn drop(&mut self) {
        // SAFETY: made once, destroyed once; those that could not be made are null.
        unsafe {
            let _ = lt::destroy_matmul_desc(self.operation);
            for layout in self.layouts.into_iter().filter(|layout| !layout.is_null()) {
                let _ = lt::destroy_matrix_layout(layout);
            }
        }
    }
}

fn operation(form: Form, precision: Precision) -> Result<sys::cublasLtMatmulDesc_t, CublasError> {
    use sys::cublasLtMatmulDescAttributes_t as D;
    let compute = match precision {
        _ if form.factors == Number::Bf16 => sys::cublasComputeType_t::CUBLAS_COMPUTE_32F,
        Precision::F32 => sys::cublasComputeType_t::CUBLAS_COMPUTE_32F,
        Precision::Tf32 => sys::cublasComputeType_t::CUBLAS_COMPUTE_32F_FAST_TF32,
        Precision::Bf16 => sys::cublasComputeType_t::CUBLAS_COMPUTE_32F_FAST_16BF,
    };
    let operation = lt::create_matmul_desc(compute, sys::cudaDataType_t::CUDA_R_32F)?;
    // CUBLAS_OP_N and CUBLAS_OP_T, which `cudarc` declares with another library.
    let turned = |side: Side| i32::from(side.transposed);
    // SAFETY: the descriptor was just made; each attribute has the size that cuBLASLt documents.
    let set = unsafe {
        set(operation, D::CUBLASLT_MATMUL_DESC_TRANSA, &turned(form.b))
            .and_then(|()| set(operation, D::CUBLASLT_MATMUL_DESC_TRANSB, &turned(form.a)))
            .and_then(|()| match form.bias {
                true => {
                    let epilogue = sys::cublasLtEpilogue_t::CUBLASLT_EPILOGUE_BIAS;
                    set(operation, D::CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue)
                }
                false => Ok(()),
            })
    };
    set.map(|()| operation).inspect_err(|_| {
        // SAFETY: made above, and nobody else knows it.
        let _ = unsafe { lt::destroy_matmul_desc(operation) };
    })
}

/// # Safety
/// The descriptor is alive, and the attribute has the type of the value.
unsafe fn set<T>(
    operation: sys::cublasLtMatmulDesc_t,
    attribute: sys::cublasLtMatmulDescAttributes_t,
    value: &T,
) -> Result<(), CublasError> {
    // SAFETY: passed on from the caller.
    unsafe {
        lt::set_matmul_desc_attribute(operation, attribute, std::ptr::from_ref(value).cast(), size_of::<T>())
    }
}

fn layout(
    side: Side,
    rows: usize,
    columns: usize,
    batch: usize,
    number: Number,
) -> Result<sys::cublasLtMatrixLayout_t, CublasError> {
    use sys::cublasLtMatrixLayoutAttribute_t as A;
    let (dense, other) = if side.transposed { (rows, columns) } else { (columns, rows) };
    let kind = match number {
        Number::F32 => sys::cudaDataType_t::CUDA_R_32F,
        Number::Bf16 => sys::cudaDataType_t::CUDA_R_16BF,
    };
    let layout = lt::create_matrix_layout(kind, dense as u64, other as u64, side.leading as i64)?;
    if batch > 1 {
        let (count, step) = (batch as i32, side.step as i64);
        // SAFETY: the layout was just made; each attribute has the size that cuBLASLt documents.
        let set = unsafe {
            lt::set_matrix_layout_attribute(
                layout,
                A::CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT,
                std::ptr::from_ref(&count).cast(),
                size_of::<i32>(),
            )
            .and_then(|()| {
                lt::set_matrix_layout_attribute(
                    layout,
                    A::CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET,
                    std::ptr::from_ref(&step).cast(),
                    size_of::<i64>(),
                )
            })
        };
        set.inspect_err(|_| {
            // SAFETY: made above, and nobody else knows it.
            let _ = unsafe { lt::destroy_matrix_layout(layout) };
        })?;
    }
    Ok(layout)
}
