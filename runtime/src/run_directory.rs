//! A folder for everything that a run leaves behind.
//!
//! | file | content |
//! |---|---|
//! | `config.toml` | the configuration with every default resolved: what started the run, and what it is resumed by |
//! | `metrics.jsonl` | see [`crate::metrics`] |
//! | `events.out.tfevents.*` | the same for TensorBoard; `tensorboard --logdir runs` shows all runs |
//! | `checkpoints/` | see [`crate::checkpoint`] |
//! | `evaluation.json` | see [`crate::assess`] |
//! | `replay-STEP.safetensors` | the inputs of a step whose loss or weights were not finite |
//! | `report.html` | see [`crate::report`] |
//! | `run.lock` | held by the process that writes the run |
//!
//! A folder is a run if it has a `config.toml`, which is written last of what makes a run. The lock is the operating
//! system's and belongs to the process: it is gone when the process is, however that ended.

use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::atomic_file;

const CONFIG: &str = "config.toml";
const LOCK: &str = "run.lock";

/// The folder of a run, which no other process writes while this value lives.
#[derive(Debug)]
pub struct RunDirectory {
    path: PathBuf,
    /// Locked; closing it gives the lock back.
    _lock: File,
}

/// A folder that cannot be used as a run's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunDirectoryError {
    /// The file system refused.
    #[error("{path}: cannot be {action}: {source}")]
    Io {
        /// The file or folder.
        path: String,
        /// "created", "read", …
        action: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// A new run would overwrite an old one.
    #[error("{path}: there is a run already; resume it, or give the new run another name")]
    Exists {
        /// The folder.
        path: String,
    },
    /// The folder belongs to something else.
    #[error("{path}: is not empty and no run (it has `{found}`); give the run another name")]
    Foreign {
        /// The folder.
        path: String,
        /// Something in it.
        found: String,
    },
    /// There is nothing to resume.
    #[error("{path}: is no run: it has no `{CONFIG}`{}", others(.runs))]
    NoRun {
        /// The folder.
        path: String,
        /// Runs that are beside it.
        runs: Vec<String>,
    },
    /// Another process writes the run.
    #[error(
        "{path}: is being written by process {process}; wait until it ends, or stop it: Ctrl-C in a training leaves a \
         checkpoint and a report of the run so far"
    )]
    InUse {
        /// The folder.
        path: String,
        /// The other process's number.
        process: String,
    },
}

fn others(runs: &[String]) -> String {
    match runs {
        [] => String::new(),
        _ => format!("; there are {}", runs.join(", ")),
    }
}

impl RunDirectory {
    /// Makes the folder of a new run, with its parents, and writes the configuration there.
    ///
    /// # Errors
    /// A folder that is a run already or has other things in it, which is then left as it is; one that another process
    /// holds; the file system's.
    pub fn create(path: impl Into<PathBuf>, config: &str) -> Result<RunDirectory, RunDirectoryError> {
        let path = path.into();
        let name = path.display().to_string();
        std::fs::create_dir_all(&path).map_err(failed(&path, "created"))?;
        RunDirectory::check_vacant(&path)?;
        let lock = lock(&path)?;
        let config_path = path.join(CONFIG);
        // Another process may have made its run between the look and the lock.
        if config_path.exists() {
            return Err(RunDirectoryError::Exists { path: name });
        }
        write(&config_path, config)?;
        Ok(RunDirectory { path, _lock: lock })
    }

    /// Makes sure that a run can be made in a folder, which need not be there yet.
    ///
    /// # Errors
    /// A folder that is a run already or has other things in it; the file system's.
    pub fn check_vacant(path: &Path) -> Result<(), RunDirectoryError> {
        let name = path.display().to_string();
        if path.join(CONFIG).exists() {
            return Err(RunDirectoryError::Exists { path: name });
        }
        let found = if path.exists() { entries(path)? } else { Vec::new() };
        match found.into_iter().find(|entry| !is_of_an_unborn_run(entry)) {
            Some(found) => Err(RunDirectoryError::Foreign { path: name, found }),
            None => Ok(()),
        }
    }

    /// Opens the folder of a run, to go on with it.
    ///
    /// # Errors
    /// A folder that is no run (runs beside it are named); one that another process holds; the file system's.
    pub fn open(path: impl Into<PathBuf>) -> Result<RunDirectory, RunDirectoryError> {
        let path = path.into();
        RunDirectory::check_run(&path)?;
        let lock = lock(&path)?;
        Ok(RunDirectory { path, _lock: lock })
    }

    /// Makes sure that a folder is a run's, for who only reads it.
    ///
    /// # Errors
    /// A folder that is no run; runs beside it are named.
    pub fn check_run(path: &Path) -> Result<(), RunDirectoryError> {
        if path.join(CONFIG).exists() {
            return Ok(());
        }
        let runs = runs_in(path.parent().unwrap_or(Path::new("")));
        Err(RunDirectoryError::NoRun { path: path.display().to_string(), runs })
    }

    /// Gives the folder of a run another name beside it, NAME-1 or the next that is free, and says which. A run that is
    /// being written stays where it is.
    ///
    /// # Errors
    /// A folder that is no run; one that another process holds; the file system's.
    pub fn set_aside(path: &Path) -> Result<PathBuf, RunDirectoryError> {
        let run = RunDirectory::open(path)?;
        let mut name = path.as_os_str().to_owned();
        name.push("-");
        let named = |number: u64| {
            let mut name = name.clone();
            name.push(number.to_string());
            PathBuf::from(name)
        };
        let free = (1..).map(named).find(|path| !path.exists()).unwrap_or_else(|| named(0));
        std::fs::rename(&run.path, &free).map_err(failed(path, "renamed"))?;
        Ok(free)
    }

    /// The folder; TensorBoard's events go right into it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The text of the configuration that the run was started with.
    ///
    /// # Errors
    /// The file system's.
    pub fn config(&self) -> Result<String, RunDirectoryError> {
        let path = self.path.join(CONFIG);
        std::fs::read_to_string(&path).map_err(failed(&path, "read"))
    }

    /// Replaces that text, where a run goes on for more epochs, say.
    ///
    /// # Errors
    /// The file system's.
    pub fn write_config(&self, config: &str) -> Result<(), RunDirectoryError> {
        write(&self.path.join(CONFIG), config)
    }

    /// Where the metrics are.
    pub fn metrics(&self) -> PathBuf {
        self.path.join("metrics.jsonl")
    }

    /// Where the checkpoints are.
    pub fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoints")
    }

    /// Where the evaluation is.
    pub fn evaluation(&self) -> PathBuf {
        self.path.join("evaluation.json")
    }

    /// Writes the evaluation, over an earlier one.
    ///
    /// # Errors
    /// The file system's.
    pub fn write_evaluation(&self, json: &str) -> Result<(), RunDirectoryError> {
        write(&self.evaluation(), json)
    }

    /// Writes the report, over an earlier one, and says where it is.
    ///
    /// # Errors
    /// The file system's.
    pub fn write_report(&self, html: &str) -> Result<PathBuf, RunDirectoryError> {
        let path = self.path.join("report.html");
        write(&path, html)?;
        Ok(path)
    }
}

fn write(path: &Path, text: &str) -> Result<(), RunDirectoryError> {
    let cannot = failed(path, "written");
    atomic_file::replace(path, &cannot, |file| file.write_all(text.as_bytes()).map_err(&cannot))
}

fn lock(folder: &Path) -> Result<File, RunDirectoryError> {
    let path = folder.join(LOCK);
    // Not truncated: it may be another process's, whose number is in it.
    let mut options = File::options();
    let mut file = options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(failed(&path, "opened"))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let process = std::fs::read_to_string(&path).unwrap_or_default();
            let process = if process.is_empty() { "unknown".into() } else { process };
            return Err(RunDirectoryError::InUse { path: folder.display().to_string(), process });
        }
        Err(TryLockError::Error(source)) => return Err(failed(&path, "locked")(source)),
    }
    let written = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
    written.map_err(failed(&path, "written"))?;
    Ok(file)
}

/// Whether a file may be there because a process was killed while it made a run.
fn is_of_an_unborn_run(name: &str) -> bool {
    name == LOCK
        || name
            .strip_prefix(CONFIG)
            .is_some_and(|rest| rest.strip_prefix('.') == Some(atomic_file::TEMPORARY))
}

/// Names of the runs in a folder, in order; none if it cannot be read, since they only help in a message.
fn runs_in(folder: &Path) -> Vec<String> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    entries(folder)
        .unwrap_or_default()
        .into_iter()
        .filter(|name| folder.join(name).join(CONFIG).exists())
        .collect()
}

fn entries(folder: &Path) -> Result<Vec<String>, RunDirectoryError> {
    let listed = std::fs::read_dir(folder).and_then(|entries| {
        entries
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<io::Result<Vec<_>>>()
    });
    let mut names = listed.map_err(failed(folder, "listed"))?;
    names.sort();
    Ok(names)
}

fn failed(path: &Path, action: &'static str) -> impl Fn(io::Error) -> RunDirectoryError {
    move |source| RunDirectoryError::Io { path: path.display().to_string(), action, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(result: Result<RunDirectory, RunDirectoryError>, folder: &Path) -> String {
        let error = result.expect_err("refused").to_string();
        error.replace(&format!("{}/", folder.display()), "")
    }

    #[test]
    fn a_run_is_made_locked_and_resumed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("runs/first");
        let run = RunDirectory::create(&path, "seed = 1\n").expect("a new run");
        let process = std::process::id();
        let in_use = format!(
            "runs/first: is being written by process {process}; wait until it ends, or stop it: Ctrl-C in a training \
             leaves a checkpoint and a report of the run so far"
        );
        assert_eq!(refusal(RunDirectory::open(&path), folder.path()), in_use);
        run.write_report("<html/>").expect("written");
        drop(run);
        let run = RunDirectory::open(&path).expect("it is free again");
        assert_eq!(run.config().expect("the configuration"), "seed = 1\n");
        assert_eq!(entries(run.path()).expect("listed"), ["config.toml", "report.html", "run.lock"]);
    }

    #[test]
    fn what_is_there_is_never_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let (run, other) = (folder.path().join("run"), folder.path().join("other"));
        drop(RunDirectory::create(&run, "").expect("a new run"));
        std::fs::create_dir(&other).expect("a folder");
        std::fs::write(other.join("thesis.tex"), "").expect("a file");
        assert_eq!(
            refusal(RunDirectory::create(&run, ""), folder.path()),
            "run: there is a run already; resume it, or give the new run another name"
        );
        assert_eq!(
            refusal(RunDirectory::create(&other, ""), folder.path()),
            "other: is not empty and no run (it has `thesis.tex`); give the run another name"
        );
        assert_eq!(entries(&other).expect("listed"), ["thesis.tex"]);
        assert_eq!(
            refusal(RunDirectory::open(&other), folder.path()),
            "other: is no run: it has no `config.toml`; there are run"
        );
    }

    #[test]
    fn a_run_that_died_at_birth_is_made_again() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join(LOCK), "123").expect("a leftover");
        std::fs::write(folder.path().join("config.toml.tmp"), "se").expect("a leftover");
        let run = RunDirectory::create(folder.path(), "seed = 2\n").expect("a run");
        assert_eq!(run.config().expect("the configuration"), "seed = 2\n");
    }
}
