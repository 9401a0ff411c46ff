//! The checkpoints of a run.

use std::path::{Path, PathBuf};

use equilayer_engine::Executor;

use super::read::read_info;
use super::{Checkpoint, CheckpointError, CheckpointInfo, StateShapes, write};
use crate::atomic_file;

const PREFIX: &str = "step-";
const EXTENSION: &str = "safetensors";

/// A folder of checkpoints, of which the last few and the best are kept.
///
/// Files are called by their step, `step-000000120.safetensors`. Only one process may use a folder at a time; the run
/// directory's lock sees to that.
#[derive(Debug)]
pub struct CheckpointStore {
    folder: PathBuf,
    keep: usize,
}

/// The newest checkpoint that can be used.
#[derive(Debug)]
pub struct Newest {
    /// It, found whole.
    pub checkpoint: Checkpoint,
    /// Where it is.
    pub path: PathBuf,
    /// What is wrong with those that are newer; to be shown as warnings.
    pub skipped: Vec<CheckpointError>,
}

impl CheckpointStore {
    /// Opens a folder, made if need be, that keeps the last `keep` checkpoints (at least one) and the best. What a
    /// killed process left half-written is removed.
    ///
    /// # Errors
    /// A folder that cannot be made, read or written.
    pub fn open(folder: impl Into<PathBuf>, keep: usize) -> Result<CheckpointStore, CheckpointError> {
        let folder = folder.into();
        std::fs::create_dir_all(&folder).map_err(CheckpointError::io(folder.display(), "created"))?;
        let store = CheckpointStore { folder, keep: keep.max(1) };
        for path in store.files()? {
            if path.extension().is_some_and(|extension| extension == atomic_file::TEMPORARY) {
                remove(&path)?;
            }
        }
        Ok(store)
    }

    /// Where the checkpoint of a step is, or would be.
    pub fn path(&self, step: u64) -> PathBuf {
        self.folder.join(format!("{PREFIX}{step:09}.{EXTENSION}"))
    }

    /// Steps that have a checkpoint, in order; whether the files are whole is not looked at.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn steps(&self) -> Result<Vec<u64>, CheckpointError> {
        let mut steps: Vec<u64> = self.files()?.iter().filter_map(|path| step_of(path)).collect();
        steps.sort_unstable();
        Ok(steps)
    }

    /// Writes a checkpoint, then removes those that are no longer kept: older than the last few and not the best, or
    /// later than this one, left by a run that was resumed from before them.
    ///
    /// # Errors
    /// A state that the executor does not hold; a full disk, or another reason of the system: all earlier checkpoints
    /// are then intact.
    pub fn save(
        &self,
        info: &CheckpointInfo,
        states: &StateShapes,
        executor: &dyn Executor,
    ) -> Result<PathBuf, CheckpointError> {
        let path = self.path(info.step);
        let file = path.display().to_string();
        atomic_file::replace(&path, CheckpointError::io(&file, "written"), |output| {
            write(&file, output, info, states, executor)
        })?;
        self.prune(info.step)?;
        Ok(path)
    }

    /// The newest checkpoint that is whole; nothing if there is none at all.
    ///
    /// # Errors
    /// Checkpoints, all of them damaged; a newer one that is not damaged but cannot be used: foreign, of a later
    /// version, unreadable. Going back behind that one would lose work silently.
    pub fn newest(&self) -> Result<Option<Newest>, CheckpointError> {
        let mut skipped = Vec::new();
        for step in self.steps()?.into_iter().rev() {
            let path = self.path(step);
            match Checkpoint::open(&path) {
                Ok(checkpoint) => return Ok(Some(Newest { checkpoint, path, skipped })),
                Err(error) if error.is_damage() => skipped.push(error),
                Err(error) => return Err(error),
            }
        }
        match skipped.into_iter().next() {
            Some(newest) => Err(newest),
            None => Ok(None),
        }
    }

    /// The step with the highest score, the earliest of several; nothing if no checkpoint has a score.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn best(&self) -> Result<Option<u64>, CheckpointError> {
        let mut best: Option<(f64, u64)> = None;
        for step in self.steps()? {
            // A damaged file is no candidate.
            let score = read_info(&self.path(step)).ok().and_then(|info| info.score);
            if let Some(score) = score.filter(|&score| best.is_none_or(|(highest, _)| score > highest)) {
                best = Some((score, step));
            }
        }
        Ok(best.map(|(_, step)| step))
    }

    fn prune(&self, saved: u64) -> Result<(), CheckpointError> {
        let (past, abandoned): (Vec<u64>, Vec<u64>) =
            self.steps()?.into_iter().partition(|&step| step <= saved);
        abandoned.iter().try_for_each(|&step| remove(&self.path(step)))?;
        let best = self.best()?;
        let old = past.len().saturating_sub(self.keep);
        past[..old].iter().filter(|&&step| Some(step) != best).try_for_each(|&step| remove(&self.path(step)))
    }

    fn files(&self) -> Result<Vec<PathBuf>, CheckpointError> {
        let entries = std::fs::read_dir(&self.folder).and_then(|entries| {
            entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()
        });
        entries.map_err(CheckpointError::io(self.folder.display(), "listed"))
    }
}

fn remove(path: &Path) -> Result<(), CheckpointError> {
    std::fs::remove_file(path).map_err(CheckpointError::io(path.display(), "removed"))
}

fn step_of(path: &Path) -> Option<u64> {
    let stem = path.file_name()?.to_str()?.strip_prefix(PREFIX)?;
    stem.strip_suffix(EXTENSION)?.strip_suffix('.')?.parse().ok()
}
