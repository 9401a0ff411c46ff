//! The command line.
//!
//! A program that brings its own plugins has the same commands as the binary `equilayer`: its main is
//! `equilayer_plugins::link(); equilayer::cli::run()`.

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

/// Self-supervised learning with a declared symmetry at a declared layer.
///
/// There are no commands yet: training comes with the first methods.
#[derive(Parser)]
#[command(name = "equilayer", version)]
struct Cli {}

/// Runs the command that the process was started with.
///
/// Without arguments it prints the help and succeeds. A mistake in the arguments is explained on standard error and
/// exits with code 2.
pub fn run() -> ExitCode {
    let Cli {} = Cli::parse();
    match Cli::command().print_help() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE, // standard output is gone; there is nobody to tell
    }
}
