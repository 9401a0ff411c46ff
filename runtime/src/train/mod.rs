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
//!
//! A step follows the gradient of one batch, or the mean of the gradients of `train.accumulate` batches: losses, negatives,
//! batch statistics and group elements are each batch's own, the teacher and the optimizer move once a step, and metrics,
//! schedules and checkpoints count steps.

mod accumulate;
mod collate;
mod cost;
mod error;
mod feed;
mod finite;
mod pixel_maps;
mod planned;
mod recorder;
mod replay;
mod run;
mod settings;
mod source;
mod trainer;
mod views;

pub use collate::{Collator, StepClock, StepInputs};
pub use error::TrainError;
pub use settings::{EncoderChoice, OptimizerSettings, Settings};
pub use trainer::{Outcome, Trainer};
pub use views::{SampleViews, ViewMaker, ViewOptions};
