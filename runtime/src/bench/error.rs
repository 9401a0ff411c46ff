//! Why a workload cannot be run.

use crate::action::ActionError;
use crate::augment::AugmentError;
use crate::data::DataError;
use crate::loader::LoaderError;
use crate::program::ProgramError;

/// Why a workload cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A plugin of the workload's method is not linked into this program.
    #[error("the workload {workload} needs a plugin that this program does not have: {why}")]
    Plugin {
        /// The workload.
        workload: &'static str,
        /// The registry's words.
        why: String,
    },
    /// The workload and the batch do not fit.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// An action that cannot be drawn or applied.
    #[error("the views of a step cannot be made: {0}")]
    Views(String),
    /// A folder whose images cannot be listed.
    #[error(transparent)]
    Data(#[from] DataError),
    /// An image that cannot be loaded.
    #[error(transparent)]
    Loader(#[from] LoaderError),
    /// Augmentations that are none.
    #[error(transparent)]
    Augment(#[from] AugmentError),
    /// The executor failed.
    #[error(transparent)]
    Engine(#[from] equilayer_engine::Error),
    /// A trace that cannot be written.
    #[error("{path}: cannot be written: {error}")]
    Trace {
        /// The file.
        path: String,
        /// What the system said.
        error: std::io::Error,
    },
}

impl BenchError {
    /// Whether other arguments would help, rather than another machine.
    pub fn is_mistake(&self) -> bool {
        matches!(
            self,
            BenchError::Plugin { .. }
                | BenchError::Program(ProgramError::Method(_))
                | BenchError::Data(_)
                | BenchError::Loader(_)
        )
    }
}

impl From<ActionError> for BenchError {
    fn from(error: ActionError) -> BenchError {
        BenchError::Views(error.to_string())
    }
}
