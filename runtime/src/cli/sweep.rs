//! `sweep`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use indicatif::HumanDuration;

use super::failure::Failure;
use super::resume::{self, Resumed};
use super::train::{self, Ended, Session};
use super::{DEFAULT_METHOD, TrainArguments, output};
use crate::assess::Assessment;
use crate::compare::ComparedRun;
use crate::config::Document;
use crate::interrupt::{self, Interrupt};
use crate::plugin::Registry;
use crate::progress::ProgressMode;
use crate::report::render;
use crate::run_directory::RunDirectory;
use crate::sweep::{Axis, RunState, Setting, Sweep, settings};
use crate::train::Trainer;

/// What `sweep` is told.
#[derive(clap::Args)]
pub struct SweepArguments {
    /// The sweep's folder: a new one, or one to go on with.
    folder: PathBuf,
    /// A configuration, TOML; the built-in recipe if not given.
    config: Option<PathBuf>,
    /// Keys with all their values: method.ser.at=none,1..=4 seed=0,1,2; a key with one value is the same in all runs.
    #[arg(value_name = "KEY=VALUE,..")]
    keys: Vec<String>,
    /// List the runs and how far they are, and touch nothing.
    #[arg(long)]
    dry_run: bool,
    /// Say nothing but errors and the table.
    #[arg(long, conflicts_with = "json")]
    quiet: bool,
    /// The result, which sweep.json has too, on standard output.
    #[arg(long)]
    json: bool,
}

const RESULT: &str = "sweep.json";
const REPORT: &str = "report.html";

/// Trains every run that is not there yet, and says after each what the sweep has found so far.
pub fn run(registry: &Registry, mut arguments: SweepArguments) -> Result<ExitCode, Failure> {
    // As for `train`, keys may stand where the configuration would.
    if let Some(first) = arguments.config.take_if(|path| path.to_string_lossy().contains('=')) {
        arguments.keys.insert(0, first.to_string_lossy().into_owned());
    }
    check_folder(&arguments.folder)?;
    let axes = Axis::parse_all(&arguments.keys)?;
    let sweep = Sweep::new(&axes, settings(&axes)?);
    let told: Result<Vec<TrainArguments>, Failure> =
        sweep.runs.iter().map(|run| arguments.of_run(&run.setting)).collect();
    let mut session = Sweeping { registry, folder: &arguments.folder, told: told?, sweep };
    session.check_settings()?;
    if arguments.dry_run {
        return session.dry_run();
    }
    let mode = if arguments.quiet { ProgressMode::Quiet } else { ProgressMode::detect() };
    let interrupt = Interrupt::install().map_err(Failure::fault)?;
    let stopped = session.train_all(mode, &interrupt)?;
    if arguments.json {
        println!("{:#}", session.sweep.to_json());
    } else {
        print!("{}", session.sweep.table());
        println!("report: {}", arguments.folder.join(REPORT).display());
    }
    let failed = session.sweep.runs.iter().any(|run| matches!(run.state, RunState::Failed { .. }));
    Ok(match (stopped, failed) {
        (true, _) => {
            eprintln!("stopped; the same command goes on");
            ExitCode::from(interrupt::EXIT_CODE)
        }
        (false, true) => ExitCode::FAILURE,
        (false, false) => ExitCode::SUCCESS,
    })
}

/// A new folder, an empty one, or a sweep's.
fn check_folder(folder: &Path) -> Result<(), Failure> {
    let name = folder.display();
    if folder.to_string_lossy().contains('=') {
        let usage = "equilayer sweep FOLDER [CONFIG] KEY=VALUE,..";
        return Err(Failure::mistake(format!("`{name}` stands where the sweep's folder goes: {usage}")));
    }
    if folder.is_file() {
        return Err(Failure::mistake(format!(
            "{name}: is a file; the sweep's folder goes before a configuration"
        )));
    }
    match folder.join(RESULT).exists() {
        true => Ok(()),
        false => Ok(RunDirectory::check_vacant(folder)?),
    }
}

impl SweepArguments {
    /// What `train` would be told for a run.
    fn of_run(&self, setting: &Setting) -> Result<TrainArguments, Failure> {
        let mut told = TrainArguments {
            config: self.config.clone(),
            overrides: setting.overrides(),
            ..TrainArguments::default()
        };
        let regularizers = regularizers(&train::configuration(&told)?);
        told.overrides.extend(setting.without(&regularizers)?);
        let folder = self.folder.join(setting.folder()).display().to_string();
        told.overrides.push(format!("train.directory={}", toml::Value::String(folder)));
        Ok(told)
    }
}

/// The regularizers that a configuration lists, as it lists them.
fn regularizers(document: &Document) -> Vec<String> {
    let listed = document.section("method").texts("regularizers", DEFAULT_METHOD.1, "");
    listed.into_iter().map(|(name, _)| name).collect()
}

/// A sweep under way.
struct Sweeping<'a> {
    registry: &'a Registry,
    folder: &'a Path,
    /// For each run, what `train` would be told.
    told: Vec<TrainArguments>,
    sweep: Sweep,
}

/// How the training of a run ended.
enum Trained {
    /// It was finished before.
    Kept,
    /// It is finished now, and all of it was trained now.
    Whole,
    /// It is finished now, after what was trained before.
    Rest,
    /// Somebody asked for an end.
    Interrupted,
}

impl Sweeping<'_> {
    /// Reads the configuration of every setting, and of every seed in one, and meets it with its encoder and images, so
    /// that a mistake in the last is no surprise after hours.
    fn check_settings(&self) -> Result<(), Failure> {
        let (mut groups, mut seeds) = (Vec::new(), Vec::new());
        for (run, told) in self.sweep.runs.iter().zip(&self.told) {
            let (group, seed) = (run.setting.group(), run.setting.seed());
            if groups.contains(&group) && seeds.contains(&seed) {
                continue;
            }
            let (_, settings) = train::understood(train::configuration(told)?, self.registry)?;
            Trainer::new(settings)?;
            groups.push(group);
            seeds.push(seed);
        }
        Ok(())
    }

    fn dry_run(&self) -> Result<ExitCode, Failure> {
        for run in &self.sweep.runs {
            let name = run.setting.folder();
            let folder = self.folder.join(&name);
            let state = match (folder.join("evaluation.json").exists(), folder.join("config.toml").exists()) {
                (true, _) => "evaluated",
                (false, true) => "to go on with",
                (false, false) => "new",
            };
            println!("{name}: {state}");
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Trains one run after the other; says whether it was interrupted.
    fn train_all(&mut self, mode: ProgressMode, interrupt: &Interrupt) -> Result<bool, Failure> {
        let plain = mode != ProgressMode::Quiet;
        let said = |text: &str| {
            if plain {
                eprintln!("{text}");
            }
        };
        let session = Session { mode, interrupt, said: &said };
        let count = self.told.len();
        let mut whole: Vec<Duration> = Vec::new();
        self.write()?;
        for index in 0..count {
            let name = self.sweep.runs[index].setting.folder();
            said(&format!("run {} of {count}: {name}", index + 1));
            let started = Instant::now();
            match self.train(index, &session) {
                Ok(Trained::Kept) => said("  finished before"),
                Ok(Trained::Interrupted) => {
                    self.sweep.runs[index].state = RunState::Interrupted;
                    self.write()?;
                    return Ok(true);
                }
                Ok(Trained::Whole) => whole.push(started.elapsed()),
                Ok(Trained::Rest) => {}
                Err(failure) => {
                    said(&format!("  failed: {}", failure.words()));
                    self.sweep.runs[index].state = RunState::Failed { error: failure.words().into() };
                }
            }
            self.write()?;
            let left = count - index - 1;
            if let (Some(each), 1..) = (mean(&whole), left) {
                // Runs that are kept take no time, and how many there are is not known yet: at most.
                said(&format!("{left} runs left, at most about {}", HumanDuration(each * left as u32)));
            }
            if interrupt.is_requested() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Trains and evaluates a run, if that is not done yet.
    fn train(&mut self, index: usize, session: &Session<'_>) -> Result<Trained, Failure> {
        let told = &self.told[index];
        let folder = self.folder.join(self.sweep.runs[index].setting.folder());
        let begun = folder.join("config.toml").exists();
        let (document, settings, directory) = match begun {
            true => {
                let Resumed { directory, document, settings } = resume::open(self.registry, told)?;
                (document, settings, Some(directory))
            }
            false => {
                let (document, settings) = train::understood(train::configuration(told)?, self.registry)?;
                (document, settings, None)
            }
        };
        let mut trainer = Trainer::new(settings)?;
        let directory = match directory {
            Some(directory) if is_finished(&directory, trainer.total_steps()) => {
                drop(directory);
                self.sweep.runs[index].finish(&ComparedRun::read(&folder)?);
                return Ok(Trained::Kept);
            }
            Some(directory) => {
                directory.write_config(&document.resolved())?;
                directory
            }
            None => train::begin(&folder, &mut trainer, &document, session.said)?,
        };
        match train::pretrain(&mut trainer, &directory, session)? {
            Ended::Interrupted { .. } => Ok(Trained::Interrupted),
            Ended::Finished { .. } => {
                self.sweep.runs[index].finish(&ComparedRun::read(&folder)?);
                Ok(if begun { Trained::Rest } else { Trained::Whole })
            }
        }
    }

    /// Writes the result and the report.
    fn write(&self) -> Result<(), Failure> {
        let failed = |error| Failure::fault(format!("{}: cannot be made: {error}", self.folder.display()));
        std::fs::create_dir_all(self.folder).map_err(failed)?;
        output::write(&self.folder.join(RESULT), format!("{:#}\n", self.sweep.to_json()).as_bytes())?;
        let title = self.folder.file_name().map_or_else(|| "sweep".into(), |name| name.to_string_lossy());
        output::write(&self.folder.join(REPORT), render(&self.sweep.page(&title)).as_bytes())
    }
}

fn mean(durations: &[Duration]) -> Option<Duration> {
    durations.iter().sum::<Duration>().checked_div(durations.len() as u32)
}

/// Whether a run was evaluated after its last step. An evaluation that cannot be read is made again.
fn is_finished(directory: &RunDirectory, steps: u64) -> bool {
    Assessment::read(&directory.evaluation()).is_ok_and(|found| found.step == steps)
}
