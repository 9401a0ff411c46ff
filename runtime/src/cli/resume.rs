//! Which configuration a run goes on with: its own.
//!
//! A run is resumed to be what it would have been without the interruption. So the `config.toml` of its folder counts; a
//! file or overrides given beside `--resume` may say the same, and change only what leaves the steps done so far as they
//! are. Anything else is refused, key by key.

use std::path::PathBuf;

use super::TrainArguments;
use super::failure::Failure;
use super::train::{configuration, understood};
use crate::config::{Difference, Document};
use crate::plugin::Registry;
use crate::run_directory::RunDirectory;
use crate::train::Settings;

/// Keys that may change in the middle of a run.
const FREE: [&str; 8] = [
    "train.epochs",
    "train.threads",
    "train.device",
    "train.precision",
    "train.workers",
    "train.checkpoint_every",
    "train.keep",
    "train.directory",
];

/// A run that can go on.
pub struct Resumed {
    /// Its folder, locked.
    pub directory: RunDirectory,
    /// Its configuration from now on.
    pub document: Document,
    /// What that says.
    pub settings: Settings,
}

/// Opens the run that the arguments mean.
///
/// # Errors
/// A folder that is no run or is in use; a configuration that is not the run's.
pub fn open(registry: &Registry, arguments: &TrainArguments) -> Result<Resumed, Failure> {
    let folder = folder(arguments)?;
    let directory = RunDirectory::open(&folder)?;
    let own = || -> Result<Document, Failure> {
        let name = directory.path().join("config.toml").display().to_string();
        Ok(Document::parse(&name, &directory.config()?)?)
    };
    let file = arguments.config.as_deref().filter(|path| !path.is_dir());
    let (document, mut settings) = match (file, &arguments.overrides[..]) {
        (None, []) => understood(own()?, registry)?,
        (file, overrides) => {
            let (own_document, _) = understood(own()?, registry)?;
            let mut asked = match file {
                Some(file) => Document::read(file)?,
                None => own()?,
            };
            overrides.iter().try_for_each(|argument| asked.set(argument))?;
            let (asked, settings) = understood(asked, registry)?;
            refuse_changes(&folder, &own_document.differences(&asked))?;
            (asked, settings)
        }
    };
    // A run may have been moved since its configuration was written.
    settings.directory = folder;
    Ok(Resumed { directory, document, settings })
}

/// The folder given in place of a file, or the one that the file or the overrides name.
fn folder(arguments: &TrainArguments) -> Result<PathBuf, Failure> {
    match &arguments.config {
        Some(folder) if folder.is_dir() => Ok(folder.clone()),
        _ => Ok(Settings::read_directory(&configuration(arguments)?)),
    }
}

fn refuse_changes(folder: &std::path::Path, differences: &[Difference]) -> Result<(), Failure> {
    let changed: Vec<String> = differences
        .iter()
        .filter(|difference| !FREE.contains(&difference.key.as_str()))
        .map(|difference| format!("\n  {difference}"))
        .collect();
    if changed.is_empty() {
        return Ok(());
    }
    Err(Failure::mistake(format!(
        "{}: the run has another configuration:{}\nleave these keys as the run has them (only {} may change), or start \
         a new run in another folder",
        folder.display(),
        changed.concat(),
        FREE.join(", "),
    )))
}
