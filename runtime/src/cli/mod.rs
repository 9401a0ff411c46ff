//! The command line.
//!
//! A program that brings its own plugins has the same commands as the binary `equilayer`: its main is
//! `equilayer_plugins::link(); equilayer::cli::run()`. Plugins are found in the registry; their names and knobs appear in
//! the help, in `methods`, and as keys of the configuration.
//!
//! A mistake of the user's exits with code 2, a failure with 1, an interrupted run with 130.

mod bench;
mod compare;
mod devices;
mod evaluate;
mod export;
mod failure;
mod help;
mod loaded;
mod methods;
mod new;
mod output;
mod parity;
mod resume;
mod summary;
mod sweep;
mod train;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use equilayer_engine::DeviceChoice;

use crate::assess::Read;
use crate::interrupt;
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

/// The method of a configuration that names none.
const DEFAULT_METHOD: (&str, &[&str]) = ("moco_v3", &[]);

#[derive(Subcommand)]
enum Command {
    /// Pretrain an encoder.
    Train(TrainArguments),
    /// Train a grid of runs, keys with several values each; go on with one; set the results side by side.
    Sweep(sweep::SweepArguments),
    /// Set runs side by side: where their configurations differ, and what was measured.
    Compare(compare::CompareArguments),
    /// Evaluate a run: linear probe, kNN, collapse, equivariance by layer, beside raw pixels and the untrained encoder.
    Eval(EvaluateArguments),
    /// Write the report of a run again.
    Report {
        /// The run's folder.
        run: PathBuf,
    },
    /// Write a run's encoder as safetensors, in timm's names.
    Export {
        /// The run's folder.
        run: PathBuf,
        /// The file to write.
        #[arg(long, value_name = "FILE.safetensors")]
        to: PathBuf,
    },
    /// Write what a run's encoder makes of images, as a NumPy file.
    Features {
        /// The run's folder.
        run: PathBuf,
        /// The file to write.
        #[arg(long, value_name = "FILE.npy")]
        to: PathBuf,
        /// embedding, last4 or tokens(LAYER); what the run's evaluation reads if not given.
        #[arg(long)]
        read: Option<Read>,
        /// Which images.
        #[arg(long, value_enum, default_value = "test")]
        split: export::Part,
    },
    /// List what can compute: the processor, and the GPUs that are found.
    Devices,
    /// Compare reference values of others' code with what is computed here.
    Parity(parity::ParityArguments),
    /// Measure training steps of fixed workloads beside what the machine can do: time, work, memory.
    Bench(bench::BenchArguments),
    /// Write a crate to start from: a regularizer of its own, a recipe and a test.
    New(new::NewArguments),
    /// Print a shell's completions: `equilayer completions zsh > ~/.zfunc/_equilayer`.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// List the methods: objectives and regularizers, with their places and costs.
    Methods {
        /// As JSON.
        #[arg(long)]
        json: bool,
        /// The JSON Schema of a configuration's methods, for editors.
        #[arg(long, conflicts_with = "json")]
        schema: bool,
    },
    /// Print one method: what it is, where it sits, its heads and knobs, what it costs by part.
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
    /// What computes: cpu, cuda, cuda:N, or auto for a GPU where there is one; the key train.device.
    #[arg(long)]
    device: Option<DeviceChoice>,
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

/// What `eval` is told.
#[derive(clap::Args)]
struct EvaluateArguments {
    /// The run's folder.
    run: PathBuf,
    /// Keys of the configuration to change for this evaluation: evaluate.images=1000
    #[arg(value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// What probes read of the encoder: embedding, last4 or tokens(LAYER).
    #[arg(long)]
    read: Option<Read>,
    /// What computes: cpu, cuda, cuda:N or auto; the run's own device if not given.
    #[arg(long)]
    device: Option<DeviceChoice>,
    /// Robustness too: nine corruptions at five severities, generated on the fly.
    #[arg(long)]
    corruptions: bool,
    /// Accuracy on ImageNet-C's images: CORRUPTION/SEVERITY/CLASS/IMAGE in a folder.
    #[arg(long, value_name = "FOLDER")]
    imagenet_c: Option<PathBuf>,
    /// Flip rates along ImageNet-P's sequences: PERTURBATION/CLASS/SEQUENCE/FRAME in a folder.
    #[arg(long, value_name = "FOLDER")]
    imagenet_p: Option<PathBuf>,
    /// The evaluation as JSON on standard output.
    #[arg(long)]
    json: bool,
}

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    if let Err(error) = interrupt::end_with_the_reader() {
        return Failure::fault(error).report();
    }
    let registry = Registry::linked();
    let mut command = Cli::command();
    if let Ok(registry) = &registry {
        command = command.mut_subcommand("train", |train| train.after_long_help(help::keys(registry)));
    }
    let cli = match command.try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let instructions = equilayer_engine::cpu::check_instructions().map_err(Failure::mistake);
    let registry = instructions.and_then(|()| registry.map_err(Failure::mistake));
    let outcome = registry.and_then(|registry| match cli.command {
        None => train::run(&registry, TrainArguments::default()),
        Some(Command::Train(arguments)) => train::run(&registry, arguments),
        Some(Command::Sweep(arguments)) => sweep::run(&registry, arguments),
        Some(Command::Compare(arguments)) => compare::run(&arguments),
        Some(Command::Eval(arguments)) => evaluate::evaluate(&registry, arguments),
        Some(Command::Report { run }) => evaluate::report(&run),
        Some(Command::Export { run, to }) => export::weights(&registry, &run, &to),
        Some(Command::Features { run, to, read, split }) => {
            export::features(&registry, &run, &to, read, split)
        }
        Some(Command::Devices) => devices::list(),
        Some(Command::New(arguments)) => new::run(&arguments),
        Some(Command::Completions { shell }) => Ok(completions(shell)),
        Some(Command::Parity(arguments)) => parity::run(&registry, &arguments),
        Some(Command::Bench(arguments)) => bench::run(&registry, &arguments),
        Some(Command::Methods { schema: true, .. }) => methods::schema(&registry),
        Some(Command::Methods { json, .. }) => methods::list(&registry, json),
        Some(Command::Explain { name, json }) => methods::explain(&registry, &name, json),
    });
    match outcome {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

/// Prints completions of this program, by the name that it has.
fn completions(shell: clap_complete::Shell) -> ExitCode {
    let program = std::env::current_exe().ok();
    let name = program.as_deref().and_then(|program| program.file_stem()?.to_str()).unwrap_or("equilayer");
    clap_complete::generate(shell, &mut Cli::command(), name, &mut std::io::stdout());
    ExitCode::SUCCESS
}
