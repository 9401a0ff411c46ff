//! Inference with an exported encoder: reads a file of weights, and finds the digits that look most alike to it.
//!
//! cargo run -p equilayer-examples --example inference                          # of an encoder as it begins
//! cargo run --release && cargo run -- export runs/latest --to encoder.safetensors
//! cargo run -p equilayer-examples --example inference -- encoder.safetensors   # of the digits recipe

use std::error::Error;
use std::path::PathBuf;

use equilayer::assess::{FeatureExtractor, Read};
use equilayer::augment::Normalize;
use equilayer::data::{DataError, Dataset, LabelledImages, Split, digits};
use equilayer::encoder::{self, VitConfig};
use equilayer::engine::{CpuExecutor, CpuOptions, Executor};
use equilayer::evaluate::{Features, KnnOptions, knn};

/// The encoder of `runtime/recipes/digits.toml`.
fn config() -> VitConfig {
    VitConfig {
        patch: 7,
        width: 96,
        depth: 4,
        cls_after: 0,
        frozen_patch_embedding: false,
        ..VitConfig::digits()
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let file = match std::env::args().nth(1) {
        Some(file) => PathBuf::from(file),
        None => begin(folder.path().join("encoder.safetensors"))?,
    };
    let extractor = FeatureExtractor::new(&config(), "", &[Read::Embedding], 100, [28, 28])?;
    let mut executor = CpuExecutor::new(CpuOptions::default())?;
    executor.prepare(extractor.plan())?;
    for (name, values) in encoder::import(&file, &config(), "")? {
        executor.set_state(&format!("encoder.{name}"), &values)?;
    }
    let (train, test) = (digits(Split::Train), digits(Split::Test));
    let known = features(&extractor, &mut executor, &train, 2000)?;
    let asked = features(&extractor, &mut executor, &test, 500)?;
    for result in knn(&known, &asked, &KnnOptions { neighbours: vec![20], ..KnnOptions::default() })? {
        for measurement in result.measurements("500 test images, 2,000 known")? {
            println!("{} {:.3}: {}", measurement.name, measurement.value, measurement.evaluation.protocol);
        }
    }
    Ok(())
}

/// An encoder that nothing has trained, exported.
fn begin(file: PathBuf) -> Result<PathBuf, Box<dyn Error>> {
    let extractor = FeatureExtractor::new(&config(), "", &[Read::Embedding], 1, [28, 28])?;
    let mut executor = CpuExecutor::new(CpuOptions::default())?;
    executor.prepare(extractor.plan())?;
    encoder::export(&file, &config(), "encoder.", &executor)?;
    Ok(file)
}

/// Embeddings of the first images of a set.
fn features(
    extractor: &FeatureExtractor,
    executor: &mut CpuExecutor,
    set: &LabelledImages,
    count: usize,
) -> Result<Features, Box<dyn Error>> {
    // Mean and deviation of the digits, as in training.
    let normalize = Normalize::gray(0.1307, 0.3081);
    let pixels = |index| Ok(normalize.pixels(Dataset::image(set, index)?));
    let pixels: Vec<Vec<f32>> = (0..count).map(pixels).collect::<Result<_, DataError>>()?;
    let pixels = pixels.concat();
    let values = extractor.run(executor, &pixels)?.swap_remove(0);
    let labels = set.labels()[..count].iter().map(|&label| u32::from(label)).collect();
    Ok(Features::new(values, extractor.widths()[0])?.labelled(labels, 10)?)
}
