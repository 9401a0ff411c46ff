//! Metrics and checkpoints of a run.

use std::collections::BTreeMap;

use super::error::TrainError;
use super::trainer::Trainer;
use crate::checkpoint::{CheckpointError, CheckpointInfo, CheckpointStore, states_of};
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
    /// Checkpoints that were passed over.
    pub damaged: Vec<CheckpointError>,
}

impl Recorder {
    /// Begins a run, or goes on where its newest checkpoint is.
    pub fn open(directory: &RunDirectory, trainer: &mut Trainer) -> Result<Recorder, TrainError> {
        let store = CheckpointStore::open(directory.checkpoints(), trainer.settings.keep)?;
        let config = directory.config()?;
        let (mut step, mut seconds, mut score, mut damaged) = (0, 0.0, None, Vec::new());
        if let Some(mut newest) = store.newest()? {
            check_images(trainer, directory, newest.checkpoint.info())?;
            let plan = trainer.first_plan()?;
            newest.checkpoint.restore(&mut trainer.executor, &[&plan])?;
            CheckpointInfo { step, score, .. } = *newest.checkpoint.info();
            damaged = newest.skipped;
            seconds = crate::metrics::read(directory.metrics())?
                .iter()
                .filter(|record| record.step <= step)
                .filter_map(|record| record.seconds)
                .fold(0.0, f64::max);
        }
        // At step 0 too: a run may have died before its first checkpoint.
        let metrics = MetricsWriter::resume(directory.metrics(), step)?;
        let events = EventWriter::create(directory.path(), step)?;
        Ok(Recorder { step, seconds, score, metrics, events, store, config, damaged })
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
        let (epoch, sampler_position) = position(trainer, self.step);
        let info = CheckpointInfo {
            config: serde_json::Value::String(self.config.clone()),
            step: self.step,
            epoch,
            sampler_position,
            score: self.score,
        };
        self.store.save(&info, &shapes, &trainer.executor)?;
        Ok(())
    }

    /// The step of the last checkpoint, if there is one.
    pub fn saved(&self) -> Option<u64> {
        self.store.steps().ok()?.last().copied()
    }
}

/// Epochs finished after a step, and samples drawn since.
fn position(trainer: &Trainer, step: u64) -> (u64, u64) {
    let steps_per_epoch = trainer.steps_per_epoch();
    let samples = trainer.accumulate() * trainer.settings.batch as u64;
    (step / steps_per_epoch, (step % steps_per_epoch) * samples)
}

/// Refuses a checkpoint that was at another place in the data after as many steps.
fn check_images(
    trainer: &Trainer,
    directory: &RunDirectory,
    info: &CheckpointInfo,
) -> Result<(), TrainError> {
    let show = |(epoch, sample): (u64, u64)| format!("{epoch}, sample {sample}");
    let (then, now) = ((info.epoch, info.sampler_position), position(trainer, info.step));
    if then == now {
        return Ok(());
    }
    Err(TrainError::OtherImages {
        directory: directory.path().display().to_string(),
        step: info.step,
        then: show(then),
        now: show(now),
        images: trainer.settings.dataset.len(),
    })
}
