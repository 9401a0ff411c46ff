//! How many images a second a core decodes and augments: JPEG files to MoCo v3's views of 224 pixels.
//!
//! cargo run --release -p equilayer-examples --example loader_throughput              # 64 files made for it, 500×375
//! cargo run --release -p equilayer-examples --example loader_throughput -- FOLDER    # the JPEG and PNG files there

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use equilayer::augment::{Draw, Pipeline, presets};
use equilayer::data::{Dataset, Image, ImageFolder};
use equilayer::loader::{Loader, LoaderOptions, SampleKey};

const FILES: usize = 64;
const WIDTH: usize = 500;
const HEIGHT: usize = 375;
const ROUNDS: u64 = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let made = tempfile::tempdir()?;
    let given = std::env::args().nth(1);
    if given.is_none() {
        make_files(made.path())?;
    }
    let files = ImageFolder::open_unlabelled(given.as_deref().map_or(made.path(), Path::new))?;
    let files: Arc<dyn Dataset> = Arc::new(files);
    println!("{} images of {}", files.len(), files.name());

    let [first, second] = presets::moco_v3(224, 0.08)?;
    let one = first.clone();
    measure("decode", 1, &files, |_, _| Vec::new())?;
    measure("decode + 1 view", 1, &files, move |image, key| view(&one, image, key, 0))?;
    let two = move |image: &Image, key| [view(&first, image, key, 0), view(&second, image, key, 1)].concat();
    measure("decode + 2 views", 1, &files, two.clone())?;
    let cores = std::thread::available_parallelism()?.get();
    measure("decode + 2 views", cores, &files, two)
}

fn view(pipeline: &Pipeline, image: &Image, key: SampleKey, purpose: u64) -> Vec<f32> {
    pipeline.apply(image, &key.draw(purpose)).0
}

/// Prints the images a second of the fastest of some epochs, by worker.
fn measure(
    what: &str,
    workers: usize,
    files: &Arc<dyn Dataset>,
    work: impl Fn(&Image, SampleKey) -> Vec<f32> + Send + Sync + 'static,
) -> Result<(), Box<dyn Error>> {
    let options = LoaderOptions { batch: files.len().min(FILES), workers, ..LoaderOptions::default() };
    let images = options.batch;
    let loader = Loader::new(files.clone(), options, work)?;
    let mut fastest = f64::INFINITY;
    for epoch in 0..ROUNDS {
        let start = Instant::now();
        let batches = loader.epoch(epoch, 0)?.collect::<Result<Vec<_>, _>>()?;
        fastest = fastest.min(start.elapsed().as_secs_f64() / (batches.len() * images) as f64);
    }
    let speed = 1.0 / fastest;
    println!("{what:>16}, {workers} workers: {speed:6.0} images/s, {:6.0} a worker", speed / workers as f64);
    Ok(())
}

/// Writes sums of noise at six scales, which is roughly what photographs are to an encoder, at quality 90.
fn make_files(folder: &Path) -> Result<(), Box<dyn Error>> {
    for file in 0..FILES {
        let mut pixels = vec![0.0_f32; WIDTH * HEIGHT * 3];
        for (octave, weight) in [0.06, 0.08, 0.11, 0.15, 0.2, 0.4].into_iter().enumerate() {
            add_noise(&mut pixels, 1 << octave, weight, &mut Draw::new(file as u64, &[octave as u64]));
        }
        let bytes: Vec<u8> = pixels.into_iter().map(|pixel| pixel as u8).collect();
        let path = folder.join(format!("{file:02}.jpg"));
        let mut encoder = jpeg_encoder::Encoder::new_file(path, 90)?;
        encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_2_2);
        encoder.encode(&bytes, WIDTH as u16, HEIGHT as u16, jpeg_encoder::ColorType::Rgb)?;
    }
    Ok(())
}

/// Adds noise of one value every `step` pixels, bilinear between them.
fn add_noise(pixels: &mut [f32], step: usize, weight: f32, draw: &mut Draw) {
    let (columns, rows) = (WIDTH / step + 2, HEIGHT / step + 2);
    let noise: Vec<f32> = (0..columns * rows * 3).map(|_| draw.uniform(0.0, 255.0)).collect();
    for (cell, pixel) in pixels.chunks_exact_mut(3).enumerate() {
        let (y, x) = (cell / WIDTH, cell % WIDTH);
        let part = |position: usize| (position % step) as f32 / step as f32;
        for (channel, value) in pixel.iter_mut().enumerate() {
            let at = |down, right| noise[((y / step + down) * columns + x / step + right) * 3 + channel];
            let [top, bottom] = [0, 1].map(|down| at(down, 0) + part(x) * (at(down, 1) - at(down, 0)));
            *value += weight * (top + part(y) * (bottom - top));
        }
    }
}
