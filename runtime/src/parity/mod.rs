//! Reference values from outside: computations made by others' code, computed again and compared.
//!
//! A parity file is one safetensors file with a computation's inputs, its outputs and, where it has a loss, the
//! gradients. Its metadata name the `case`, the case's `params` as JSON, and the `source`. Tensors are `in.NAME`,
//! `out.NAME`, `grad.NAME` (the gradient of `out.loss` with respect to `in.NAME`, or to a parameter) and `param.NAME`,
//! all of them f32, scalars of shape `[1]`. Researchers prove the port of a method with such files; our tests prove ours.
//!
//! What is known by name is a closed list, [`known_cases`]: a file is recomputed by code that is there, never by what it
//! says itself. Beside the cases of this crate it has the loss of every plugin of the program, `loss.NAME`: a plugin of
//! one's own is compared with a file of its inputs, its heads' parameters and what they gave elsewhere.
//!
//! A plugin's tensors are named after what its signature asks for. The argument `z: Pair<..>` is `in.z.student` and
//! `in.z.source`; `views: Views<..>` is `in.views.0`, `in.views.1`; `Untransformed` and `Orbit` are `in.ARGUMENT`;
//! `rho: Relative` is its matrix `in.rho`, `[to, from]` or one a sample, and `in.rho.valid` where some places are not;
//! `Differences` are `in.ARGUMENT.crop` and so on, `Parameters` and `Positions` are `in.ARGUMENT.0` and `.1`. A head has
//! `param.HEAD.LAYER.weight`, `[in, out]`, and `.bias`, layers as declared and as wide as in the file; a state is
//! `param.ARGUMENT`, and behind the step `out.ARGUMENT`. Knobs are the parameters of their names, or their defaults.
//!
//! Every output and gradient that a file holds is compared; one that its case does not have is an error, so
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

use crate::plugin::Registry;
use file::ParityFile;

/// Computes each file's case again, on a device, and compares. Files that cannot be used are part of the report.
pub fn run(files: &[PathBuf], tolerance: Tolerance, registry: &Registry, device: DeviceChoice) -> Report {
    Report { files: files.iter().map(|path| check(path, tolerance, registry, device)).collect() }
}

fn check(path: &Path, tolerance: Tolerance, registry: &Registry, device: DeviceChoice) -> FileReport {
    let file = path.display().to_string();
    let parity = match ParityFile::read(path) {
        Ok(parity) => parity,
        Err(error) => return FileReport::unusable(file, None, error),
    };
    let case = parity.case().to_owned();
    match cases::compute(&parity, registry, device)
        .and_then(|values| compare::compare(&parity, &values, tolerance))
    {
        Ok((largest, differences)) => FileReport::compared(file, case, largest, differences),
        Err(error) => FileReport::unusable(file, Some(case), error),
    }
}
