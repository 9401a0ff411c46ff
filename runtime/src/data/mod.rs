//! Images: what a data set is, readers for the usual ones, and a small set that ships with the crate.
//!
//! A [`Dataset`] gives decoded [`Image`]s by index; everything above it — [`augment`](crate::augment),
//! [`loader`](crate::loader), evaluation — knows only this trait, so an own data set is one `impl`. The readers here
//! check what they can when they open: counts, labels, torn files. What only decoding shows, a corrupt picture, is an
//! error of that one image.
//!
//! ```
//! use equilayer::data::{Dataset, Split, digits};
//!
//! let train = digits(Split::Train);
//! assert_eq!(train.shape(), [8000, 28, 28]);
//! assert_eq!(train.image(0).len(), 28 * 28);      // bytes, row by row, 0 is background
//! assert!(train.labels().iter().all(|&digit| digit < 10));
//! assert_eq!(train.classes().len(), 10);          // as a `Dataset`
//! ```

mod cifar;
mod dataset;
mod decode;
mod digits;
mod error;
mod folder;
mod idx;
mod image;
mod imagenet_c;
mod imagenet_p;
mod labelled;
mod registry;
mod shards;

pub use cifar::Cifar;
pub use dataset::Dataset;
pub use decode::decode_image;
pub use digits::{Split, digits};
pub use error::DataError;
pub use folder::ImageFolder;
pub use idx::Idx;
pub use image::{Image, luma};
pub use imagenet_c::{CorruptedFolders, CorruptedImages};
pub use imagenet_p::{PerturbedFolders, Sequences};
pub use labelled::LabelledImages;
pub use registry::{DatasetRegistration, OpenDataset, registered};
pub use shards::TarShards;
