//! Images with labels: the IDX format, and a small set that ships with the crate.
//!
//! ```
//! use equilayer::data::{Split, digits};
//!
//! let train = digits(Split::Train);
//! assert_eq!(train.shape(), [8000, 28, 28]);
//! assert_eq!(train.image(0).len(), 28 * 28);      // bytes, row by row, 0 is background
//! assert!(train.labels().iter().all(|&digit| digit < 10));
//! ```

mod digits;
mod error;
mod idx;
mod labelled;

pub use digits::{Split, digits};
pub use error::DataError;
pub use idx::Idx;
pub use labelled::LabelledImages;
