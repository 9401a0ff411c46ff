//! Why a run cannot start, or had to stop.

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
    /// A run to resume has no checkpoint.
    #[error("{0}: there is no checkpoint yet; start the run again in another folder")]
    NoCheckpoint(String),
    /// A loss or gradient that is not finite.
    #[error(
        "step {step}: {term} is {value}; the weights before the step are in the last checkpoint, the step's inputs in {replay}"
    )]
    NotFinite {
        /// The step.
        step: u64,
        /// The first output that is not finite.
        term: String,
        /// Its value.
        value: f32,
        /// Where the inputs were written.
        replay: String,
    },
    /// The encoder could not be assessed.
    #[error(transparent)]
    Assess(#[from] AssessError),
    /// A file that cannot be written.
    #[error("{0}")]
    Write(String),
}

impl TrainError {
    /// Whether the user's input is to blame: exit code 2, not 1.
    pub fn is_mistake(&self) -> bool {
        matches!(
            self,
            TrainError::Program(ProgramError::Method(_))
                | TrainError::Guard(_)
                | TrainError::Action(_)
                | TrainError::Views(_)
                | TrainError::Directory(_)
                | TrainError::NoCheckpoint(_)
                | TrainError::Loader(_)
        )
    }
}
