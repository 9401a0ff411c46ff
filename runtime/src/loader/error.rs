//! What can go wrong while batches are made.

use crate::data::DataError;

/// Why there is no loader, or no further batch.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoaderError {
    /// An option that cannot be.
    #[error("loader: {option} is {value}, and must be at least 1")]
    Option {
        /// The option.
        option: &'static str,
        /// Its value.
        value: usize,
    },

    /// No batch would ever come.
    #[error(
        "{dataset}: has {images} images, too few for one batch of {batch}; take a smaller batch or more \
         images"
    )]
    TooFewImages {
        /// The data set.
        dataset: String,
        /// How many images it has.
        images: usize,
        /// The batch asked for.
        batch: usize,
    },

    /// A batch that the epoch does not have.
    #[error("{dataset}: there is no batch {batch} in an epoch of {batches}; start at one below")]
    NoBatch {
        /// The data set.
        dataset: String,
        /// The batch asked for.
        batch: usize,
        /// How many an epoch has.
        batches: usize,
    },

    /// More images than allowed cannot be used.
    #[error(
        "{dataset}: {bad} images cannot be used, and {limit} are allowed; repair or remove them, or raise the limit \
         (data.bad_images in a configuration). The last: {last}"
    )]
    TooManyBad {
        /// The data set.
        dataset: String,
        /// How many images cannot be used.
        bad: usize,
        /// How many are allowed.
        limit: usize,
        /// What is wrong with the last of them.
        last: DataError,
    },

    /// Not one image can be used.
    #[error("{dataset}: none of its {images} images can be used; repair them. The last: {last}")]
    NoneUsable {
        /// The data set.
        dataset: String,
        /// How many images it has.
        images: usize,
        /// What is wrong with the last that was tried.
        last: DataError,
    },

    /// The data set or the work on a sample panicked, which is a mistake in its code.
    #[error("{dataset}: the work on image {image} panicked: {message}; this is a mistake in its code")]
    Panic {
        /// The data set.
        dataset: String,
        /// The image's index.
        image: usize,
        /// What the panic said.
        message: String,
    },

    /// The operating system would not start a worker.
    #[error("loader: a worker cannot be started: {0}; ask for fewer workers")]
    Worker(std::io::Error),
}
