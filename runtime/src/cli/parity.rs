//! `parity`.

use std::path::PathBuf;
use std::process::ExitCode;

use equilayer_engine::{CpuOptions, DeviceChoice, DeviceExecutor, Precision};

use super::failure::Failure;
use crate::parity::{self, Tolerance};
use crate::plugin::Registry;

/// What `parity` is told.
#[derive(clap::Args)]
pub struct ParityArguments {
    /// Parity files: safetensors with a `case` in their metadata.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Allowed difference, in units of the file's value.
    #[arg(long, default_value_t = Tolerance::default().relative, value_parser = tolerance)]
    rtol: f64,
    /// Allowed difference, whatever the file's value.
    #[arg(long, default_value_t = Tolerance::default().absolute, value_parser = tolerance)]
    atol: f64,
    /// What computes: cpu, cuda, cuda:N, or auto for a GPU where there is one.
    #[arg(long, default_value_t)]
    device: DeviceChoice,
    /// The report as JSON on standard output.
    #[arg(long)]
    json: bool,
}

/// Computes files again and compares.
pub fn run(registry: &Registry, arguments: &ParityArguments) -> Result<ExitCode, Failure> {
    let tolerance = Tolerance { relative: arguments.rtol, absolute: arguments.atol };
    // A device that cannot be used is no fault of the files.
    DeviceExecutor::new(arguments.device, Precision::F32, CpuOptions::default()).map_err(Failure::fault)?;
    let report = parity::run(&arguments.files, tolerance, registry, arguments.device);
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report).map_err(Failure::fault)?);
    } else {
        println!("{report}");
    }
    Ok(ExitCode::from(report.verdict().exit_code()))
}

fn tolerance(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| format!("{text} is no number"))?;
    match number >= 0.0 && number.is_finite() {
        true => Ok(number),
        false => Err(format!("{text} is no tolerance: write a number from 0 on")),
    }
}
