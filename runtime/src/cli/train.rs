//! `train`.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use super::failure::Failure;
use super::{DEFAULT_METHOD, TrainArguments, evaluate, summary};
use crate::assess::{Assessment, Extent};
use crate::config::Document;
use crate::interrupt::{self, Interrupt};
use crate::metrics::{MetricsWriter, Record};
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
    let document = document(&mut arguments)?;
    let settings = Settings::read(&document, registry, DEFAULT_METHOD);
    document.finish()?;
    let settings = settings.ok_or_else(|| Failure::mistake("the configuration names no method"))?;
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
    let directory = directory(&path, arguments.resume, &document, &said)?;
    let mode = match (arguments.quiet, arguments.json) {
        (true, _) => ProgressMode::Quiet,
        (_, true) => ProgressMode::Json,
        _ => ProgressMode::detect(),
    };
    let interrupt = Interrupt::install().map_err(Failure::fault)?;
    let started = Instant::now();
    said(&format!("{} in {}: {} steps", trainer.settings().method, path.display(), trainer.total_steps()));
    match trainer.run(&directory, mode, &interrupt)? {
        Outcome::Finished => {}
        Outcome::Interrupted(step) => {
            let report = evaluate::write_report(&directory)?;
            said(&format!("report so far: {}", report.display()));
            said(&format!(
                "stopped after step {step}; go on with `train --resume` and the same configuration"
            ));
            return Ok(ExitCode::from(interrupt::EXIT_CODE));
        }
    }
    let step = trainer.total_steps();
    let mut say = |what: &str| said(&format!("{what} …"));
    let found = trainer.assess(step, Extent::default(), &mut say)?;
    let last =
        Record { step, epoch: trainer.settings().epochs as u64, seconds: None, values: values(&found) };
    MetricsWriter::resume(directory.metrics(), step)
        .and_then(|mut metrics| metrics.write(&last))
        .map_err(Failure::fault)?;
    let report = evaluate::write(&directory, &found)?;
    said(&format!("\n{}", summary::table(&found, trainer.settings().bench().tap)));
    said(&format!("{step} steps and evaluation in {:.0} s", started.elapsed().as_secs_f64()));
    said(&format!("report: {}", report.display()));
    Ok(ExitCode::SUCCESS)
}

/// The file, or the built-in recipe, and overrides.
fn document(arguments: &mut TrainArguments) -> Result<Document, Failure> {
    // `train method.ser.layer=6`: an override may stand where the file would.
    if let Some(first) = arguments.config.take_if(|path| path.to_string_lossy().contains('=')) {
        arguments.overrides.insert(0, first.to_string_lossy().into_owned());
    }
    let mut document = match &arguments.config {
        Some(path) => Document::read(path)?,
        None => Document::parse("the built-in recipe", RECIPE)?,
    };
    for argument in &arguments.overrides {
        document.set(argument)?;
    }
    Ok(document)
}

/// The run's folder, new or to go on with.
fn directory(
    path: &Path,
    resume: bool,
    document: &Document,
    said: &dyn Fn(&str),
) -> Result<RunDirectory, Failure> {
    if resume {
        return RunDirectory::open(path).map_err(Failure::mistake);
    }
    if path == Path::new(LATEST) && path.join("config.toml").exists() {
        let aside = RunDirectory::set_aside(path).map_err(Failure::mistake)?;
        said(&format!("the run that was in {LATEST} is now in {}", aside.display()));
    }
    RunDirectory::create(path, &document.resolved()).map_err(Failure::mistake)
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

fn dry_run(document: &Document, trainer: &mut Trainer) -> Result<ExitCode, Failure> {
    let plan = trainer.first_plan()?;
    let megabytes = |bytes: usize| bytes as f64 / 1e6;
    println!("{}", document.resolved());
    println!("# {}", trainer.settings().method);
    println!(
        "# {} steps, {} kernels and {:.2} GFLOP each",
        trainer.total_steps(),
        plan.steps().len(),
        plan.cost().flops as f64 / 1e9
    );
    println!(
        "# memory: arena {:.0} MB, state {:.0} MB, constants {:.0} MB",
        megabytes(plan.arena_bytes()),
        megabytes(plan.state_bytes()),
        megabytes(plan.constant_bytes())
    );
    let seconds = trainer.time_step()?.as_secs_f64();
    let minutes = seconds * trainer.total_steps() as f64 / 60.0;
    println!("# time: about {minutes:.1} min at {seconds:.2} s a step, without evaluation");
    Ok(ExitCode::SUCCESS)
}
