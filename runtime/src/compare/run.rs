//! What a comparison needs of a run.

use std::path::Path;

use super::measure::{Measure, measures};
use crate::assess::{AssessError, Assessment};
use crate::metrics::{self, MetricsError, Record};
use crate::report::{ReportError, dotted_config};
use crate::run_directory::{RunDirectory, RunDirectoryError};

/// A run, as far as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct ComparedRun {
    /// What it is called here: the folder, as it was given.
    pub name: String,
    /// Its resolved configuration, dotted keys and values.
    pub config: Vec<(String, String)>,
    /// All that was logged while it was trained.
    pub records: Vec<Record>,
    /// What was evaluated, if anything was.
    pub assessment: Option<Assessment>,
}

/// A run that cannot be compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompareError {
    /// A folder that is no run.
    #[error(transparent)]
    Folder(#[from] RunDirectoryError),
    /// Its configuration.
    #[error(transparent)]
    Config(#[from] ReportError),
    /// Its metrics.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// Its evaluation.
    #[error(transparent)]
    Evaluation(#[from] AssessError),
}

impl ComparedRun {
    /// Reads a run's folder. It is not locked: a run that is being trained is read as far as it is.
    ///
    /// # Errors
    /// A folder that is no run; a file that is there and cannot be read.
    pub fn read(folder: &Path) -> Result<ComparedRun, CompareError> {
        RunDirectory::check_run(folder)?;
        let (records, evaluation) = (folder.join("metrics.jsonl"), folder.join("evaluation.json"));
        Ok(ComparedRun {
            name: folder.display().to_string(),
            config: dotted_config(&folder.join("config.toml"))?,
            records: if records.exists() { metrics::read(records)? } else { Vec::new() },
            assessment: evaluation.exists().then(|| Assessment::read(&evaluation)).transpose()?,
        })
    }

    /// What was measured of its trained encoder; nothing before it was evaluated.
    pub fn measures(&self) -> Vec<Measure> {
        self.assessment.as_ref().map(measures).unwrap_or_default()
    }

    /// Optimizer steps that were logged.
    pub fn steps(&self) -> u64 {
        self.records.last().map_or(0, |record| record.step)
    }

    /// Wall-clock seconds of its training.
    pub fn seconds(&self) -> Option<f64> {
        self.records.iter().rev().find_map(|record| record.seconds)
    }

    /// The value of a key of its configuration.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.config.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}
