//! Pretraining: from a configuration to a run directory.
//!
//! ```text
//! Document ──▶ Settings ──▶ Trainer ──▶ run directory
//!                              │
//!     data set ──▶ Loader ──▶ ViewMaker (per sample, in parallel) ──▶ StepInputs (per step) ──▶ plan
//! ```
//!
//! A [`ViewMaker`] makes everything that a step needs of one image; a [`Collator`] puts samples together, draws what the
//! batch shares, and says which shapes the step has. The trainer keeps plans by shape and everything it learns in the
//! executor, by name. All random numbers depend on (seed, epoch or step, sample, use) alone, so that the number of workers
//! and threads changes nothing and a resumed run repeats the bits.

mod collate;
mod encode;
mod finite;
mod replay;
mod settings;
mod trainer;
mod views;

pub use collate::{Collator, StepInputs};
pub use encode::{FeatureExtractor, Read};
pub use settings::{EncoderChoice, OptimizerSettings, Settings};
pub use trainer::{Outcome, TrainError, Trainer};
pub use views::{SampleViews, ViewMaker, ViewOptions};
