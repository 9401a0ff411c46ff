//! `train`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use super::failure::Failure;
use super::resume::{self, Resumed};
use super::{DEFAULT_METHOD, TrainArguments, evaluate, summary};
use crate::assess::{Assessment, Extent};
use crate::config::Document;
use crate::interrupt::{self, Interrupt};
use crate::metrics::{self, MetricsWriter, Record};
use crate::plugin::Registry;
use crate::progress::ProgressMode;
use crate::run_directory::RunDirectory;
use crate::train::{Outcome, Settings, Trainer};

/// What is done when no configuration is given.
const RECIPE: &str = include_str!("../../recipes/digits.toml");

/// The folder of runs that are given none. An earlier run there is set aside; one that was named is never moved.
const LATEST: &str = "runs/latest";

/// Pretrains, evaluates and reports.
pub fn run(registry: &Registry, mut arguments: TrainArguments) -> Result<ExitCode, Failure> {
    // `train method.ser.layer=6`: an override may stand where the file would.
    if let Some(first) = arguments.config.take_if(|path| path.to_string_lossy().contains('=')) {
        arguments.overrides.insert(0, first.to_string_lossy().into_owned());
    }
    arguments.overrides.extend(arguments.device.map(|device| format!("train.device={device}")));
    let (run, document, settings) = match arguments.resume {
        true => {
            let Resumed { directory, document, settings } = resume::open(registry, &arguments)?;
            (Some(directory), document, settings)
        }
        false => {
            let (document, settings) = understood(configuration(&arguments)?, registry)?;
            (None, document, settings)
        }
    };
    let path = settings.directory.clone();
    let mut trainer = Trainer::new(settings)?;
    if arguments.dry_run {
        return dry_run(&document, &mut trainer);
    }
    let plain = !arguments.quiet && !arguments.json;
    let said = |text: &str| {
        if plain {
            println!("{text}");
        }
    };
    let directory = match run {
        Some(run) => {
            run.write_config(&document.resolved())?;
            run
        }
        None => begin(&path, &mut trainer, &document, &said)?,
    };
    let mode = match (arguments.quiet, arguments.json) {
        (true, _) => ProgressMode::Quiet,
        (_, true) => ProgressMode::Json,
        _ => ProgressMode::detect(),
    };
    let interrupt = Interrupt::install().map_err(Failure::fault)?;
    let started = Instant::now();
    said(&format!("{} in {}: {} steps", trainer.settings().method, path.display(), trainer.total_steps()));
    let session = Session { mode, interrupt: &interrupt, said: &said };
    match pretrain(&mut trainer, &directory, &session)? {
        Ended::Interrupted { step, report } => {
            said(&format!("report so far: {}", report.display()));
            said(&format!("stopped after step {step}; go on with `train --resume {}`", path.display()));
            Ok(ExitCode::from(interrupt::EXIT_CODE))
        }
        Ended::Finished { found, report } => {
            said(&format!("\n{}", summary::table(&found, trainer.settings().bench().tap)));
            let (steps, seconds) = (trainer.total_steps(), started.elapsed().as_secs_f64());
            said(&format!("{steps} steps and evaluation in {seconds:.0} s"));
            said(&format!("report: {}", report.display()));
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// How runs of a command are shown and stopped.
pub(super) struct Session<'a> {
    pub mode: ProgressMode,
    pub interrupt: &'a Interrupt,
    /// Where a line of text goes.
    pub said: &'a dyn Fn(&str),
}

/// How a run ended, with its report.
pub(super) enum Ended {
    /// Trained and evaluated.
    Finished { found: Assessment, report: PathBuf },
    /// Asked to stop after this step.
    Interrupted { step: u64, report: PathBuf },
}

/// Trains to the end and evaluates; leaves everything in the run's folder.
pub(super) fn pretrain(
    trainer: &mut Trainer,
    directory: &RunDirectory,
    session: &Session<'_>,
) -> Result<Ended, Failure> {
    if let Outcome::Interrupted(step) = trainer.run(directory, session.mode, session.interrupt)? {
        return Ok(Ended::Interrupted { step, report: evaluate::write_report(directory)? });
    }
    let mut say = |what: &str| (session.said)(&format!("{what} …"));
    let found = trainer.assess(trainer.total_steps(), Extent::default(), &mut say)?;
    log(directory, &found, trainer.settings().epochs as u64)?;
    let report = evaluate::write(directory, &found)?;
    Ok(Ended::Finished { found, report })
}

/// Makes the folder of a new run, after a rehearsal of its first step: what is refused leaves no trace, and moves no
/// earlier run.
pub(super) fn begin(
    path: &Path,
    trainer: &mut Trainer,
    document: &Document,
    said: &dyn Fn(&str),
) -> Result<RunDirectory, Failure> {
    let replaces = path == Path::new(LATEST) && path.join("config.toml").exists();
    if !replaces {
        RunDirectory::check_vacant(path)?;
    }
    trainer.rehearse()?;
    if replaces {
        let aside = RunDirectory::set_aside(path)?;
        said(&format!("the run that was in {LATEST} is now in {}", aside.display()));
    }
    Ok(RunDirectory::create(path, &document.resolved())?)
}

/// Adds the final evaluation to the metrics, once: a run may be resumed after its end.
fn log(directory: &RunDirectory, found: &Assessment, epoch: u64) -> Result<(), Failure> {
    let last = Record { step: found.step, epoch, seconds: None, values: values(found) };
    let same = |earlier: &Record| earlier.step == last.step && earlier.values.keys().eq(last.values.keys());
    if metrics::read(directory.metrics()).map_err(Failure::fault)?.iter().any(same) {
        return Ok(());
    }
    MetricsWriter::resume(directory.metrics(), found.step)
        .and_then(|mut metrics| metrics.write(&last))
        .map_err(Failure::fault)
}

/// The final evaluation's accuracies as metrics: `evaluation/linear_probe/trained`.
fn values(found: &Assessment) -> std::collections::BTreeMap<String, f64> {
    let accuracies = found.findings.iter().filter(|finding| finding.measurement.name == "accuracy");
    let named = |finding: &crate::assess::Finding| {
        let (test, subject) = (finding.test.name(), finding.subject.name());
        let name = format!("evaluation/{test}/{subject}").replace(' ', "_");
        (name, finding.measurement.value)
    };
    accuracies.map(named).collect()
}

/// The configuration that the arguments give, parsed.
pub(super) fn configuration(arguments: &TrainArguments) -> Result<Document, Failure> {
    let mut document = match &arguments.config {
        Some(path) => Document::read(path)?,
        None => Document::parse("the built-in recipe", RECIPE)?,
    };
    arguments.overrides.iter().try_for_each(|argument| document.set(argument))?;
    Ok(document)
}

/// What a configuration says.
pub(super) fn understood(document: Document, registry: &Registry) -> Result<(Document, Settings), Failure> {
    let settings = Settings::read(&document, registry, DEFAULT_METHOD);
    document.finish()?;
    let settings = settings.ok_or_else(|| Failure::mistake("the configuration names no method"))?;
    Ok((document, settings))
}

fn dry_run(document: &Document, trainer: &mut Trainer) -> Result<ExitCode, Failure> {
    let plan = trainer.first_plan()?;
    let megabytes = |bytes: usize| bytes as f64 / 1e6;
    println!("{}", document.resolved());
    println!("# {}", trainer.settings().method);
    println!(
        "# {} steps, {} kernels and {:.2} GFLOP each",
        trainer.total_steps(),
        trainer.accumulate() as usize * plan.steps().len(),
        trainer.accumulate() as f64 * plan.cost().flops as f64 / 1e9
    );
    println!(
        "# memory: arena {:.0} MB, state {:.0} MB, constants {:.0} MB",
        megabytes(trainer.executor().arena_bytes(&plan)),
        megabytes(plan.state_bytes()),
        megabytes(plan.constant_bytes())
    );
    let seconds = trainer.time_step()?.as_secs_f64();
    let minutes = seconds * trainer.total_steps() as f64 / 60.0;
    println!("# time: about {minutes:.1} min at {seconds:.2} s a step, without evaluation");
    Ok(ExitCode::SUCCESS)
}
