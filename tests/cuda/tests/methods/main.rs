//! Runs of the product on the GPU: MoCo v3, DINO and Barlow Twins with SER on a tiny vision transformer, through
//! loader, trainer and checkpoints, follow the same runs on the processor.

mod checkpoints;
mod runs;

use equilayer::engine::{DeviceChoice, Precision};

use runs::{BARLOW_TWINS, DINO, MOCO_V3, apart, train, trainer};

/// Steps of a run.
const STEPS: u64 = 20;

/// How far losses may be from the processor's after 20 steps: in `f32`, and with products of bfloat16, whose 8 bits are
/// off by up to 0.4 % in each factor.
const BOUNDS: [f64; 2] = [1e-4, 0.1];

fn follows_the_cpu(objective: &str, keys: &[&str]) {
    let Some(gpu) = equilayer_cuda_tests::gpu() else { return };
    let run = |device, precision| train(&mut trainer(objective, keys, device, precision));
    let expected = run(DeviceChoice::Cpu, Precision::F32);
    assert!(expected.len() >= 2 * STEPS as usize, "{expected:?}");
    let full = apart(&expected, &run(DeviceChoice::Cuda(0), Precision::F32));
    if let Some(session) = gpu.emulated() {
        let launches = session.counters().graph_launches;
        assert!(launches >= STEPS - 1, "only {launches} steps were recorded ones");
    }
    let rounded = apart(&expected, &run(DeviceChoice::Cuda(0), Precision::Bf16));
    println!(
        "{objective} + ser, {STEPS} steps: losses at most {full:.1e} apart in f32, {rounded:.1e} in bf16"
    );
    assert!(full < BOUNDS[0], "{objective}: {full} apart in f32");
    assert!(rounded < BOUNDS[1], "{objective}: {rounded} apart in bf16");
    assert!(rounded > 10.0 * full, "bf16 changed next to nothing: {rounded} and {full}");
}

#[test]
fn moco_v3_with_ser_follows_the_cpu() {
    follows_the_cpu("moco_v3", MOCO_V3);
}

#[test]
fn dino_with_ser_follows_the_cpu() {
    follows_the_cpu("dino", DINO);
}

#[test]
fn barlow_twins_with_ser_follows_the_cpu() {
    follows_the_cpu("barlow_twins", BARLOW_TWINS);
}
