//! A run that was trained before, read back from its folder.

use std::path::Path;

use equilayer_engine::{DeviceExecutor, Executor};

use super::failure::Failure;
use super::train::understood;
use crate::assess::{Bench, FeatureExtractor, Read};
use crate::checkpoint::CheckpointStore;
use crate::config::Document;
use crate::plugin::Registry;
use crate::run_directory::RunDirectory;
use crate::train::Settings;

/// A run and its newest weights.
pub struct Loaded {
    pub directory: RunDirectory,
    pub settings: Settings,
    /// The encoder's values as trained.
    pub executor: DeviceExecutor,
    /// Steps that made them.
    pub step: u64,
}

impl Loaded {
    /// Reads the configuration and the newest whole checkpoint. `overrides` change what is evaluated: `evaluate.images=500`.
    pub fn open(path: &Path, registry: &Registry, overrides: &[String]) -> Result<Loaded, Failure> {
        let directory = RunDirectory::open(path)?;
        let mut document = Document::read(&path.join("config.toml"))?;
        for argument in overrides {
            document.set(argument)?;
        }
        let (_, settings) = understood(document, registry)?;
        let store = CheckpointStore::open(directory.checkpoints(), settings.keep).map_err(Failure::fault)?;
        let newest = store.newest().map_err(Failure::fault)?.ok_or_else(|| {
            Failure::mistake(format!(
                "{0}: has no checkpoint yet; go on with `train --resume {0}`",
                path.display()
            ))
        })?;
        for skipped in &newest.skipped {
            eprintln!("warning: passed over {skipped}");
        }
        let mut checkpoint = newest.checkpoint;
        let bench = settings.bench();
        let mut executor = bench.untrained().map_err(Failure::fault)?;
        let image = settings.encoder.image();
        let encoder = FeatureExtractor::new(settings.encoder.as_ref(), "", &[Read::Embedding], 1, image)
            .map_err(Failure::fault)?;
        executor.prepare(encoder.plan()).map_err(Failure::fault)?;
        for name in executor.state_names() {
            let values = checkpoint.values(&name).map_err(Failure::fault)?.ok_or_else(|| {
                let newest = newest.path.display();
                Failure::fault(format!("{newest}: has no {name}, which the configuration's encoder needs"))
            })?;
            executor.set_state(&name, &values).map_err(Failure::fault)?;
        }
        Ok(Loaded { step: checkpoint.info().step, directory, settings, executor })
    }

    /// What it is measured on.
    pub fn bench(&self) -> Bench {
        self.settings.bench()
    }
}
