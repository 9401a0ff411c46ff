//! Why a run cannot start, or had to stop.

use equilayer_engine::Precision;

use crate::action::ActionError;
use crate::assess::AssessError;
use crate::checkpoint::CheckpointError;
use crate::loader::LoaderError;
use crate::metrics::MetricsError;
use crate::program::{GuardError, ProgramError};
use crate::run_directory::RunDirectoryError;

/// Why a run cannot start, or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The method, the encoder and the batch do not fit.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// A term does not train what it should.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// An action that cannot be drawn.
    #[error(transparent)]
    Action(#[from] ActionError),
    /// Views that cannot be made.
    #[error("{0}")]
    Views(String),
    /// Images that cannot be loaded.
    #[error(transparent)]
    Loader(#[from] LoaderError),
    /// Not one step an epoch.
    #[error(
        "`train.accumulate`: {accumulate} batches make a step, and an epoch has {batches}; accumulate fewer, take a \
         smaller train.batch or more images"
    )]
    FewBatches {
        /// Batches an epoch.
        batches: u64,
        /// Batches a step.
        accumulate: u64,
    },
    /// Numbers that only a GPU multiplies.
    #[error(
        "`train.precision`: {0} is for GPUs, and `train.device` is cpu, which multiplies in f32; take that, or cuda"
    )]
    Precision(Precision),
    /// The executor failed.
    #[error(transparent)]
    Engine(#[from] equilayer_engine::Error),
    /// The run's folder.
    #[error(transparent)]
    Directory(#[from] RunDirectoryError),
    /// A checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Metrics that cannot be written.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// A checkpoint was made with other images.
    #[error(
        "{directory}: the data set has changed: step {step} was in epoch {then}, and is in epoch {now} with the \
         {images} images that there are now; bring the old images back, or start a new run in another folder"
    )]
    OtherImages {
        /// The folder of the run.
        directory: String,
        /// Steps done.
        step: u64,
        /// Epochs finished and samples drawn since, as the checkpoint has it.
        then: String,
        /// The same with the images there are.
        now: String,
        /// How many they are.
        images: usize,
    },
    /// A loss, gradient or weight that is not finite.
    #[error(
        "step {step}: {term} is {value}. {kept}; the step's inputs are in {replay}. Lower optim.lr, warm up for longer \
         or set optim.clip, in a new run"
    )]
    NotFinite {
        /// The step, from 1, as in the metrics.
        step: u64,
        /// The first loss, gradient norm or state that is not finite.
        term: String,
        /// Its value.
        value: f32,
        /// Which checkpoint there is from before.
        kept: String,
        /// Where the inputs were written.
        replay: String,
    },
    /// The inputs of a step that went wrong cannot be written.
    #[error("{file}: the inputs of a step that is not finite cannot be written: {source}")]
    Replay {
        /// The file.
        file: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The encoder could not be assessed.
    #[error(transparent)]
    Assess(#[from] AssessError),
}

impl TrainError {
    /// Whether the user's input is to blame: exit code 2, not 1.
    pub fn is_mistake(&self) -> bool {
        matches!(
            self,
            TrainError::Program(ProgramError::Method(_) | ProgramError::Term { .. })
                | TrainError::Guard(_)
                | TrainError::Action(_)
                | TrainError::Views(_)
                | TrainError::FewBatches { .. }
                | TrainError::Precision(_)
                | TrainError::Directory(_)
                | TrainError::OtherImages { .. }
                | TrainError::Loader(_)
        )
    }
}
