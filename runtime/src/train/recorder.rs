//! Metrics and checkpoints of a run.

use std::collections::BTreeMap;

use super::error::TrainError;
use super::trainer::Trainer;
use crate::checkpoint::{CheckpointInfo, CheckpointStore, states_of};
use crate::metrics::{EventWriter, MetricsWriter, Record};
use crate::run_directory::RunDirectory;

/// Metrics and checkpoints of a run.
pub(super) struct Recorder {
    /// Steps done.
    pub step: u64,
    /// Of training, over all resumptions.
    pub seconds: f64,
    /// What the best checkpoint is chosen by: the accuracy of the last online kNN.
    pub score: Option<f64>,
    metrics: MetricsWriter,
    events: EventWriter,
    store: CheckpointStore,
    config: String,
}

impl Recorder {
    /// Begins a run, or goes on where its newest checkpoint is.
    pub fn open(directory: &RunDirectory, trainer: &mut Trainer) -> Result<Recorder, TrainError> {
        let store = CheckpointStore::open(directory.checkpoints(), trainer.settings.keep)?;
        let config = directory.config()?;
        let (mut step, mut seconds) = (0, 0.0);
        if let Some(mut newest) = store.newest()? {
            let plan = trainer.first_plan()?;
            newest.checkpoint.restore(&mut trainer.executor, &[&plan])?;
            step = newest.checkpoint.info().step;
            seconds = crate::metrics::read(directory.metrics())?
                .iter()
                .filter(|record| record.step <= step)
                .filter_map(|record| record.seconds)
                .fold(0.0, f64::max);
        }
        let metrics = MetricsWriter::resume(directory.metrics(), step)?;
        let events = EventWriter::create(directory.path(), step)?;
        Ok(Recorder { step, seconds, score: None, metrics, events, store, config })
    }

    /// A line of the metrics at the step done.
    pub fn write(&mut self, values: &BTreeMap<String, f64>, steps_per_epoch: u64) -> Result<(), TrainError> {
        let epoch = self.step / steps_per_epoch;
        let record = Record { step: self.step, epoch, seconds: Some(self.seconds), values: values.clone() };
        self.metrics.write(&record)?;
        Ok(self.events.write(&record)?)
    }

    /// A checkpoint of the step done.
    pub fn save(&mut self, trainer: &mut Trainer) -> Result<(), TrainError> {
        self.metrics.sync()?;
        self.events.flush()?;
        let plan = trainer.first_plan()?;
        let shapes = states_of([plan.as_ref()]);
        let steps_per_epoch = trainer.clock.steps_per_epoch;
        let info = CheckpointInfo {
            config: serde_json::Value::String(self.config.clone()),
            step: self.step,
            epoch: self.step / steps_per_epoch,
            sampler_position: (self.step % steps_per_epoch) * trainer.settings.batch as u64,
            score: self.score,
        };
        self.store.save(&info, &shapes, &trainer.executor)?;
        Ok(())
    }
}
