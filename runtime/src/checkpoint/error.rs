//! What can be wrong with a checkpoint.

use std::io;

use super::{Mismatch, VERSION};

/// A checkpoint that cannot be written or used: which one, what is wrong with it, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The file system refused.
    #[error("{file}: cannot be {action}: {source}{}", remedy(.source))]
    Io {
        /// The file or folder.
        file: String,
        /// "read", "written", …
        action: &'static str,
        /// The system's reason.
        source: io::Error,
    },

    /// The file is shorter than it says.
    #[error(
        "{file}: torn: it ends after {found} of {expected} bytes; resume from an earlier checkpoint, or copy it again"
    )]
    Torn {
        /// The file.
        file: String,
        /// Bytes that it should have.
        expected: u64,
        /// Bytes that are there.
        found: u64,
    },

    /// The content is not what was written.
    #[error("{file}: corrupt: {detail}; resume from an earlier checkpoint, or copy it again")]
    Corrupt {
        /// The file.
        file: String,
        /// How that shows.
        detail: String,
    },

    /// Some other file.
    #[error("{file}: not a checkpoint of a run: {detail}; give a file of a run's `checkpoints` folder")]
    Foreign {
        /// The file.
        file: String,
        /// How that shows.
        detail: String,
    },

    /// A later program wrote the file.
    #[error(
        "{file}: has version {found} of the format, this program reads up to {VERSION}; update equilayer"
    )]
    Newer {
        /// The file.
        file: String,
        /// Its version.
        found: u32,
    },

    /// The file is of another program.
    #[error("{file}: does not fit the program that this configuration makes:{mismatch}")]
    Mismatch {
        /// The file.
        file: String,
        /// The difference.
        mismatch: Mismatch,
    },

    /// The executor refused.
    #[error(transparent)]
    Engine(#[from] equilayer_engine::Error),
}

impl CheckpointError {
    /// Whether the file is damaged, so that an earlier one may serve; any other error needs a decision by the user.
    pub fn is_damage(&self) -> bool {
        matches!(self, CheckpointError::Torn { .. } | CheckpointError::Corrupt { .. })
    }

    /// Names the file and what was done with it.
    pub(super) fn io(file: impl ToString, action: &'static str) -> impl Fn(io::Error) -> CheckpointError {
        move |source| CheckpointError::Io { file: file.to_string(), action, source }
    }
}

fn remedy(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::StorageFull => {
            "; free some space and resume from the last checkpoint, which is intact"
        }
        io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            "; ask for a larger quota and resume from the last checkpoint, which is intact"
        }
        io::ErrorKind::PermissionDenied => "; check who may write there",
        _ => "",
    }
}
