//! How fast views are made of images in files: decoding, all augmentations, normalization.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;

use super::error::BenchError;
use super::memory;
use super::record::megabytes;
use crate::augment::{Pipeline, presets};
use crate::data::{Dataset, ImageFolder};
use crate::loader::{Loader, LoaderError, LoaderOptions};

/// Views an image, of which each is measured.
pub const VIEWS: [usize; 2] = [1, 2];

/// A side of a view, pixels.
const SIZE: usize = 224;

/// The smallest share of an image's area that a view shows.
const SMALLEST_CROP: f32 = 0.08;

/// Samples a batch; fewer where there are fewer images.
const BATCH: usize = 32;

/// The rate at which MoCo v3's views of 224 × 224 pixels come out of a [`Loader`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Loading {
    /// What was measured.
    pub workload: &'static str,
    /// Views an image.
    pub views: usize,
    /// Images loaded: every image of the folder once for each epoch.
    pub images: usize,
    /// Threads that made views.
    pub workers: usize,
    /// Images a second.
    pub img_s: f64,
    /// Images a second of each thread.
    pub img_s_worker: f64,
    /// The process's peak, MiB, where the system tells it.
    pub rss_mb: Option<f64>,
}

impl Loading {
    /// Loads a folder's images `epochs` times, after a first batch to warm up.
    ///
    /// # Errors
    /// When the folder has no images or one that cannot be read.
    pub fn measure(
        folder: &Path,
        views: usize,
        workers: usize,
        epochs: usize,
    ) -> Result<Loading, BenchError> {
        memory::reset_peak();
        let dataset = Arc::new(ImageFolder::open_unlabelled(folder)?);
        let batch = BATCH.min(dataset.len());
        let options = LoaderOptions { batch, workers, drop_last: false, ..LoaderOptions::default() };
        let pipelines = presets::moco_v3(SIZE, SMALLEST_CROP)?;
        let loader = Loader::new(dataset, options, move |image, key| {
            let view = |(draw, pipeline): (u64, &Pipeline)| pipeline.apply(image, &key.draw(draw)).0;
            (0..).zip(&pipelines).take(views).map(view).collect::<Vec<_>>()
        })?;
        if let Some(batch) = loader.epoch(0, 0)?.next() {
            batch?;
        }
        let start = Instant::now();
        let images = (1..=epochs as u64).map(|epoch| load(&loader, epoch)).sum::<Result<usize, _>>()?;
        let img_s = images as f64 / start.elapsed().as_secs_f64();
        Ok(Loading {
            workload: "images",
            views,
            images,
            workers,
            img_s,
            img_s_worker: img_s / workers as f64,
            rss_mb: memory::peak_bytes().map(megabytes),
        })
    }
}

/// The images of an epoch, counted.
fn load<T: Send + 'static>(loader: &Loader<T>, epoch: u64) -> Result<usize, LoaderError> {
    loader.epoch(epoch, 0)?.map(|batch| batch.map(|batch| batch.samples.len())).sum()
}

impl fmt::Display for Loading {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Loading { views, images, workers, img_s, img_s_worker, .. } = self;
        write!(
            formatter,
            "{views} view{} of {SIZE} pixels: {img_s:.0} images/s by {workers} threads, {img_s_worker:.0} by each \
             ({images} images",
            if *views == 1 { "" } else { "s" },
        )?;
        match self.rss_mb {
            Some(peak) => write!(formatter, ", peak {peak:.0} MB)"),
            None => write!(formatter, ")"),
        }
    }
}
