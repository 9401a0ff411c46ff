//! How a command ends that cannot do what it was told.

use std::fmt::Display;
use std::process::ExitCode;

use crate::compare::CompareError;
use crate::config::ConfigError;
use crate::run_directory::RunDirectoryError;
use crate::sweep::SweepError;
use crate::train::TrainError;

/// A message and an exit code.
#[derive(Debug)]
pub struct Failure {
    message: String,
    code: u8,
}

impl Failure {
    /// The user's mistake: exit code 2.
    pub fn mistake(message: impl Display) -> Failure {
        Failure { message: format!("error: {message}"), code: 2 }
    }

    /// Something that failed: exit code 1.
    pub fn fault(message: impl Display) -> Failure {
        Failure { message: format!("error: {message}"), code: 1 }
    }

    /// What is wrong, alone.
    pub fn words(&self) -> &str {
        self.message.strip_prefix("error: ").unwrap_or(&self.message)
    }

    /// Says it on standard error.
    pub fn report(self) -> ExitCode {
        eprintln!("{}", self.message);
        ExitCode::from(self.code)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Failure {
        Failure { message: error.to_string(), code: 2 }
    }
}

/// Input and output fail; all else is a folder that was not meant.
impl From<RunDirectoryError> for Failure {
    fn from(error: RunDirectoryError) -> Failure {
        match error {
            RunDirectoryError::Io { .. } => Failure::fault(error),
            _ => Failure::mistake(error),
        }
    }
}

impl From<SweepError> for Failure {
    fn from(error: SweepError) -> Failure {
        Failure::mistake(error)
    }
}

/// A folder may not have been meant; files in a run's folder should be whole.
impl From<CompareError> for Failure {
    fn from(error: CompareError) -> Failure {
        match error {
            CompareError::Folder(error) => error.into(),
            other => Failure::fault(other),
        }
    }
}

impl From<TrainError> for Failure {
    fn from(error: TrainError) -> Failure {
        if error.is_mistake() { Failure::mistake(error) } else { Failure::fault(error) }
    }
}
