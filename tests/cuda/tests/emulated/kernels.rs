//! Kernels as they are written for GPUs, against the host: tiles in shared memory, shuffles, trees, scatters.

use cudarc::driver::{LaunchConfig, PushKernelArg};
use equilayer_cuda_tests::{Settings, gpu_with};

use crate::device::{Device, assert_close, blocks, numbers};

const SOURCE: &str = include_str!("kernels.cu");

#[test]
fn tiled_products_of_all_shapes() {
    let Some(device) = Device::new() else { return };
    let kernel = device.module(SOURCE).load_function("gemm_tiled").unwrap();
    for (m, n, k) in [(1usize, 1usize, 1usize), (17, 33, 19), (64, 48, 80), (128, 128, 128)] {
        let (a, b) = (numbers(m * k, 1), numbers(k * n, 2));
        let (on_a, on_b) = (device.stream.clone_htod(&a).unwrap(), device.stream.clone_htod(&b).unwrap());
        // SAFETY: the kernel writes all of it.
        let mut on_c = unsafe { device.stream.alloc::<f32>(m * n) }.unwrap();
        let config = LaunchConfig {
            grid_dim: ((n as u32).div_ceil(16), (m as u32).div_ceil(16), 1),
            block_dim: (16, 16, 1),
            shared_mem_bytes: 0,
        };
        let sizes = [m as i32, n as i32, k as i32];
        let mut launch = device.stream.launch_builder(&kernel);
        launch.arg(&on_a).arg(&on_b).arg(&mut on_c).arg(&sizes[0]).arg(&sizes[1]).arg(&sizes[2]);
        // SAFETY: the arguments are the kernel's, and the buffers as large as its sizes say.
        unsafe { launch.launch(config) }.unwrap();
        let found = device.stream.clone_dtoh(&on_c).unwrap();
        let mut wanted = vec![0.0; m * n];
        for i in 0..m {
            for j in 0..n {
                wanted[i * n + j] = (0..k).map(|p| a[i * k + p] * b[p * n + j]).sum();
            }
        }
        assert_close(&found, &wanted, 1e-5);
    }
}

#[test]
fn rows_and_scatters_in_any_order_with_any_rounding() {
    for (seed, noise) in [(0, false), (7, true)] {
        let Some(gpu) = gpu_with(Settings { seed, noise, ..Settings::default() }) else { return };
        let device = Device::of(gpu);
        for options in [&[][..], &["--use_fast_math"]] {
            let module = device.module_with(SOURCE, options);
            rows_and_scatters(&device, &module, if options.is_empty() { 1e-6 } else { 1e-3 });
        }
    }
}

fn rows_and_scatters(
    device: &Device,
    module: &std::sync::Arc<cudarc::driver::CudaModule>,
    elementwise_tolerance: f32,
) {
    let (rows, columns) = (37usize, 301usize);
    let stream = &device.stream;
    let x: Vec<f32> = numbers(rows * columns, 3).iter().map(|value| value * 6.0).collect();
    let on_x = stream.clone_htod(&x).unwrap();
    // SAFETY: each kernel writes all of it.
    let mut on_y = unsafe { stream.alloc::<f32>(rows * columns) }.unwrap();
    let width = columns as i32;

    let softmax = module.load_function("softmax_row").unwrap();
    let mut launch = stream.launch_builder(&softmax);
    launch.arg(&on_x).arg(&mut on_y).arg(&width);
    // SAFETY: the arguments are the kernel's, and the buffers as large as it needs.
    unsafe { launch.launch(blocks(rows as u32, 128)) }.unwrap();
    assert_close(&stream.clone_dtoh(&on_y).unwrap(), &softmax_on_host(&x, columns), 2e-6);

    let (scale, shift) = (numbers(columns, 4), numbers(columns, 5));
    let (on_scale, on_shift) = (stream.clone_htod(&scale).unwrap(), stream.clone_htod(&shift).unwrap());
    let norm = module.load_function("layernorm_row").unwrap();
    let mut launch = stream.launch_builder(&norm);
    launch.arg(&on_x).arg(&on_scale).arg(&on_shift).arg(&mut on_y).arg(&width).arg(&1e-5f32);
    // SAFETY: as above, with as much shared memory as it has threads.
    unsafe { launch.launch(LaunchConfig { shared_mem_bytes: 512, ..blocks(rows as u32, 128) }) }.unwrap();
    let wanted = norm_on_host(&x, &scale, &shift);
    assert_close(&stream.clone_dtoh(&on_y).unwrap(), &wanted, 5e-6);

    let classes = 11usize;
    let index: Vec<i32> = (0..rows).map(|row| (row * 7 % classes) as i32).collect();
    let on_index = stream.clone_htod(&index).unwrap();
    let mut on_sums = stream.alloc_zeros::<f32>(classes * columns).unwrap();
    let scatter = module.load_function("scatter_add").unwrap();
    let height = rows as i32;
    let mut launch = stream.launch_builder(&scatter);
    launch.arg(&on_index).arg(&on_x).arg(&mut on_sums).arg(&height).arg(&width);
    // SAFETY: as above.
    unsafe { launch.launch(LaunchConfig::for_num_elems((rows * columns) as u32)) }.unwrap();
    let mut wanted = vec![0.0; classes * columns];
    for (at, value) in x.iter().enumerate() {
        wanted[index[at / columns] as usize * columns + at % columns] += value;
    }
    assert_close(&stream.clone_dtoh(&on_sums).unwrap(), &wanted, 2e-6);

    let elementwise = module.load_function("elementwise").unwrap();
    let count = (rows * columns) as u32;
    let mut launch = stream.launch_builder(&elementwise);
    launch.arg(&on_x).arg(&mut on_y).arg(&count);
    // SAFETY: as above.
    unsafe { launch.launch(blocks(9, 96)) }.unwrap();
    let wanted: Vec<f32> = x.iter().map(|&value| elementwise_on_host(f64::from(value))).collect();
    assert_close(&stream.clone_dtoh(&on_y).unwrap(), &wanted, elementwise_tolerance);
}

fn softmax_on_host(x: &[f32], columns: usize) -> Vec<f32> {
    x.chunks(columns)
        .flat_map(|row| {
            let largest = row.iter().copied().fold(f32::MIN, f32::max);
            let exponentials: Vec<f64> = row.iter().map(|value| f64::from(value - largest).exp()).collect();
            let sum: f64 = exponentials.iter().sum();
            exponentials.into_iter().map(move |value| (value / sum) as f32)
        })
        .collect()
}

fn norm_on_host(x: &[f32], scale: &[f32], shift: &[f32]) -> Vec<f32> {
    let columns = scale.len();
    x.chunks(columns)
        .flat_map(|row| {
            let mean = row.iter().map(|&value| f64::from(value)).sum::<f64>() / columns as f64;
            let square = |value: f32| (f64::from(value) - mean).powi(2);
            let variance = row.iter().map(|&value| square(value)).sum::<f64>() / columns as f64;
            let normalised = move |value: f32| ((f64::from(value) - mean) / (variance + 1e-5).sqrt()) as f32;
            row.iter()
                .zip(scale)
                .zip(shift)
                .map(move |((&value, scale), shift)| normalised(value) * scale + shift)
        })
        .collect()
}

fn elementwise_on_host(x: f64) -> f32 {
    let inner = 0.7978845608 * (x + 0.044715 * x * x * x);
    (0.5 * x * (1.0 + inner.tanh()) * (-x.abs()).exp() + 1.0 / (1.0 + x * x).sqrt()) as f32
}
