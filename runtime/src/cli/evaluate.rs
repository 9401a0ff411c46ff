//! `eval` and `report`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::EvaluateArguments;
use super::failure::Failure;
use super::loaded::Loaded;
use super::summary;
use crate::assess::{Assessment, Bench, Extent};
use crate::data::{CorruptedFolders, PerturbedFolders};
use crate::plugin::Registry;
use crate::report::{ReportData, render};
use crate::run_directory::RunDirectory;

/// Evaluates the newest checkpoint of a run anew, and writes its evaluation and its report.
pub fn evaluate(registry: &Registry, arguments: EvaluateArguments) -> Result<ExitCode, Failure> {
    let mut overrides = arguments.overrides;
    overrides.extend(arguments.read.map(|read| format!("evaluate.read={read}")));
    overrides.extend(arguments.device.map(|device| format!("train.device={device}")));
    let mut loaded = Loaded::open(&arguments.run, registry, &overrides)?;
    let bench = loaded.bench();
    let extent = extent(
        &bench,
        arguments.corruptions,
        arguments.imagenet_c.as_deref(),
        arguments.imagenet_p.as_deref(),
    )?;
    let mut say = |what: &str| {
        if !arguments.json {
            eprintln!("{what}");
        }
    };
    let found = bench.assess(&mut loaded.executor, loaded.step, extent, &mut say).map_err(Failure::fault)?;
    let report = write(&loaded.directory, &found)?;
    if arguments.json {
        println!("{}", found.to_json().map_err(Failure::fault)?);
    } else {
        print!("{}", summary::table(&found, bench.tap));
        println!("report: {}", report.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// What is asked for besides the usual; what is wrong with it is known before anything is measured.
fn extent(
    bench: &Bench,
    corruptions: bool,
    imagenet_c: Option<&Path>,
    imagenet_p: Option<&Path>,
) -> Result<Extent, Failure> {
    let classes = bench.training.classes();
    let mut extent = Extent { corruptions, ..Extent::default() };
    if corruptions || imagenet_c.is_some() || imagenet_p.is_some() {
        bench.check_classes().map_err(Failure::mistake)?;
    }
    if let Some(folder) = imagenet_c {
        extent.imagenet_c = Some(CorruptedFolders::open(folder, classes).map_err(Failure::mistake)?);
    }
    if let Some(folder) = imagenet_p {
        extent.imagenet_p = Some(PerturbedFolders::open(folder, classes).map_err(Failure::mistake)?);
    }
    Ok(extent)
}

/// Renders the report of a run anew, from its files.
pub fn report(run: &Path) -> Result<ExitCode, Failure> {
    let directory = RunDirectory::open(run)?;
    println!("{}", write_report(&directory)?.display());
    Ok(ExitCode::SUCCESS)
}

/// Writes `evaluation.json` and the report.
pub fn write(directory: &RunDirectory, found: &Assessment) -> Result<PathBuf, Failure> {
    directory.write_evaluation(&found.to_json().map_err(Failure::fault)?)?;
    write_report(directory)
}

/// Writes the report of what is there.
pub fn write_report(directory: &RunDirectory) -> Result<PathBuf, Failure> {
    let data = ReportData::of_run(directory.path()).map_err(Failure::fault)?;
    Ok(directory.write_report(&render(&data))?)
}
