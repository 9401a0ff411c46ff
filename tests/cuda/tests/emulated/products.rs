//! Products of matrices through cuBLAS and cuBLASLt, against three nested loops: shapes, transposes, strides, types,
//! epilogues, and what is wrong about wrong ones.

use std::sync::Arc;

use cudarc::cublas::sys::cublasOperation_t::{CUBLAS_OP_N, CUBLAS_OP_T};
use cudarc::cublas::{CudaBlas, Gemm, GemmConfig, StridedBatchedConfig};
use cudarc::cublaslt::{Activation, CudaBlasLT, Matmul, MatmulConfig};
use cudarc::driver::CudaStream;
use half::bf16;

use crate::device::{Device, assert_close, numbers};

/// Column by column: C = op(A) op(B), in f64.
fn product(a: &[f32], b: &[f32], [m, n, k]: [usize; 3], transposed: [bool; 2]) -> Vec<f32> {
    let at = |values: &[f32], row: usize, column: usize, rows: usize, columns: usize, transposed: bool| {
        f64::from(if transposed { values[column + row * columns] } else { values[row + column * rows] })
    };
    let element = |i, j| {
        (0..k).map(|p| at(a, i, p, m, k, transposed[0]) * at(b, p, j, k, n, transposed[1])).sum::<f64>()
            as f32
    };
    (0..n).flat_map(|j| (0..m).map(move |i| element(i, j))).collect()
}

fn config([m, n, k]: [usize; 3], transposed: [bool; 2]) -> GemmConfig<f32> {
    let turned = |transposed| if transposed { CUBLAS_OP_T } else { CUBLAS_OP_N };
    GemmConfig {
        transa: turned(transposed[0]),
        transb: turned(transposed[1]),
        m: m as i32,
        n: n as i32,
        k: k as i32,
        alpha: 1.0,
        lda: if transposed[0] { k } else { m } as i32,
        ldb: if transposed[1] { n } else { k } as i32,
        beta: 0.0,
        ldc: m as i32,
    }
}

#[test]
fn products_of_all_transposes_in_batches_onto_what_was_there() {
    let Some(device) = Device::new() else { return };
    let stream = &device.stream;
    let blas = CudaBlas::new(stream.clone()).unwrap();
    let (sizes, batch) = ([5usize, 7, 3], 4usize);
    let [m, n, k] = sizes;
    let (a, b, c) = (numbers(m * k * batch, 1), numbers(k * n * batch, 2), numbers(m * n * batch, 3));
    let (on_a, on_b) = (stream.clone_htod(&a).unwrap(), stream.clone_htod(&b).unwrap());
    for transposed in [[false, false], [true, false], [false, true], [true, true]] {
        let mut on_c = stream.clone_htod(&c).unwrap();
        let config = StridedBatchedConfig {
            gemm: GemmConfig { alpha: 0.5, beta: 2.0, ..config(sizes, transposed) },
            batch_size: batch as i32,
            stride_a: (m * k) as i64,
            stride_b: (k * n) as i64,
            stride_c: (m * n) as i64,
        };
        // SAFETY: the buffers hold what the sizes and strides say.
        unsafe { blas.gemm_strided_batched(config, &on_a, &on_b, &mut on_c) }.unwrap();
        let wanted: Vec<f32> = (0..batch)
            .flat_map(|index| {
                let (a, b) = (&a[index * m * k..], &b[index * k * n..]);
                product(a, b, sizes, transposed)
            })
            .zip(&c)
            .map(|(product, before)| 0.5 * product + 2.0 * before)
            .collect();
        assert_close(&stream.clone_dtoh(&on_c).unwrap(), &wanted, 1e-6);
    }
}

#[test]
fn full_f32_is_full_and_tf32_is_not() {
    let Some(device) = Device::new() else { return };
    let sizes = [16usize, 16, 64];
    let (a, b) = (numbers(16 * 64, 1), numbers(64 * 16, 2));
    let wanted = product(&a, &b, sizes, [false; 2]);
    let full = by_cublas(&device.stream, &a, &b, sizes);
    assert_close(&full, &wanted, 1e-6);
    // `cudarc`'s safe cuBLASLt asks for CUBLAS_COMPUTE_32F_FAST_TF32: 10 bits of fraction.
    let fast = by_cublas_lt(&device.stream, &a, &b, sizes, None, None);
    assert_close(&fast, &wanted, 5e-3);
    let error = |found: &[f32]| found.iter().zip(&wanted).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max);
    assert!(error(&fast) > 10.0 * error(&full), "{} and {}", error(&fast), error(&full));
}

fn by_cublas(stream: &Arc<CudaStream>, a: &[f32], b: &[f32], sizes: [usize; 3]) -> Vec<f32> {
    let (on_a, on_b) = (stream.clone_htod(a).unwrap(), stream.clone_htod(b).unwrap());
    // SAFETY: the product writes all of it.
    let mut on_c = unsafe { stream.alloc::<f32>(sizes[0] * sizes[1]) }.unwrap();
    let blas = CudaBlas::new(stream.clone()).unwrap();
    // SAFETY: the buffers hold what the sizes say.
    unsafe { blas.gemm(config(sizes, [false; 2]), &on_a, &on_b, &mut on_c) }.unwrap();
    stream.clone_dtoh(&on_c).unwrap()
}

fn by_cublas_lt(
    stream: &Arc<CudaStream>,
    a: &[f32],
    b: &[f32],
    [m, n, k]: [usize; 3],
    bias: Option<&[f32]>,
    activation: Option<&Activation>,
) -> Vec<f32> {
    let (on_a, on_b) = (stream.clone_htod(a).unwrap(), stream.clone_htod(b).unwrap());
    let bias = bias.map(|bias| stream.clone_htod(bias).unwrap());
    // SAFETY: the product writes all of it.
    let mut on_c = unsafe { stream.alloc::<f32>(m * n) }.unwrap();
    let config = MatmulConfig {
        transa: false,
        transb: false,
        transc: false,
        m: m as u64,
        n: n as u64,
        k: k as u64,
        alpha: 1.0,
        lda: m as i64,
        ldb: k as i64,
        beta: 0.0,
        ldc: m as i64,
        stride_a: None,
        stride_b: None,
        stride_c: None,
        stride_bias: None,
        batch_size: None,
    };
    let blas = CudaBlasLT::new(stream.clone()).unwrap();
    // SAFETY: the buffers hold what the sizes say.
    unsafe { blas.matmul(config, &on_a, &on_b, &mut on_c, bias.as_ref(), activation) }.unwrap();
    stream.clone_dtoh(&on_c).unwrap()
}

#[test]
fn epilogues_add_a_bias_and_bend() {
    let Some(device) = Device::new() else { return };
    let sizes = [6usize, 9, 4];
    let (a, b, bias) = (numbers(6 * 4, 1), numbers(4 * 9, 2), numbers(6, 3));
    let plain = product(&a, &b, sizes, [false; 2]);
    let gelu = |x: f32| {
        let x = f64::from(x);
        (0.5 * x * (1.0 + (0.7978845608028654 * (x + 0.044715 * x.powi(3))).tanh())) as f32
    };
    for (activation, bend) in [
        (None, (|x| x) as fn(f32) -> f32),
        (Some(Activation::Relu), |x| x.max(0.0)),
        (Some(Activation::Gelu), gelu),
    ] {
        for with_bias in [false, true] {
            let found = by_cublas_lt(
                &device.stream,
                &a,
                &b,
                sizes,
                with_bias.then_some(&bias[..]),
                activation.as_ref(),
            );
            let wanted: Vec<f32> = plain
                .iter()
                .enumerate()
                .map(|(at, value)| bend(value + if with_bias { bias[at % 6] } else { 0.0 }))
                .collect();
            assert_close(&found, &wanted, 2e-3);
        }
    }
}

#[test]
fn bf16_products_are_rounded_once() {
    let Some(device) = Device::new() else { return };
    let stream = &device.stream;
    let sizes = [8usize, 8, 32];
    let halves = |count, seed| numbers(count, seed).into_iter().map(bf16::from_f32).collect::<Vec<_>>();
    let (a, b) = (halves(8 * 32, 1), halves(32 * 8, 2));
    let (on_a, on_b) = (stream.clone_htod(&a).unwrap(), stream.clone_htod(&b).unwrap());
    // SAFETY: the product writes all of it.
    let mut on_c = unsafe { stream.alloc::<bf16>(64) }.unwrap();
    let blas = CudaBlas::new(stream.clone()).unwrap();
    let config = config(sizes, [false; 2]);
    let config = GemmConfig {
        transa: config.transa,
        transb: config.transb,
        m: config.m,
        n: config.n,
        k: config.k,
        alpha: bf16::ONE,
        lda: config.lda,
        ldb: config.ldb,
        beta: bf16::ZERO,
        ldc: config.ldc,
    };
    // SAFETY: the buffers hold what the sizes say.
    unsafe { blas.gemm(config, &on_a, &on_b, &mut on_c) }.unwrap();
    let wide = |values: &[bf16]| values.iter().map(|value| value.to_f32()).collect::<Vec<_>>();
    let wanted: Vec<bf16> =
        product(&wide(&a), &wide(&b), sizes, [false; 2]).into_iter().map(bf16::from_f32).collect();
    assert_eq!(stream.clone_dtoh(&on_c).unwrap(), wanted);
}

#[test]
fn a_wrong_leading_dimension_is_found() {
    let Some(device) = Device::new() else { return };
    let Some(session) = device.gpu.emulated() else { return };
    let stream = &device.stream;
    let sizes = [5usize, 7, 3];
    let (on_a, on_b) =
        (stream.clone_htod(&numbers(15, 1)).unwrap(), stream.clone_htod(&numbers(21, 2)).unwrap());
    let mut on_c = stream.alloc_zeros::<f32>(35).unwrap();
    let blas = CudaBlas::new(stream.clone()).unwrap();
    let config = GemmConfig { lda: 6, ..config(sizes, [false; 2]) };
    // SAFETY: what is wrong, the driver reports.
    let _ = unsafe { blas.gemm(config, &on_a, &on_b, &mut on_c) };
    assert!(stream.synchronize().is_err());
    std::mem::forget(blas); // its destructor panics in a context that is lost
    let reports = session.reports();
    assert!(
        reports.iter().any(|report| report.contains("column 2 of A: 8 bytes past the end")),
        "{reports:?}"
    );
}
