//! `cublasLt*`: descriptors are tables of attributes, each with the size that the documentation gives it.

use std::collections::HashMap;
use std::ffi::{c_int, c_longlong, c_uint, c_ulonglong, c_void};

use super::gemm::{Activation, DataType, Epilogue, Gemm, Matrix, Precision};
use super::translate;
use crate::api::{Needs, call, give};
use crate::state::Handle;
use crate::status::{Outcome, Status};
use crate::work::Work;

/// `cublasLtMatrixLayoutAttribute_t`
mod layout {
    pub const TYPE: u32 = 0;
    pub const ORDER: u32 = 1;
    pub const ROWS: u32 = 2;
    pub const COLUMNS: u32 = 3;
    pub const LEADING: u32 = 4;
    pub const BATCH_COUNT: u32 = 5;
    pub const BATCH_STRIDE: u32 = 6;
    pub const SIZES: &[(u32, usize)] =
        &[(TYPE, 4), (ORDER, 4), (ROWS, 8), (COLUMNS, 8), (LEADING, 8), (BATCH_COUNT, 4), (BATCH_STRIDE, 8)];
}

/// `cublasLtMatmulDescAttributes_t`
mod matmul {
    pub const COMPUTE_TYPE: u32 = 0;
    pub const SCALE_TYPE: u32 = 1;
    pub const POINTER_MODE: u32 = 2;
    pub const TRANSPOSE_A: u32 = 3;
    pub const TRANSPOSE_B: u32 = 4;
    pub const TRANSPOSE_C: u32 = 5;
    pub const EPILOGUE: u32 = 7;
    pub const BIAS_POINTER: u32 = 8;
    pub const BIAS_BATCH_STRIDE: u32 = 10;
    pub const BIAS_DATA_TYPE: u32 = 26;
    pub const SIZES: &[(u32, usize)] = &[
        (POINTER_MODE, 4),
        (TRANSPOSE_A, 4),
        (TRANSPOSE_B, 4),
        (TRANSPOSE_C, 4),
        (EPILOGUE, 4),
        (BIAS_POINTER, 8),
        (BIAS_BATCH_STRIDE, 8),
        (BIAS_DATA_TYPE, 4),
    ];
}

/// `cublasLtMatmulPreferenceAttributes_t`, by number: search mode, workspace, schemes of reduction, alignments of A, B, C
/// and D, waves, implementations.
const PREFERENCE_SIZES: &[(u32, usize)] =
    &[(0, 4), (1, 8), (3, 4), (5, 4), (6, 4), (7, 4), (8, 4), (9, 4), (12, 8)];

/// `cublasLtMatmulHeuristicResult_t`
#[repr(C)]
struct HeuristicResult {
    algorithm: [u64; 8],
    workspace: usize,
    state: c_uint,
    waves: f32,
    reserved: [c_int; 4],
}

/// A layout, an operation or a preference.
struct Descriptor {
    sizes: &'static [(u32, usize)],
    attributes: HashMap<u32, u64>,
}

impl Descriptor {
    fn get(&self, attribute: u32) -> u64 {
        self.attributes.get(&attribute).copied().unwrap_or(0)
    }
}

/// # Safety
/// `to` points to memory for a pointer, or is null.
unsafe fn create(
    name: &'static str,
    to: *mut *mut Descriptor,
    sizes: &'static [(u32, usize)],
    attributes: &[(u32, u64)],
) -> u32 {
    translate(call(name, Needs::Nothing, |_| {
        let descriptor = Descriptor { sizes, attributes: attributes.iter().copied().collect() };
        let pointer = Box::into_raw(Box::new(descriptor));
        // SAFETY: passed on from the caller.
        unsafe { give(to, pointer) }
    }))
}

/// # Safety
/// `descriptor` is null or from [`create`], and `value` points to so many bytes.
unsafe fn set(
    name: &'static str,
    descriptor: *mut Descriptor,
    attribute: u32,
    value: *const u8,
    bytes: usize,
) -> u32 {
    translate(call(name, Needs::Nothing, |state| {
        // SAFETY: null or alive, says the caller.
        let Some(descriptor) = (unsafe { descriptor.as_mut() }) else { return Err(Status::INVALID_VALUE) };
        let known = descriptor.sizes.iter().find(|(known, _)| *known == attribute);
        let Some(&(_, size)) = known else {
            return state
                .refuse(Status::NOT_SUPPORTED, format!("{name}: attribute {attribute} is not emulated"));
        };
        if size != bytes || value.is_null() {
            let report = format!("{name}: attribute {attribute} has {size} bytes, {bytes} given");
            return state.refuse(Status::INVALID_VALUE, report);
        }
        let mut wide = [0; 8];
        // SAFETY: so many bytes are there, says the caller.
        wide[..bytes].copy_from_slice(unsafe { std::slice::from_raw_parts(value, bytes) });
        descriptor.attributes.insert(attribute, u64::from_le_bytes(wide));
        Ok(())
    }))
}

/// # Safety
/// `descriptor` is null or from [`create`], and not used again.
unsafe fn destroy(name: &'static str, descriptor: *mut Descriptor) -> u32 {
    translate(call(name, Needs::Nothing, |_| {
        if !descriptor.is_null() {
            // SAFETY: from `Box::into_raw`, and given back once, says the caller.
            drop(unsafe { Box::from_raw(descriptor) });
        }
        Ok(())
    }))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cublasLtCreate(handle: *mut Handle) -> u32 {
    translate(call("cublasLtCreate", Needs::Context, |state| {
        let created = state.handle();
        // SAFETY: the caller's pointer, as documented.
        unsafe { give(handle, created) }?;
        state.blas.insert(created, 0);
        Ok(())
    }))
}

#[unsafe(no_mangle)]
extern "C" fn cublasLtDestroy(handle: Handle) -> u32 {
    translate(call("cublasLtDestroy", Needs::Release, |state| {
        state.blas.remove(&handle).map(|_| ()).ok_or(Status::NOT_INITIALIZED)
    }))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cublasLtMatrixLayoutCreate(
    to: *mut *mut Descriptor,
    kind: c_uint,
    rows: c_ulonglong,
    columns: c_ulonglong,
    leading: c_longlong,
) -> u32 {
    let attributes = [
        (layout::TYPE, u64::from(kind)),
        (layout::ROWS, rows),
        (layout::COLUMNS, columns),
        (layout::LEADING, leading as u64),
        (layout::BATCH_COUNT, 1),
    ];
    // SAFETY: the caller's pointer, as documented.
    unsafe { create("cublasLtMatrixLayoutCreate", to, layout::SIZES, &attributes) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cublasLtMatrixLayoutSetAttribute(
    descriptor: *mut Descriptor,
    attribute: c_uint,
    value: *const u8,
    bytes: usize,
) -> u32 {
    // SAFETY: the caller's pointers, as documented.
    unsafe { set("cublasLtMatrixLayoutSetAttribute", descriptor, attribute, value, bytes) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cublasLtMatrixLayoutDestroy(descriptor: *mut Descriptor) -> u32 {
    // SAFETY: the caller's pointer, as documented.
    unsafe { destroy("cublasLtMatrixLayoutDestroy", descriptor) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cublasLtMatmulDescCreate(
    to: *mut *mut Descriptor,
    compute: c_uint,
    scale: c_uint,
) -> u32 {
    let attributes = [
        (matmul::COMPUTE_TYPE, u64::from(compute)),
        (matmul::SCALE_TYPE, u64::from(scale)),
        (matmul::EPILOGUE, 1),
    ];
    // SAFETY: the caller's pointer, as documented.
    unsafe { create("cublasLtMatmulDescCreate", to, matmul::SIZES, &attributes) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cublasLtMatmulDescSetAttribute(
    descriptor: *mut Descriptor,
    attribute: c_uint,
    value: *const u8,
    bytes: usize,
) -> u32 {
    // SAFETY: the caller's pointers, as documented.
    unsafe { set("cublasLtMatmulDescSetAttribute", descriptor, attribute, value, bytes) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cublasLtMatmulDescDestroy(descriptor: *mut Descriptor) -> u32 {
    // SAFETY: the caller's pointer, as documented.
    unsafe { destroy("cublasLtMatmulDescDestroy", descriptor) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cublasLtMatmulPreferenceCreate(to: *mut *mut Descriptor) -> u32 {
    // SAFETY: the caller's pointer, as documented.
    unsafe { create("cublasLtMatmulPreferenceCreate", to, PREFERENCE_SIZES, &[]) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cublasLtMatmulPreferenceSetAttribute(
    descriptor: *mut Descriptor,
    attribute: c_uint,
    value: *const u8,
    bytes: usize,
) -> u32 {
    // SAFETY: the caller's pointers, as documented.
    unsafe { set("cublasLtMatmulPreferenceSetAttribute", descriptor, attribute, value, bytes) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cublasLtMatmulPreferenceDestroy(descriptor: *mut Descriptor) -> u32 {
    // SAFETY: the caller's pointer, as documented.
    unsafe { destroy("cublasLtMatmulPreferenceDestroy", descriptor) }
}

/// The descriptors of a product.
#[derive(Clone, Copy)]
struct Described<'a> {
    operation: &'a Descriptor,
    a: &'a Descriptor,
    b: &'a Descriptor,
    c: &'a Descriptor,
    d: &'a Descriptor,
}

impl<'a> Described<'a> {
    /// # Safety
    /// Each is null or from [`create`], and alive.
    unsafe fn new([operation, a, b, c, d]: [*const Descriptor; 5]) -> Outcome<Self> {
        // SAFETY: null or alive, says the caller.
        let descriptor =
            |pointer: *const Descriptor| unsafe { pointer.as_ref() }.ok_or(Status::INVALID_VALUE);
        Ok(Self {
            operation: descriptor(operation)?,
            a: descriptor(a)?,
            b: descriptor(b)?,
            c: descriptor(c)?,
            d: descriptor(d)?,
        })
    }

    /// The product, with neither addresses nor factors yet.
    fn gemm(&self) -> Outcome<Gemm> {
        let (operation, d) = (self.operation, self.d);
        let (transposed_a, transposed_b) =
            (operation.get(matmul::TRANSPOSE_A) != 0, operation.get(matmul::TRANSPOSE_B) != 0);
        let shape = |descriptor: &Descriptor, transposed: bool| {
            let shape = (descriptor.get(layout::ROWS), descriptor.get(layout::COLUMNS));
            if transposed { (shape.1, shape.0) } else { shape }
        };
        let ((rows, depth), (depth_b, columns)) = (shape(self.a, transposed_a), shape(self.b, transposed_b));
        if depth != depth_b || shape(d, false) != (rows, columns) || shape(self.c, false) != (rows, columns) {
            return Err(Status::INVALID_VALUE);
        }
        let batch = d.get(layout::BATCH_COUNT);
        for descriptor in [self.a, self.b, self.c, d] {
            if descriptor.get(layout::LEADING) < descriptor.get(layout::ROWS)
                || descriptor.get(layout::BATCH_COUNT) != batch
            {
                return Err(Status::INVALID_VALUE);
            }
            // Rows after rows (`CUBLASLT_ORDER_ROW` and tiled orders) are not emulated.
            if descriptor.get(layout::ORDER) != 0 {
                return Err(Status::NOT_SUPPORTED);
            }
        }
        if operation.get(matmul::TRANSPOSE_C) != 0
            || operation.get(matmul::SCALE_TYPE) != 0
            || operation.get(matmul::POINTER_MODE) != 0
        {
            return Err(Status::NOT_SUPPORTED);
        }
        let [a, b, c, kind] =
            [self.a, self.b, self.c, d].map(|side| DataType::of(side.get(layout::TYPE) as u32));
        check_types([a?, b?, c?, kind?])?;
        Ok(Gemm {
            rows: rows as usize,
            columns: columns as usize,
            depth: depth as usize,
            batch: batch as usize,
            alpha: 1.0,
            beta: 0.0,
            a: matrix(self.a, transposed_a)?,
            b: matrix(self.b, transposed_b)?,
            c: matrix(self.c, false)?,
            d: matrix(d, false)?,
            precision: Precision::of(operation.get(matmul::COMPUTE_TYPE) as u32)?,
            epilogue: epilogue(operation)?,
        })
    }
}

/// Of the combinations in `cublasLtMatmul`'s tables, those with sums of 32 bits: factors of one kind, and a result of
/// theirs or of `f32`.
fn check_types([a, b, c, d]: [DataType; 4]) -> Outcome<()> {
    match a == b && c == d && (d == a || (d == DataType::F32 && a != DataType::F64)) {
        true => Ok(()),
        false => Err(Status::NOT_SUPPORTED),
    }
}

fn matrix(descriptor: &Descriptor, transposed: bool) -> Outcome<Matrix> {
    Ok(Matrix {
        address: 0,
        kind: DataType::of(descriptor.get(layout::TYPE) as u32)?,
        leading: descriptor.get(layout::LEADING) as usize,
        stride: descriptor.get(layout::BATCH_STRIDE) as i64,
        transposed,
    })
}

/// `cublasLtEpilogue_t`: 1 nothing, 2 ReLU, 4 bias, 32 GELU, and their sums.
fn epilogue(operation: &Descriptor) -> Outcome<Epilogue> {
    let code = operation.get(matmul::EPILOGUE);
    let activation = match code & !4 {
        0 | 1 => Activation::None,
        2 => Activation::Relu,
        32 => Activation::Gelu,
        _ => return Err(Status::NOT_SUPPORTED),
    };
    let bias = (code & 4 != 0)
        .then(|| (operation.get(matmul::BIAS_POINTER), operation.get(matmul::BIAS_BATCH_STRIDE) as i64));
    Ok(Epilogue { bias, activation })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cublasLtMatmulAlgoGetHeuristic(
    handle: Handle,
    operation: *const Descriptor,
    a: *const Descriptor,
    b: *const Descriptor,
    c: *const Descriptor,
    d: *const Descriptor,
    _preference: *const Descriptor,
    wanted: c_int,
    results: *mut HeuristicResult,
    found: *mut c_int,
) -> u32 {
    translate(call("cublasLtMatmulAlgoGetHeuristic", Needs::Context, |state| {
        // It fails in a capture with CUDA 13.3; what asks there would work on some versions only.
        state.forbid_capture(None, "cublasLtMatmulAlgoGetHeuristic")?;
        state.blas.get(&handle).ok_or(Status::NOT_INITIALIZED)?;
        // SAFETY: the caller's descriptors, as documented.
        unsafe { Described::new([operation, a, b, c, d]) }?.gemm()?;
        if wanted < 1 {
            return Err(Status::INVALID_VALUE);
        }
        let result =
            HeuristicResult { algorithm: [0; 8], workspace: 0, state: 0, waves: 1.0, reserved: [0; 4] };
        // SAFETY: the caller has memory for as many results as wanted, of which there is one.
        unsafe {
            give(results, result)?;
            give(found, 1)
        }
    }))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cublasLtMatmul(
    handle: Handle,
    operation: *const Descriptor,
    alpha: *const f32,
    a: u64,
    layout_a: *const Descriptor,
    b: u64,
    layout_b: *const Descriptor,
    beta: *const f32,
    c: u64,
    layout_c: *const Descriptor,
    d: u64,
    layout_d: *const Descriptor,
    _algorithm: *const c_void,
    _workspace: u64,
    _workspace_bytes: usize,
    stream: Handle,
) -> u32 {
    translate(call("cublasLtMatmul", Needs::Context, |state| {
        state.blas.get(&handle).ok_or(Status::NOT_INITIALIZED)?;
        // SAFETY: the caller's descriptors, as documented.
        let described = unsafe { Described::new([operation, layout_a, layout_b, layout_c, layout_d]) }?;
        let mut gemm = described.gemm()?;
        // SAFETY: null, or factors in f32, since the type of scales was checked to be that.
        let (Some(alpha), Some(beta)) = (unsafe { (alpha.as_ref(), beta.as_ref()) }) else {
            return Err(Status::INVALID_VALUE);
        };
        (gemm.alpha, gemm.beta) = (f64::from(*alpha), f64::from(*beta));
        (gemm.a.address, gemm.b.address, gemm.c.address, gemm.d.address) = (a, b, c, d);
        state.submit(stream, Work::Gemm(gemm))
    }))
}
