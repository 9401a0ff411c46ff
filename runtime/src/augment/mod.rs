//! Views of images, each with the parameters that made it.
//!
//! A [`Pipeline`] is a list of steps, as data. It works in two moves: [`draw`](Pipeline::draw) makes the random choices
//! for an image's size and returns them as [`Parameters`]; [`transform`](Pipeline::transform) does what they say. The
//! same parameters give the same view, so AugSelf and EquiMod can be told what happened, STL and CARE can
//! share one transformation in a group, and any view of a run can be made again from its key.
//!
//! Steps work on planes of bytes, as decoders give and PIL keeps them; only the end of a pipeline makes floats. What a
//! step is called and how it counts follows torchvision. A [`Draw`] is a function of its key: no generator has
//! state that workers could share.
//!
//! ```
//! use equilayer::augment::{Draw, presets};
//! use equilayer::data::{Dataset, Split, digits};
//!
//! let train = digits(Split::Train);
//! let [first, second] = presets::digits();
//! let image = Dataset::image(&train, 0)?;
//! let (pixels, parameters) = first.apply(&image, &Draw::new(7, &[0, 0]));
//! assert_eq!(pixels.len(), 28 * 28);
//! assert_eq!(parameters, first.draw([28, 28], &Draw::new(7, &[0, 0])));
//! # let _ = second;
//! # Ok::<(), equilayer::data::DataError>(())
//! ```

mod blur;
mod color;
mod crop;
mod draw;
mod error;
mod frame;
mod parameters;
mod pipeline;
pub mod presets;
mod step;
mod targets;

pub use blur::GaussianBlur;
pub use color::{ColorJitter, Grayscale, Solarize};
pub use crop::{CenterCrop, HorizontalFlip, QuarterTurn, RandomResizedCrop};
pub use draw::Draw;
pub use error::AugmentError;
pub use frame::Frame;
pub use parameters::{CropBox, Jitter, JitterPart, Parameters};
pub use pipeline::{Normalize, Pipeline};
pub use step::{Augmentation, Step};
pub use targets::{AugSelfTargets, EQUIMOD_COMPONENTS, Standardization, augself_targets, equimod_vector};
