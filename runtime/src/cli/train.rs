//! `train`.

use std::process::ExitCode;
use std::time::Instant;

use super::TrainArguments;
use super::failure::Failure;
use super::resume::{self, Resumed};
use crate::config::Document;
use crate::interrupt::{self, Interrupt};
use crate::plugin::Registry;
use crate::progress::ProgressMode;
use crate::run_directory::RunDirectory;
use crate::train::{Outcome, Settings, Trainer};

/// What is done when no configuration is given.
const RECIPE: &str = include_str!("../../recipes/digits.toml");

/// The method of a configuration that names none.
const DEFAULT: (&str, &[&str]) = ("moco_v3", &[]);

/// Pretrains.
pub fn run(registry: &Registry, mut arguments: TrainArguments) -> Result<ExitCode, Failure> {
    // `train method.ser.layer=6`: an override may stand where the file would.
    if let Some(first) = arguments.config.take_if(|path| path.to_string_lossy().contains('=')) {
        arguments.overrides.insert(0, first.to_string_lossy().into_owned());
    }
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
    let directory = match run {
        Some(run) => {
            run.write_config(&document.resolved())?;
            run
        }
        None => {
            RunDirectory::check_vacant(&path)?;
            trainer.rehearse()?;
            RunDirectory::create(&path, &document.resolved())?
        }
    };
    let mode = match (arguments.quiet, arguments.json) {
        (true, _) => ProgressMode::Quiet,
        (_, true) => ProgressMode::Json,
        _ => ProgressMode::detect(),
    };
    let interrupt = Interrupt::install().map_err(Failure::failure)?;
    let started = Instant::now();
    let outcome = trainer.run(&directory, mode, &interrupt)?;
    let said = |text: String| {
        if !arguments.quiet && !arguments.json {
            println!("{text}");
        }
    };
    match outcome {
        Outcome::Finished => {
            said(format!(
                "{} steps in {:.0} s; {}",
                trainer.total_steps(),
                started.elapsed().as_secs_f64(),
                path.display()
            ));
            Ok(ExitCode::SUCCESS)
        }
        Outcome::Interrupted(step) => {
            said(format!("stopped after step {step}; go on with `train --resume {}`", path.display()));
            Ok(ExitCode::from(interrupt::EXIT_CODE))
        }
    }
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
    let settings = Settings::read(&document, registry, DEFAULT);
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
        plan.steps().len(),
        plan.cost().flops as f64 / 1e9
    );
    println!(
        "# memory: arena {:.0} MB, state {:.0} MB, constants {:.0} MB",
        megabytes(plan.arena_bytes()),
        megabytes(plan.state_bytes()),
        megabytes(plan.constant_bytes())
    );
    Ok(ExitCode::SUCCESS)
}
