//! What can go wrong between this program and a GPU.

use cudarc::driver::DriverError;

use super::product::Form;
use crate::device::Precision;

/// Why a GPU cannot be used, or stopped.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DeviceError {
    /// A library that could not be loaded.
    #[error("{what} was not found: looked for {names} where the system finds libraries. {remedy}")]
    NoLibrary {
        /// "the NVIDIA driver" and the like.
        what: &'static str,
        /// File names.
        names: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// A device that is not there.
    #[error("there is no GPU {asked}: the driver shows {found}; take another number, or `cpu`")]
    NoDevice {
        /// The number asked for.
        asked: usize,
        /// How many there are, in words.
        found: String,
    },
    /// A device that kernels cannot be compiled for.
    #[error(
        "GPU {ordinal} ({name}) has compute capability {}.{}; at least {}.{} is needed (Volta, 2017). Use the `cpu`",
        .found.0, .found.1, .needed.0, .needed.1
    )]
    TooOld {
        /// Its number.
        ordinal: usize,
        /// Its name.
        name: String,
        /// What it can do.
        found: (i32, i32),
        /// What it must.
        needed: (i32, i32),
    },
    /// A device whose tensor cores do not take these numbers.
    #[error(
        "GPU {ordinal} ({name}) has compute capability {}.{}, and {precision} needs 8.0 (Ampere, 2020). Use \
         train.precision=f32 or another GPU", .found.0, .found.1
    )]
    Precision {
        /// Its number.
        ordinal: usize,
        /// Its name.
        name: String,
        /// What it can do.
        found: (i32, i32),
        /// What was asked for.
        precision: Precision,
    },
    /// A call of the driver that failed.
    #[error("CUDA: {call} failed: {reason}{}", remedy(.code))]
    Driver {
        /// What was called.
        call: &'static str,
        /// CUDA's number for it.
        code: u32,
        /// In the driver's words.
        reason: String,
    },
    /// Text that NVRTC does not compile; a mistake of this program.
    #[error("NVRTC does not compile the plan's kernels for {architecture}: {reason}\n{log}")]
    Compile {
        /// The device's architecture.
        architecture: String,
        /// What NVRTC called it.
        reason: String,
        /// What NVRTC said.
        log: String,
    },
    /// A matrix product that cuBLASLt refuses.
    #[error("cuBLASLt: {call} failed: {reason}, for a product [{}, {}] · [{}, {}]", .form.rows, .form.depth, .form.depth, .form.columns)]
    Product {
        /// What was called.
        call: &'static str,
        /// Its status.
        reason: String,
        /// The product.
        form: Box<Form>,
    },
    /// cuBLASLt itself.
    #[error("cuBLASLt cannot be started: {0}. It must come from the same CUDA version as NVRTC")]
    Blas(String),
}

/// What helps against errors of the driver that users meet.
fn remedy(code: &u32) -> &'static str {
    match code {
        3 | 35 | 803 | 804 => {
            ". The driver does not fit this GPU or its kernel module: update it, then restart"
        }
        46 => ". Another process holds the GPU in exclusive mode",
        100 => ". `nvidia-smi` shows which GPUs the driver sees; CUDA_VISIBLE_DEVICES may hide them",
        209 | 222 => ". The driver is older than the CUDA libraries: update it, or install older libraries",
        700 | 715 | 716 | 717 | 718 | 719 => {
            ". A kernel read or wrote what it must not; please report it with the configuration"
        }
        _ => "",
    }
}

/// Names a call of the driver that failed.
pub fn failed(call: &'static str) -> impl Fn(DriverError) -> DeviceError {
    move |error| {
        let text = error.error_string().map(|text| text.to_string_lossy().into_owned());
        let reason = match text {
            Ok(text) => format!("{text} ({:?})", error.0),
            Err(_) => format!("{:?}", error.0),
        };
        DeviceError::Driver { call, code: error.0 as u32, reason }
    }
}
