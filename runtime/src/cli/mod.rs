//! The command line.
//!
//! A program that brings its own plugins has the same commands as the binary `equilayer`: its main is
//! `equilayer_plugins::link(); equilayer::cli::run()`. Plugins are found in the registry; their names and knobs appear in
//! the help, in `methods`, and as keys of the configuration.
//!
//! A mistake of the user's exits with code 2, a failure with 1, an interrupted run with 130.

mod failure;
mod help;
mod methods;
mod resume;
mod train;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::plugin::Registry;
use failure::Failure;

/// Self-supervised learning with a declared symmetry at a declared layer.
///
/// Without a command: pretrains MoCo v3 + SER on the bundled digits, as `train` without a configuration does.
#[derive(Parser)]
#[command(name = "equilayer", version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Pretrain an encoder.
    Train(TrainArguments),
    /// List the methods: objectives and regularizers, with their places and knobs.
    Methods {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print one method: what it is, where it sits, its heads and knobs.
    Explain {
        /// Its name, as `methods` lists it.
        name: String,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

/// What `train` is told besides its configuration.
#[derive(clap::Args, Default)]
struct TrainArguments {
    /// A configuration, TOML; everything has a default. With --resume: the folder of the run, or nothing.
    config: Option<PathBuf>,
    /// Keys to set or override: method.ser.layer=6 optim.lr=3e-4
    #[arg(value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Go on with a run, by its own configuration: the one whose folder stands where the file would, or the one in
    /// `train.directory`.
    #[arg(long)]
    resume: bool,
    /// Print the resolved configuration, the plan's cost and memory, and touch nothing.
    #[arg(long)]
    dry_run: bool,
    /// Say nothing but errors.
    #[arg(long, conflicts_with = "json")]
    quiet: bool,
    /// Progress as lines of JSON on standard output.
    #[arg(long)]
    json: bool,
}

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    let registry = Registry::linked();
    let mut command = Cli::command();
    if let Ok(registry) = &registry {
        command = command.mut_subcommand("train", |train| train.after_long_help(help::keys(registry)));
    }
    let cli = match command.try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let outcome = registry.map_err(Failure::mistake).and_then(|registry| match cli.command {
        None => train::run(&registry, TrainArguments::default()),
        Some(Command::Train(arguments)) => train::run(&registry, arguments),
        Some(Command::Methods { json }) => methods::list(&registry, json),
        Some(Command::Explain { name, json }) => methods::explain(&registry, &name, json),
    });
    match outcome {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}
