//! Tensor cores, by the layouts of the *PTX ISA*: fragments packed on the host, and loaded by `ldmatrix`.

use cudarc::driver::PushKernelArg;
use half::bf16;

use crate::device::{Device, assert_close, blocks, numbers};

const SOURCE: &str = r#"
// Fragments as the host packed them.
extern "C" __global__ void by_fragments(const unsigned* a, const unsigned* b, float* d) {
  int l = threadIdx.x;
  float d0 = 0, d1 = 0, d2 = 0, d3 = 0;
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
    : "+f"(d0), "+f"(d1), "+f"(d2), "+f"(d3)
    : "r"(a[4*l]), "r"(a[4*l+1]), "r"(a[4*l+2]), "r"(a[4*l+3]), "r"(b[2*l]), "r"(b[2*l+1]));
  d[4*l] = d0; d[4*l+1] = d1; d[4*l+2] = d2; d[4*l+3] = d3;
}
// tf32: A[16, 8] and B[8, 8], row by row; C onto what is there.
extern "C" __global__ void in_tf32(const float* a, const float* b, float* c) {
  int l = threadIdx.x, g = l / 4, t = l % 4;
  unsigned fa[4], fb[2];
  for (int i = 0; i < 4; i++)
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(fa[i]) : "f"(a[(g + 8 * (i % 2)) * 8 + t + 4 * (i / 2)]));
  for (int i = 0; i < 2; i++) asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(fb[i]) : "f"(b[(t + 4 * i) * 8 + g]));
  float d[4];
  for (int i = 0; i < 4; i++) d[i] = c[(g + 8 * (i / 2)) * 8 + 2 * t + i % 2];
  asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
    : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
    : "r"(fa[0]), "r"(fa[1]), "r"(fa[2]), "r"(fa[3]), "r"(fb[0]), "r"(fb[1]));
  for (int i = 0; i < 4; i++) c[(g + 8 * (i / 2)) * 8 + 2 * t + i % 2] = d[i];
}
// bf16 A[16, 16] and B[16, 8], row by row, copied to shared memory and loaded as matrices of 8 by 8.
extern "C" __global__ void by_ldmatrix(const uint4* a, const uint4* b, float* c) {
  __shared__ __align__(16) unsigned short sa[16 * 16];
  __shared__ __align__(16) unsigned short sb[16 * 8];
  int l = threadIdx.x, g = l / 4, t = l % 4;
  unsigned to = (unsigned)__cvta_generic_to_shared(sa) + 16 * l;
  asm volatile("cp.async.ca.shared.global [%0], [%1], 16;" :: "r"(to), "l"(a + l));
  if (l < 16) ((uint4*)sb)[l] = b[l];
  asm volatile("cp.async.commit_group;\n cp.async.wait_group 0;" ::: "memory");
  __syncwarp();
  unsigned fa[4], fb[2];
  unsigned row = (unsigned)__cvta_generic_to_shared(sa + (l % 16) * 16 + (l / 16) * 8);
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
    : "=r"(fa[0]), "=r"(fa[1]), "=r"(fa[2]), "=r"(fa[3]) : "r"(row));
  row = (unsigned)__cvta_generic_to_shared(sb + (l % 16) * 8);
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1}, [%2];" : "=r"(fb[0]), "=r"(fb[1]) : "r"(row));
  float d[4] = {0, 0, 0, 0};
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
    : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
    : "r"(fa[0]), "r"(fa[1]), "r"(fa[2]), "r"(fa[3]), "r"(fb[0]), "r"(fb[1]));
  for (int i = 0; i < 4; i++) c[(g + 8 * (i / 2)) * 8 + 2 * t + i % 2] = d[i];
}
// Pairs of bf16: rounded from f32, fused, and back.
extern "C" __global__ void in_pairs(const float* x, float* y) {
  int i = threadIdx.x;
  unsigned p, q;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(p) : "f"(x[2*i+1]), "f"(x[2*i]));
  asm("fma.rn.bf16x2 %0, %1, %1, %1;" : "=r"(q) : "r"(p));
  y[2*i] = __uint_as_float(q << 16);
  y[2*i+1] = __uint_as_float(q & 0xffff0000u);
}
"#;

/// C = A B, row by row, onto `c`.
fn product(a: &[f32], b: &[f32], c: &[f32], [m, n, k]: [usize; 3]) -> Vec<f32> {
    let element = |i: usize, j: usize| {
        let sum: f64 = (0..k).map(|p| f64::from(a[i * k + p]) * f64::from(b[p * n + j])).sum();
        (f64::from(c[i * n + j]) + sum) as f32
    };
    (0..m * n).map(|at| element(at / n, at % n)).collect()
}

fn halves(count: usize, seed: u64) -> Vec<bf16> {
    numbers(count, seed).into_iter().map(bf16::from_f32).collect()
}

fn wide(values: &[bf16]) -> Vec<f32> {
    values.iter().map(|value| value.to_f32()).collect()
}

#[test]
fn fragments_lie_as_the_tables_draw_them() {
    let Some(device) = Device::new() else { return };
    let kernel = device.module(SOURCE).load_function("by_fragments").unwrap();
    let (a, b) = (halves(16 * 16, 1), halves(16 * 8, 2));
    let pair = |low: bf16, high: bf16| u32::from(low.to_bits()) | u32::from(high.to_bits()) << 16;
    let (mut of_a, mut of_b) = (vec![0u32; 128], vec![0u32; 64]);
    for lane in 0..32 {
        let (g, t) = (lane / 4, lane % 4);
        for index in 0..4 {
            let (row, column) = (g + 8 * (index % 2), 2 * t + 8 * (index / 2));
            of_a[4 * lane + index] = pair(a[row * 16 + column], a[row * 16 + column + 1]);
        }
        for index in 0..2 {
            let row = 2 * t + 8 * index;
            of_b[2 * lane + index] = pair(b[row * 8 + g], b[(row + 1) * 8 + g]);
        }
    }
    let (on_a, on_b) = (device.stream.clone_htod(&of_a).unwrap(), device.stream.clone_htod(&of_b).unwrap());
    let mut on_d = device.stream.alloc_zeros::<f32>(128).unwrap();
    let mut launch = device.stream.launch_builder(&kernel);
    launch.arg(&on_a).arg(&on_b).arg(&mut on_d);
    // SAFETY: the arguments are the kernel's, four, two and four values for each thread.
    unsafe { launch.launch(blocks(1, 32)) }.unwrap();
    let found = device.stream.clone_dtoh(&on_d).unwrap();
    let wanted = product(&wide(&a), &wide(&b), &[0.0; 128], [16, 8, 16]);
    let place = |at: usize| {
        let (lane, index) = (at / 4, at % 4);
        (lane / 4 + 8 * (index / 2)) * 8 + lane % 4 * 2 + index % 2
    };
    let wanted: Vec<f32> = (0..128).map(|at| wanted[place(at)]).collect();
    assert_close(&found, &wanted, 1e-6);
}

#[test]
fn tf32_rounds_factors_and_adds_in_f32() {
    let Some(device) = Device::new() else { return };
    let kernel = device.module(SOURCE).load_function("in_tf32").unwrap();
    let (a, b, c) = (numbers(16 * 8, 1), numbers(8 * 8, 2), numbers(16 * 8, 3));
    let (on_a, on_b) = (device.stream.clone_htod(&a).unwrap(), device.stream.clone_htod(&b).unwrap());
    let mut on_c = device.stream.clone_htod(&c).unwrap();
    let mut launch = device.stream.launch_builder(&kernel);
    launch.arg(&on_a).arg(&on_b).arg(&mut on_c);
    // SAFETY: the arguments are the kernel's, of the sizes it names.
    unsafe { launch.launch(blocks(1, 32)) }.unwrap();
    // Ties away from zero, to 10 bits of fraction.
    let rounded = |values: &[f32]| {
        values.iter().map(|value| f32::from_bits((value.to_bits() + 0x1000) & !0x1fff)).collect::<Vec<_>>()
    };
    let wanted = product(&rounded(&a), &rounded(&b), &c, [16, 8, 8]);
    assert_close(&device.stream.clone_dtoh(&on_c).unwrap(), &wanted, 1e-6);
}

#[test]
fn matrices_load_and_turn() {
    let Some(device) = Device::new() else { return };
    let kernel = device.module(SOURCE).load_function("by_ldmatrix").unwrap();
    let (a, b) = (halves(16 * 16, 1), halves(16 * 8, 2));
    let (on_a, on_b) = (device.stream.clone_htod(&a).unwrap(), device.stream.clone_htod(&b).unwrap());
    let mut on_c = device.stream.alloc_zeros::<f32>(128).unwrap();
    let mut launch = device.stream.launch_builder(&kernel);
    launch.arg(&on_a).arg(&on_b).arg(&mut on_c);
    // SAFETY: the arguments are the kernel's, of the sizes it names.
    unsafe { launch.launch(blocks(1, 32)) }.unwrap();
    let wanted = product(&wide(&a), &wide(&b), &[0.0; 128], [16, 8, 16]);
    assert_close(&device.stream.clone_dtoh(&on_c).unwrap(), &wanted, 1e-6);
}

#[test]
fn pairs_of_bf16_are_rounded_once() {
    let Some(device) = Device::new() else { return };
    let kernel = device.module(SOURCE).load_function("in_pairs").unwrap();
    let x = numbers(256, 9);
    let on_x = device.stream.clone_htod(&x).unwrap();
    let mut on_y = device.stream.alloc_zeros::<f32>(256).unwrap();
    let mut launch = device.stream.launch_builder(&kernel);
    launch.arg(&on_x).arg(&mut on_y);
    // SAFETY: the arguments are the kernel's, two values for each thread.
    unsafe { launch.launch(blocks(1, 128)) }.unwrap();
    let wanted: Vec<f32> = x
        .iter()
        .map(|&x| {
            // Exact in f64; and numbers of 8 bits give 17, which rounding by way of f32 does not touch.
            let x = f64::from(bf16::from_f32(x).to_f32());
            bf16::from_f32((x * x + x) as f32).to_f32()
        })
        .collect();
    assert_eq!(device.stream.clone_dtoh(&on_y).unwrap(), wanted);
}
