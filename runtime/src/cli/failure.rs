//! How a command ends that cannot do what it was told.

use std::fmt::Display;
use std::process::ExitCode;

use crate::config::ConfigError;
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

impl From<TrainError> for Failure {
    fn from(error: TrainError) -> Failure {
        if error.is_mistake() { Failure::mistake(error) } else { Failure::fault(error) }
    }
}
