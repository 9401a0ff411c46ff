//! `devices`.

use std::process::ExitCode;

use equilayer_engine::device_list;

use super::failure::Failure;

/// Lists what `--device` may name, and says why there is no GPU where there is none.
pub fn list() -> Result<ExitCode, Failure> {
    for line in device_list() {
        println!("{line}");
    }
    Ok(ExitCode::SUCCESS)
}
