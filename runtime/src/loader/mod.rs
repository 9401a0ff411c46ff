//! Samples made in parallel, ahead of the step that needs them.
//!
//! A [`Loader`] takes a data set and a function that makes whatever a step needs of one image: views, usually. Worker
//! threads call it for the samples of the coming batches, at most `prefetch` batches ahead, so memory is bounded;
//! batches come out in order. Everything random is a function of the [`SampleKey`]: the number of workers changes
//! nothing, and an epoch can be entered at any batch.
//!
//! An image that cannot be used is passed over: the sample is made of the next image of the epoch's order that can, so
//! every batch is full. Passed-over images are counted, each once, when their batch is taken, and are an error beyond
//! a limit. A panic in the work is an error too.
//!
//! ```
//! use std::sync::Arc;
//! use equilayer::augment::presets;
//! use equilayer::data::{Split, digits};
//! use equilayer::loader::{Loader, LoaderOptions};
//!
//! let [first, second] = presets::digits();
//! let options = LoaderOptions { batch: 64, workers: 2, ..LoaderOptions::default() };
//! let loader = Loader::new(Arc::new(digits(Split::Test)), options, move |image, key| {
//!     [first.apply(image, &key.draw(0)).0, second.apply(image, &key.draw(1)).0]
//! })?;
//! let batch = loader.epoch(0, 0)?.next().expect("31 batches")?;
//! assert_eq!((batch.samples.len(), batch.samples[0][1].len()), (64, 28 * 28));
//! # Ok::<(), equilayer::loader::LoaderError>(())
//! ```

mod epoch;
mod error;
mod order;
mod work;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use epoch::Epoch;
pub use error::LoaderError;

use crate::data::{Dataset, Image};

/// How batches are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoaderOptions {
    /// Samples a batch.
    pub batch: usize,
    /// Threads that make samples. They are busy only while batches are wanted.
    pub workers: usize,
    /// What all random numbers depend on.
    pub seed: u64,
    /// Batches made ahead of the one that is taken next: memory holds this one and those.
    pub prefetch: usize,
    /// Whether each epoch has an order of its own; otherwise images come in the data set's.
    pub shuffle: bool,
    /// Whether a last batch that is not full is left out.
    pub drop_last: bool,
    /// Images that may be unusable; one more is an error.
    pub bad_limit: usize,
}

impl Default for LoaderOptions {
    /// Batches of 256 by as many workers as the machine has cores, two ahead, shuffled, the last dropped, and no
    /// unusable image.
    fn default() -> LoaderOptions {
        LoaderOptions {
            batch: 256,
            workers: std::thread::available_parallelism().map_or(1, |cores| cores.get()),
            seed: 0,
            prefetch: 2,
            shuffle: true,
            drop_last: true,
            bad_limit: 0,
        }
    }
}

/// Which sample: all that its random numbers may depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampleKey {
    /// The run's seed.
    pub seed: u64,
    /// The epoch.
    pub epoch: u64,
    /// The batch within the epoch.
    pub batch: usize,
    /// The place within the batch.
    pub slot: usize,
    /// The image's index in the data set.
    pub image: usize,
}

/// Samples of one step, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch<T> {
    /// The epoch.
    pub epoch: u64,
    /// The batch within the epoch.
    pub index: usize,
    /// The image of each sample: an index into the data set, for labels.
    pub images: Vec<usize>,
    /// What the work made of them.
    pub samples: Vec<T>,
}

type Work<T> = dyn Fn(&Image, SampleKey) -> T + Send + Sync;

/// Makes batches of a data set; see the [module](self).
pub struct Loader<T> {
    dataset: Arc<dyn Dataset>,
    options: LoaderOptions,
    work: Arc<Work<T>>,
    bad: Arc<Mutex<BTreeMap<usize, String>>>,
}

impl<T: Send + 'static> Loader<T> {
    /// A loader of the images of a data set, made samples by `work`. The work is called from many threads; its result
    /// must depend on its arguments alone, or runs cannot be repeated.
    ///
    /// # Errors
    /// When the batch, the workers or the batches ahead are 0, or the images too few for a batch.
    pub fn new(
        dataset: Arc<dyn Dataset>,
        options: LoaderOptions,
        work: impl Fn(&Image, SampleKey) -> T + Send + Sync + 'static,
    ) -> Result<Loader<T>, LoaderError> {
        let counts = [("batch", options.batch), ("workers", options.workers), ("prefetch", options.prefetch)];
        if let Some(&(option, value)) = counts.iter().find(|(_, value)| *value == 0) {
            return Err(LoaderError::Option { option, value });
        }
        let loader = Loader { dataset, options, work: Arc::new(work), bad: Arc::default() };
        if loader.batches() == 0 {
            let (images, batch) = (loader.dataset.len(), loader.options.batch);
            return Err(LoaderError::TooFewImages { dataset: loader.dataset.name().into(), images, batch });
        }
        Ok(loader)
    }

    /// Batches an epoch.
    pub fn batches(&self) -> usize {
        let (images, batch) = (self.dataset.len(), self.options.batch);
        if self.options.drop_last { images / batch } else { images.div_ceil(batch) }
    }

    /// The data set.
    pub fn dataset(&self) -> &dyn Dataset {
        self.dataset.as_ref()
    }

    /// The images passed over in batches taken so far, with what is wrong with them, by index.
    pub fn bad_images(&self) -> Vec<(usize, String)> {
        lock(&self.bad).iter().map(|(&image, problem)| (image, problem.clone())).collect()
    }

    /// Starts an epoch at a batch: 0, or where a run is resumed. Dropping it stops the workers.
    ///
    /// # Errors
    /// When the epoch has no such batch, or no worker can be started. (An epoch entered at its end, at batch
    /// [`batches`](Loader::batches), is over at once.)
    pub fn epoch(&self, epoch: u64, first_batch: usize) -> Result<Epoch<T>, LoaderError> {
        let batches = self.batches();
        if first_batch > batches {
            let dataset = self.dataset.name().into();
            return Err(LoaderError::NoBatch { dataset, batch: first_batch, batches });
        }
        Epoch::start(self, epoch, first_batch)
    }
}

/// The content of a lock, whatever happened to a thread that held it: nothing here is left half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
