//! Files that a command writes where it was told to.

use std::path::Path;

use super::failure::Failure;
use crate::atomic_file;

/// Writes a file whole, over one of its name.
pub fn write(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let failed = |error| Failure::fault(format!("{}: cannot be written: {error}", path.display()));
    atomic_file::replace(path, failed, |file| file.write_all(content).map_err(failed))
}
