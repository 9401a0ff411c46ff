//! `compare`.

use std::path::PathBuf;
use std::process::ExitCode;

use super::failure::Failure;
use super::output;
use crate::compare::{CompareError, ComparedRun, Comparison};
use crate::report::render;

/// What `compare` is told.
#[derive(clap::Args)]
pub struct CompareArguments {
    /// Folders of runs, at least two.
    #[arg(required = true, num_args = 2.., value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// A page too, with charts.
    #[arg(long, value_name = "FILE.html")]
    html: Option<PathBuf>,
    /// The comparison as JSON on standard output.
    #[arg(long)]
    json: bool,
}

/// Sets runs side by side.
pub fn run(arguments: &CompareArguments) -> Result<ExitCode, Failure> {
    if let Some(page) =
        arguments.html.as_ref().filter(|page| page.extension().is_none_or(|end| end != "html"))
    {
        return Err(Failure::mistake(format!("{}: a page's name ends in .html", page.display())));
    }
    let runs: Result<Vec<ComparedRun>, CompareError> =
        arguments.runs.iter().map(|run| ComparedRun::read(run)).collect();
    let comparison = Comparison { runs: runs? };
    if arguments.json {
        println!("{:#}", comparison.to_json());
    } else {
        print!("{}", comparison.table());
    }
    if let Some(page) = &arguments.html {
        output::write(page, render(&comparison.page()).as_bytes())?;
        eprintln!("page: {}", page.display());
    }
    Ok(ExitCode::SUCCESS)
}
