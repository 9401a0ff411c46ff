//! The training loop: batches into steps, and what is said, logged and saved along the way.

use std::collections::BTreeMap;
use std::time::Instant;

use equilayer_engine::{Outputs, Started};

use super::collate::StepInputs;
use super::cost::Costs;
use super::error::TrainError;
use super::feed::known;
use super::finite::{bad_output, bad_state};
use super::planned::PlannedBatch;
use super::recorder::Recorder;
use super::replay::write_replay;
use super::trainer::{Outcome, Trainer};
use crate::assess::{CollapseWatch, Online};
use crate::interrupt::Interrupt;
use crate::program::TermGradient;
use crate::progress::{Progress, ProgressMode};
use crate::run_directory::RunDirectory;

/// A run while it is trained.
struct Run<'a> {
    trainer: &'a mut Trainer,
    directory: &'a RunDirectory,
    record: Recorder,
    progress: Progress,
    online: Online,
    watch: CollapseWatch,
    costs: Costs,
    /// Of the batches of the step under way.
    means: Means,
    started: Instant,
    /// Seconds of training before this process.
    before: f64,
}

impl Trainer {
    /// Trains to the end, or until asked to stop. A run directory with a checkpoint is resumed, bit for bit.
    ///
    /// # Errors
    /// See [`TrainError`].
    pub fn run(
        &mut self,
        directory: &RunDirectory,
        mode: ProgressMode,
        interrupt: &Interrupt,
    ) -> Result<Outcome, TrainError> {
        let record = Recorder::open(directory, self)?;
        let mut progress = Progress::new(mode, self.total, record.step);
        for damaged in &record.damaged {
            progress.warn(&format!("{damaged}; going on after step {}", record.step));
        }
        let online = progress.aside(|| Online::new(&self.settings.bench()))?;
        let mut run = Run {
            before: record.seconds,
            trainer: self,
            directory,
            record,
            progress,
            online,
            watch: CollapseWatch::default(),
            costs: Costs::default(),
            means: Means::default(),
            started: Instant::now(),
        };
        let outcome = run.train(interrupt)?;
        run.progress.finish();
        Ok(outcome)
    }
}

impl Run<'_> {
    fn train(&mut self, interrupt: &Interrupt) -> Result<Outcome, TrainError> {
        if self.record.step == 0 {
            self.look()?;
        }
        while self.record.step < self.trainer.total {
            let batch = self.record.step * self.trainer.accumulate();
            let per_epoch = self.trainer.clock.batches_per_epoch;
            let (epoch, first) = (batch / per_epoch, batch % per_epoch);
            let batches = self.trainer.loader.epoch(epoch, first as usize)?;
            let mut batches = batches.take((per_epoch - first) as usize);
            let mut coming = self.trainer.next(&mut batches);
            // What is wrong with the next batch is said behind the step that this one ends.
            while let Some(batch) = coming? {
                let started = self.start(&batch)?;
                coming = self.trainer.next(&mut batches);
                self.finish(&batch, started)?;
                if !self.trainer.place(batch.inputs.batch).last {
                    continue;
                }
                let stop = interrupt.is_requested();
                self.end_step(&batch.inputs, stop)?;
                if stop && self.record.step < self.trainer.total {
                    return Ok(Outcome::Interrupted(self.record.step));
                }
            }
        }
        Ok(Outcome::Finished)
    }

    /// Starts a batch, and the optimizer if a step ends with it.
    fn start(&mut self, batch: &PlannedBatch) -> Result<Started, TrainError> {
        let PlannedBatch { inputs, plan } = batch;
        if inputs.batch == 0 {
            let found = match self.trainer.rehearsed.take() {
                Some(found) => found,
                None => self.progress.aside(|| self.trainer.guard(inputs))?,
            };
            self.progress.say(&describe(&found));
        }
        Ok(self.trainer.executor.start(plan, &known(plan, &inputs.values))?)
    }

    fn finish(&mut self, batch: &PlannedBatch, started: Started) -> Result<(), TrainError> {
        let (outputs, launches) = self.trainer.executor.finish(&batch.plan, started)?;
        if let Some(bad) = bad_output(&outputs) {
            return Err(self.not_finite(&batch.inputs, bad));
        }
        self.costs.add(&batch.plan, &launches);
        self.means.add(&outputs);
        Ok(())
    }

    /// Logs a step, and measures and saves where it is time to.
    fn end_step(&mut self, inputs: &StepInputs, stop: bool) -> Result<(), TrainError> {
        let step = self.trainer.place(inputs.batch).step;
        self.costs.end_step();
        self.record.step = step + 1;
        self.record.seconds = self.before + self.started.elapsed().as_secs_f64();
        let mut values = self.means.take();
        let loss = values.get("loss").copied().unwrap_or(f64::NAN);
        values.insert("learning_rate".into(), self.trainer.rates(step).learning_rate);
        let last = self.record.step == self.trainer.total;
        let look = self.record.step.is_multiple_of(self.trainer.look_every()) || last;
        if look {
            values.extend(self.costs.take());
        }
        let per_epoch = self.trainer.steps_per_epoch();
        self.record.write(&values, per_epoch)?;
        self.progress.step(self.record.step, self.record.step / per_epoch, &[("loss", loss)]);
        let due = self.record.step.is_multiple_of(self.trainer.settings.checkpoint_every);
        let save = due || stop || last;
        if look || save {
            self.check_states(inputs)?;
        }
        if look {
            self.look()?;
        }
        if save {
            self.progress.aside(|| self.record.save(self.trainer))?;
        }
        Ok(())
    }

    /// Measures the online signals, logs them, and warns of a collapse.
    fn look(&mut self) -> Result<(), TrainError> {
        let signals = self.progress.aside(|| self.online.measure(&mut self.trainer.executor))?;
        let values = signals.values().into_iter().map(|(name, value)| (name.to_owned(), value));
        self.record.write(&values.collect(), self.trainer.steps_per_epoch())?;
        self.record.score = signals.knn;
        self.progress.say(&format!("step {}: {signals}", self.record.step));
        if let Some(warning) = self.watch.warning(self.record.step, &signals) {
            self.progress.say(&warning);
        }
        Ok(())
    }

    /// Refuses to go on with weights that are not finite: the step may have broken them and no loss yet.
    fn check_states(&mut self, inputs: &StepInputs) -> Result<(), TrainError> {
        match bad_state(&self.trainer.executor)? {
            Some(bad) => Err(self.not_finite(inputs, bad)),
            None => Ok(()),
        }
    }

    /// Leaves what is needed to look into a step that went wrong.
    fn not_finite(&mut self, inputs: &StepInputs, (term, value): (String, f32)) -> TrainError {
        let step = self.trainer.place(inputs.batch).step + 1;
        let kept = match self.record.saved() {
            Some(last) => format!("The last checkpoint is from before, of step {last}"),
            None => "There is no checkpoint from before".into(),
        };
        let plan = self.trainer.plan(&inputs.shape);
        match plan.and_then(|plan| write_replay(self.directory, step, &term, &plan, &inputs.values)) {
            Ok(replay) => {
                TrainError::NotFinite { step, term, value, kept, replay: replay.display().to_string() }
            }
            Err(error) => error,
        }
    }
}

/// What the batches of a step leave in the metrics, in the mean: `loss`, `loss/MEMBER`, `gradient/MEMBER`.
#[derive(Default)]
struct Means {
    batches: f64,
    sums: BTreeMap<String, f64>,
}

impl Means {
    fn add(&mut self, outputs: &Outputs) {
        self.batches += 1.0;
        for (name, values) in outputs.iter() {
            if let Some(&value) = values.first() {
                *self.sums.entry(name.replacen('.', "/", 1)).or_default() += f64::from(value);
            }
        }
    }

    fn take(&mut self) -> BTreeMap<String, f64> {
        let Means { batches, sums } = std::mem::take(self);
        sums.into_iter().map(|(name, sum)| (name, sum / batches)).collect()
    }
}

fn describe(found: &[TermGradient]) -> String {
    let terms = found.iter().map(|term| format!("{} {:.2e}", term.term, term.at_tap));
    format!(
        "gradient guard: every loss reaches its tap and its heads ({})",
        terms.collect::<Vec<_>>().join(", ")
    )
}
