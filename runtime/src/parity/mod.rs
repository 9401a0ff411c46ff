//! Reference values from outside: computations made by others' code, computed again and compared.
//!
//! A parity file is one safetensors file with a computation's inputs, its outputs and, where it has a loss, the
//! gradients. Its metadata name the `case`, the case's `params` as JSON, and the `source`. Tensors are `in.NAME`,
//! `out.NAME`, `grad.NAME` (the gradient of `out.loss` with respect to `in.NAME`, or to a parameter) and `param.NAME`,
//! all of them f32, scalars of shape `[1]`. Researchers prove the port of a method with such files; our tests prove ours.
//!
//! What is known by name is a closed list, [`known_cases`]: a file is recomputed by code of this crate, never by what it
//! says itself. Every output and gradient that a file holds is compared; one that its case does not have is an error, so
//! that nothing passes by not being looked at.

mod cases;
mod compare;
mod file;
mod report;

use std::path::{Path, PathBuf};

use equilayer_engine::DeviceChoice;

pub use cases::known_cases;
pub use compare::{Difference, Tolerance};
pub use file::ParityError;
pub use report::{FileReport, Outcome, Report, Verdict};

use file::ParityFile;

/// Computes each file's case again, on a device, and compares. Files that cannot be used are part of the report.
pub fn run(files: &[PathBuf], tolerance: Tolerance, device: DeviceChoice) -> Report {
    Report { files: files.iter().map(|path| check(path, tolerance, device)).collect() }
}

fn check(path: &Path, tolerance: Tolerance, device: DeviceChoice) -> FileReport {
    let file = path.display().to_string();
    let parity = match ParityFile::read(path) {
        Ok(parity) => parity,
        Err(error) => return FileReport::unusable(file, None, error),
    };
    let case = parity.case().to_owned();
    match cases::compute(&parity, device).and_then(|values| compare::compare(&parity, &values, tolerance)) {
        Ok((largest, differences)) => FileReport::compared(file, case, largest, differences),
        Err(error) => FileReport::unusable(file, Some(case), error),
    }
}
