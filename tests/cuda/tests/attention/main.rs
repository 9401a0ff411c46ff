//! Attention on tensor cores, forward and backward, beside the reference in `f64`.

mod bounds;
mod sizes;

use std::path::Path;

use equilayer_engine::cuda::lower::lower;
use equilayer_engine::reference::evaluate;
use equilayer_engine::{CudaExecutor, CudaOptions, Executor, Outputs, Precision};

use bounds::Bounds;
use sizes::Sizes;

/// Fewer tokens than a fragment of 16 and than a tile of 64, as many, more, more than a block has, and enough for two
/// fragments a warp; one head and several, of every kind of width.
const SIZES: [Sizes; 10] = [
    Sizes::new([2, 5, 3, 16]),
    Sizes::new([1, 33, 2, 32]),
    Sizes::new([2, 50, 3, 64]),
    Sizes::new([1, 64, 2, 64]),
    Sizes::new([2, 70, 1, 64]),
    Sizes::new([1, 70, 2, 16]),
    Sizes::new([1, 197, 1, 32]),
    Sizes::new([1, 520, 1, 16]),
    Sizes::new([1, 33, 2, 48]),
    Sizes::new([1, 70, 1, 128]),
];

const ON_TENSOR_CORES: [&str; 3] = ["attention_bf16", "attention_keys_bf16", "attention_queries_bf16"];

/// Kernels of attention's products, without the hashes of their texts.
fn kernels(sizes: Sizes, precision: Precision) -> Vec<String> {
    let lowered = lower(&sizes.plan(), precision).unwrap();
    let names =
        lowered.kernels().into_iter().map(|kernel| kernel.name.rsplit_once('_').unwrap().0.to_owned());
    names.filter(|name| name.starts_with("attention") && name != "attention_along").collect()
}

#[test]
fn tensor_cores_are_for_rounded_factors_and_whole_fragments() {
    for sizes in SIZES {
        assert_eq!(kernels(sizes, Precision::Bf16), ON_TENSOR_CORES, "{sizes:?}");
    }
    let single = ["attention", "attention_keys", "attention_queries"];
    for precision in [Precision::F32, Precision::Tf32] {
        assert_eq!(kernels(SIZES[2], precision), single);
    }
    for width in [1, 7, 24, 144] {
        assert_eq!(kernels(Sizes::new([1, 5, 1, width]), Precision::Bf16), single, "width {width}");
    }
}

/// The outputs of a run, the same bits by single launches, recorded and repeated.
fn run(sizes: Sizes, fed: &[(&str, &[f32])], precision: Precision, kernels: &Path) -> Outputs {
    let plan = sizes.plan();
    let options =
        CudaOptions { precision, kernel_cache: Some(kernels.to_path_buf()), ..CudaOptions::default() };
    let mut executor = CudaExecutor::new(options).unwrap();
    let first = executor.run(&plan, fed).unwrap();
    for way in ["recorded", "repeated"] {
        let again = executor.run(&plan, fed).unwrap();
        for name in ["out", "d_qkv"] {
            let bits = |outputs: &Outputs| -> Vec<u32> {
                outputs.get(name).unwrap().iter().map(|x| x.to_bits()).collect()
            };
            assert!(bits(&first) == bits(&again), "{sizes:?}, {way}: {name} has other bits");
        }
    }
    first
}

/// The largest error, in parts of its bound.
fn largest(found: &[f32], wanted: &[f64], bounds: &[f64]) -> f64 {
    assert_eq!(found.len(), wanted.len());
    let errors = found.iter().zip(wanted).map(|(&found, wanted)| (f64::from(found) - wanted).abs());
    let parts = errors.zip(bounds).map(|(error, bound)| error / bound);
    // A NaN is larger than all.
    parts.fold(0.0, |a, b| if b > a || b.is_nan() { b } else { a })
}

/// Compares attentions of all sizes with the reference, on inputs that have 8 bits already or 24.
fn agrees_with_the_reference(are_short: bool) {
    let Some(_gpu) = equilayer_cuda_tests::gpu() else { return };
    let folder = tempfile::tempdir().unwrap();
    for sizes in SIZES {
        let values = sizes.values(are_short);
        let fed: Vec<(&str, Vec<f32>)> =
            values.iter().map(|(name, array)| (name.as_str(), array.to_f32())).collect();
        let fed: Vec<(&str, &[f32])> = fed.iter().map(|(name, values)| (*name, values.as_slice())).collect();
        let reference = evaluate(&sizes.graph(), &values).unwrap();
        let bounds = Bounds::new(sizes, &values, are_short);
        let rounded = run(sizes, &fed, Precision::Bf16, folder.path());
        let full = run(sizes, &fed, Precision::F32, folder.path());
        for (name, bounds) in [("out", &bounds.out), ("d_qkv", &bounds.d_qkv)] {
            let parts =
                |outputs: &Outputs| largest(outputs.get(name).unwrap(), reference[name].data(), bounds);
            let [rounded, full] = [&rounded, &full].map(parts);
            println!("{sizes:?}: {name} off by {rounded:.3} of its bound, by {full:.1e} in f32");
            assert!(rounded < 1.0, "{sizes:?}: {name} is off by {rounded} of its bound");
            assert!(rounded > 4.0 * full, "{sizes:?}: {name} is as in f32: {rounded} and {full}");
        }
    }
}

#[test]
fn attention_of_numbers_of_8_bits_rounds_probabilities_and_slopes_only() {
    agrees_with_the_reference(true);
}

#[test]
fn attention_rounds_factors_once() {
    agrees_with_the_reference(false);
}
