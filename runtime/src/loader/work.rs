//! One sample, whatever happens.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::{LoaderError, LoaderOptions, SampleKey, Work};
use crate::data::{DataError, Dataset};

/// What came of one place in a batch.
pub(super) struct Made<T> {
    /// The image and what was made of it.
    pub sample: Result<(usize, T), LoaderError>,
    /// The images that could not be used before it.
    pub bad: Vec<(usize, DataError)>,
}

/// Everything that workers need to make samples of an epoch.
pub(super) struct Maker<T> {
    pub dataset: Arc<dyn Dataset>,
    pub options: LoaderOptions,
    pub work: Arc<Work<T>>,
    pub epoch: u64,
    pub order: Vec<usize>,
}

impl<T> Maker<T> {
    /// The sample at a position of the epoch. An unusable image is replaced by the next of the order, until they are
    /// more than allowed, or all.
    pub fn make(&self, position: usize) -> Made<T> {
        let mut bad = Vec::new();
        loop {
            let image = self.order[(position + bad.len()) % self.order.len()];
            let sample = match catch_unwind(AssertUnwindSafe(|| self.sample(position, image))) {
                Ok(Ok(sample)) => Ok((image, sample)),
                Ok(Err(last)) if bad.len() == self.options.bad_limit => {
                    Err(self.too_many(bad.len() + 1, last))
                }
                Ok(Err(last)) if bad.len() + 1 == self.order.len() => Err(self.none_usable(last)),
                Ok(Err(problem)) => {
                    bad.push((image, problem));
                    continue;
                }
                Err(payload) => Err(self.panicked(image, payload.as_ref())),
            };
            return Made { sample, bad };
        }
    }

    fn sample(&self, position: usize, image: usize) -> Result<T, DataError> {
        let pixels = self.dataset.image(image)?;
        let LoaderOptions { batch, seed, .. } = self.options;
        let (batch, slot) = (position / batch, position % batch);
        Ok((self.work)(&pixels, SampleKey { seed, epoch: self.epoch, batch, slot, image }))
    }

    /// The error of `bad` unusable images.
    pub fn too_many(&self, bad: usize, last: DataError) -> LoaderError {
        LoaderError::TooManyBad {
            dataset: self.dataset.name().into(),
            bad,
            limit: self.options.bad_limit,
            last,
        }
    }

    fn none_usable(&self, last: DataError) -> LoaderError {
        LoaderError::NoneUsable { dataset: self.dataset.name().into(), images: self.order.len(), last }
    }

    fn panicked(&self, image: usize, payload: &(dyn Any + Send)) -> LoaderError {
        let text = payload.downcast_ref::<&str>().copied();
        let message = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        LoaderError::Panic {
            dataset: self.dataset.name().into(),
            image,
            message: message.unwrap_or("without a message").into(),
        }
    }
}
