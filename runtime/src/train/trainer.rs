//! The training loop.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use equilayer_engine::{CpuExecutor, CpuOptions, Executor, Outputs, Plan, PlanCache};

use super::collate::{Collator, StepClock, StepInputs};
use super::finite::{bad_output, bad_state};
use super::replay::write_replay;
use super::settings::Settings;
use super::views::{SampleViews, ViewMaker};
use crate::action::ActionError;
use crate::checkpoint::{CheckpointError, CheckpointInfo, CheckpointStore, states_of};
use crate::interrupt::Interrupt;
use crate::loader::{Loader, LoaderError, LoaderOptions};
use crate::method::Layout;
use crate::metrics::{EventWriter, MetricsError, MetricsWriter, Record};
use crate::plugin::{KnobKind, KnobType, KnobValue};
use crate::program::{
    GuardError, Program, ProgramError, StepShape, TermGradient, TrainingOptions, guard, names,
};
use crate::progress::{Progress, ProgressMode};
use crate::run_directory::{RunDirectory, RunDirectoryError};
use crate::schedule::Schedule;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// After its last step.
    Finished,
    /// Asked to stop after this many steps, with a checkpoint.
    Interrupted(u64),
}

/// Why a run cannot start, or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The method, the encoder and the batch do not fit.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// A term does not train what it should.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// An action that cannot be drawn.
    #[error(transparent)]
    Action(#[from] ActionError),
    /// Views that cannot be made.
    #[error("{0}")]
    Views(String),
    /// Images that cannot be loaded.
    #[error(transparent)]
    Loader(#[from] LoaderError),
    /// The executor failed.
    #[error(transparent)]
    Engine(#[from] equilayer_engine::Error),
    /// The run's folder.
    #[error(transparent)]
    Directory(#[from] RunDirectoryError),
    /// A checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Metrics that cannot be written.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// A checkpoint was made with other images.
    #[error(
        "{directory}: the data set has changed: step {step} was in epoch {then}, and is in epoch {now} with the \
         {images} images that there are now; bring the old images back, or start a new run in another folder"
    )]
    OtherImages {
        /// The folder of the run.
        directory: String,
        /// Steps done.
        step: u64,
        /// Epochs finished and samples drawn since, as the checkpoint has it.
        then: String,
        /// The same with the images there are.
        now: String,
        /// How many they are.
        images: usize,
    },
    /// A loss, gradient or weight that is not finite.
    #[error(
        "step {step}: {term} is {value}. {kept}; the step's inputs are in {replay}. Lower optim.lr, warm up for longer \
         or set optim.clip, in a new run"
    )]
    NotFinite {
        /// The step, from 1, as in the metrics.
        step: u64,
        /// The first loss, gradient norm or state that is not finite.
        term: String,
        /// Its value.
        value: f32,
        /// Which checkpoint there is from before.
        kept: String,
        /// Where the inputs were written.
        replay: String,
    },
    /// The inputs of a step that went wrong cannot be written.
    #[error("{file}: the inputs of a step that is not finite cannot be written: {source}")]
    Replay {
        /// The file.
        file: String,
        /// The system's reason.
        source: std::io::Error,
    },
}

impl TrainError {
    /// Whether the user's input is to blame: exit code 2, not 1.
    pub fn is_mistake(&self) -> bool {
        match self {
            TrainError::Program(ProgramError::Method(_)) | TrainError::Guard(_) | TrainError::Action(_) => {
                true
            }
            TrainError::Views(_) | TrainError::Directory(_) | TrainError::OtherImages { .. } => true,
            TrainError::Loader(_) => true,
            _ => false,
        }
    }
}

/// Plans kept: SER draws 51 token grids a view, of few sizes.
const PLANS: usize = 64;

/// A run under way.
pub struct Trainer {
    settings: Settings,
    layout: Layout,
    options: TrainingOptions,
    loader: Loader<SampleViews>,
    collator: Collator,
    executor: CpuExecutor,
    plans: PlanCache<StepShape>,
    clock: StepClock,
    total: u64,
    /// What the gradient guard found before the run.
    rehearsed: Option<Vec<TermGradient>>,
}

impl Trainer {
    /// Prepares a run; nothing is written.
    ///
    /// # Errors
    /// Whatever can be known before the first step: a method that does not fit, too few images.
    pub fn new(settings: Settings) -> Result<Trainer, TrainError> {
        let encoder = settings.encoder.as_ref();
        let problems = settings.method.problems(encoder, settings.batch);
        if !problems.is_empty() {
            return Err(ProgramError::Method(problems).into());
        }
        let layout = Layout::of(&settings.method, settings.batch);
        let options = LoaderOptions {
            batch: settings.batch,
            workers: settings.workers,
            seed: settings.seed,
            bad_limit: settings.bad_images,
            ..LoaderOptions::default()
        };
        let steps_per_epoch = (settings.dataset.len() / settings.batch) as u64;
        let clock = StepClock { seed: settings.seed, steps_per_epoch };
        let maker = ViewMaker::new(&settings.method, encoder, &layout, settings.views.clone(), clock)
            .map_err(TrainError::Views)?;
        let collator = Collator::new(&settings.method, encoder, &layout, &maker, clock);
        let make = move |image: &crate::data::Image, key| maker.make(image, key);
        let loader = Loader::new(Arc::clone(&settings.dataset), options, make)?;
        let grid = encoder.grid(encoder.layers(), encoder.image());
        for split in &layout.splits {
            split.action.check(grid)?;
        }
        let threads = (settings.threads > 0).then_some(settings.threads);
        let cpu = CpuOptions { threads, seed: settings.seed, ..CpuOptions::default() };
        let training = TrainingOptions {
            optimizer: settings.optimizer.rule.clone(),
            drop_path: settings.drop_path,
            local_image: settings
                .views
                .local
                .as_ref()
                .and_then(|local| local.size())
                .map_or([96; 2], |side| [side; 2]),
            ..TrainingOptions::default()
        };
        Ok(Trainer {
            total: steps_per_epoch * settings.epochs as u64,
            layout,
            options: training,
            loader,
            collator,
            executor: CpuExecutor::new(cpu)?,
            plans: PlanCache::new(PLANS),
            clock,
            settings,
            rehearsed: None,
        })
    }

    /// What the run was told.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Steps of the whole run.
    pub fn total_steps(&self) -> u64 {
        self.total
    }

    /// The executor, with all that was learned.
    pub fn executor(&mut self) -> &mut CpuExecutor {
        &mut self.executor
    }

    /// The plan of the first step: its costs and its memory.
    ///
    /// # Errors
    /// A method that cannot be built.
    pub fn first_plan(&mut self) -> Result<Arc<Plan>, TrainError> {
        let shape = self.collator.shape(0)?;
        self.plan(&shape)
    }

    fn plan(&mut self, shape: &StepShape) -> Result<Arc<Plan>, TrainError> {
        let Settings { method, encoder, .. } = &self.settings;
        let (layout, options) = (&self.layout, &self.options);
        let mut refused = None;
        let built = self.plans.get_or_build(shape.clone(), || {
            match Program::build(method, encoder.as_ref(), layout, shape, options) {
                Ok(program) => Ok(program.plan),
                Err(ProgramError::Engine(error)) => Err(error),
                Err(error) => {
                    let message = error.to_string();
                    refused = Some(error);
                    Err(equilayer_engine::Error::Executor(message))
                }
            }
        });
        match refused {
            Some(error) => Err(error.into()),
            None => Ok(built?),
        }
    }

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
        let mut record = Recorder::open(directory, self)?;
        let mut progress = Progress::new(mode, self.total, record.step);
        for damaged in &record.damaged {
            progress.warn(&format!("{damaged}; going on after step {}", record.step));
        }
        let started = Instant::now();
        let before = record.seconds;
        let first = self.clock.steps_per_epoch;
        while record.step < self.total {
            let (epoch, batch) = (record.step / first, (record.step % first) as usize);
            for batch in self.loader.epoch(epoch, batch)? {
                let inputs = self.collator.collate(batch?)?;
                if inputs.step == 0 {
                    let found = match self.rehearsed.take() {
                        Some(found) => found,
                        None => progress.aside(|| self.guard(&inputs))?,
                    };
                    progress.say(&describe(&found));
                }
                let outputs = self.step(&inputs)?;
                if let Some(bad) = bad_output(&outputs) {
                    return Err(self.not_finite(directory, &record, &inputs, bad));
                }
                record.step = inputs.step + 1;
                record.seconds = before + started.elapsed().as_secs_f64();
                record.write(&self.values(&outputs, inputs.step), first)?;
                let loss = f64::from(outputs.scalar("loss")?);
                progress.step(record.step, record.step / first, &[("loss", loss)]);
                let due = record.step.is_multiple_of(self.settings.checkpoint_every);
                let stop = interrupt.is_requested();
                if due || stop || record.step == self.total {
                    // The step may have broken weights and no loss yet.
                    if let Some(bad) = bad_state(&self.executor)? {
                        return Err(self.not_finite(directory, &record, &inputs, bad));
                    }
                    progress.aside(|| record.save(self))?;
                }
                if stop && record.step < self.total {
                    progress.finish();
                    return Ok(Outcome::Interrupted(record.step));
                }
            }
        }
        progress.finish();
        Ok(Outcome::Finished)
    }

    /// Makes sure that the first step can be made: loads its images, builds its plan and runs the gradient guard.
    /// Nothing is written and no weight moves, so what is refused here leaves no trace.
    ///
    /// # Errors
    /// An image that cannot be used, a method that cannot be built, a term that does not train what it should.
    pub fn rehearse(&mut self) -> Result<(), TrainError> {
        self.first_plan()?;
        let batch = self.loader.epoch(0, 0)?.next().transpose()?;
        if let Some(batch) = batch {
            let inputs = self.collator.collate(batch)?;
            self.rehearsed = Some(self.guard(&inputs)?);
        }
        Ok(())
    }

    /// Epochs finished after a step, and samples drawn since.
    fn position(&self, step: u64) -> (u64, u64) {
        let steps_per_epoch = self.clock.steps_per_epoch;
        (step / steps_per_epoch, (step % steps_per_epoch) * self.settings.batch as u64)
    }

    /// Refuses a checkpoint that was at another place in the data after as many steps.
    fn check_images(&self, directory: &RunDirectory, info: &CheckpointInfo) -> Result<(), TrainError> {
        let show = |(epoch, sample): (u64, u64)| format!("{epoch}, sample {sample}");
        let (then, now) = ((info.epoch, info.sampler_position), self.position(info.step));
        if then == now {
            return Ok(());
        }
        Err(TrainError::OtherImages {
            directory: directory.path().display().to_string(),
            step: info.step,
            then: show(then),
            now: show(now),
            images: self.settings.dataset.len(),
        })
    }

    fn guard(&mut self, inputs: &StepInputs) -> Result<Vec<TermGradient>, TrainError> {
        let fed = self.fed(inputs);
        let Settings { method, encoder, .. } = &self.settings;
        let found = guard(
            method,
            encoder.as_ref(),
            &self.layout,
            &inputs.shape,
            &self.options,
            &mut self.executor,
            &borrowed(&fed),
        )?;
        Ok(found)
    }

    fn step(&mut self, inputs: &StepInputs) -> Result<Outputs, TrainError> {
        let plan = self.plan(&inputs.shape)?;
        let fed = self.fed(inputs);
        let known = |name: &str| plan.inputs().iter().any(|port| port.name == name);
        let fed: Vec<(&str, &[f32])> = borrowed(&fed).into_iter().filter(|(name, _)| known(name)).collect();
        Ok(self.executor.run(&plan, &fed)?)
    }

    /// Leaves what is needed to look into a step that went wrong.
    fn not_finite(
        &mut self,
        directory: &RunDirectory,
        record: &Recorder,
        inputs: &StepInputs,
        (term, value): (String, f32),
    ) -> TrainError {
        let step = inputs.step + 1;
        let fed = self.fed(inputs);
        let kept = match record.store.steps().ok().and_then(|steps| steps.last().copied()) {
            Some(last) => format!("The last checkpoint is from before, of step {last}"),
            None => "There is no checkpoint from before".into(),
        };
        match self.plan(&inputs.shape).and_then(|plan| write_replay(directory, step, &term, &plan, &fed)) {
            Ok(replay) => {
                TrainError::NotFinite { step, term, value, kept, replay: replay.display().to_string() }
            }
            Err(error) => error,
        }
    }

    /// Images, and everything that follows a schedule.
    fn fed(&self, inputs: &StepInputs) -> Vec<(String, Vec<f32>)> {
        let at = |schedule: &Schedule| schedule.value(inputs.step, self.clock.steps_per_epoch, self.total);
        let OptimizerRates { learning_rate, weight_decay } = self.rates(inputs.step);
        let mut fed = inputs.values.clone();
        fed.extend(self.options.optimizer.hyper(inputs.step, learning_rate, weight_decay));
        let method = &self.settings.method;
        if let Some(ema) = method.teacher() {
            fed.push((names::MOMENTUM.into(), vec![at(&ema.momentum)]));
        }
        if self.settings.drop_path > 0.0 {
            // Counters beyond 2²⁴ would not survive as f32.
            let whole = |value: u64| (value % (1 << 24)) as f32;
            fed.push((names::RANDOM.into(), vec![whole(self.settings.seed), whole(inputs.step)]));
        }
        for (index, (member, name)) in method.members().zip(method.names()).enumerate() {
            if index > 0 {
                fed.push((names::weight(&name), vec![at(member.weight())]));
            }
            for (knob, value) in member.spec().knobs().zip(member.knobs().map(|(_, value)| value)) {
                if knob.kind == KnobKind::Schedule {
                    let schedule = schedule_of(value);
                    fed.push((names::part(&name, &knob.name), vec![at(&schedule)]));
                }
            }
        }
        fed
    }

    fn rates(&self, step: u64) -> OptimizerRates {
        let at =
            |schedule: &Schedule| f64::from(schedule.value(step, self.clock.steps_per_epoch, self.total));
        OptimizerRates {
            learning_rate: at(&self.settings.optimizer.learning_rate),
            weight_decay: at(&self.settings.optimizer.weight_decay),
        }
    }

    /// What a step leaves in the metrics: `loss`, `loss/MEMBER`, `gradient/MEMBER`, `learning_rate`.
    fn values(&self, outputs: &Outputs, step: u64) -> BTreeMap<String, f64> {
        let mut values: BTreeMap<String, f64> = outputs
            .iter()
            .filter_map(|(name, values)| Some((name.replacen('.', "/", 1), f64::from(*values.first()?))))
            .collect();
        values.insert("learning_rate".into(), self.rates(step).learning_rate);
        values
    }
}

struct OptimizerRates {
    learning_rate: f64,
    weight_decay: f64,
}

fn schedule_of(value: &KnobValue) -> Schedule {
    Schedule::from_value(value).unwrap_or_else(|| Schedule::constant(0.0))
}

fn borrowed(inputs: &[(String, Vec<f32>)]) -> Vec<(&str, &[f32])> {
    inputs.iter().map(|(name, values)| (name.as_str(), &values[..])).collect()
}

fn describe(found: &[TermGradient]) -> String {
    let terms = found.iter().map(|term| format!("{} {:.2e}", term.term, term.at_tap));
    format!(
        "gradient guard: every loss reaches its tap and its heads ({})",
        terms.collect::<Vec<_>>().join(", ")
    )
}

/// Metrics and checkpoints of a run.
struct Recorder {
    step: u64,
    seconds: f64,
    metrics: MetricsWriter,
    events: EventWriter,
    store: CheckpointStore,
    config: String,
    /// Checkpoints that were passed over.
    damaged: Vec<CheckpointError>,
}

impl Recorder {
    /// Begins a run, or goes on where its newest checkpoint is.
    fn open(directory: &RunDirectory, trainer: &mut Trainer) -> Result<Recorder, TrainError> {
        let store = CheckpointStore::open(directory.checkpoints(), trainer.settings.keep)?;
        let config = directory.config()?;
        let (mut step, mut seconds, mut damaged) = (0, 0.0, Vec::new());
        if let Some(mut newest) = store.newest()? {
            trainer.check_images(directory, newest.checkpoint.info())?;
            let plan = trainer.first_plan()?;
            newest.checkpoint.restore(&mut trainer.executor, &[&plan])?;
            step = newest.checkpoint.info().step;
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
        Ok(Recorder { step, seconds, metrics, events, store, config, damaged })
    }

    fn write(&mut self, values: &BTreeMap<String, f64>, steps_per_epoch: u64) -> Result<(), TrainError> {
        let epoch = self.step / steps_per_epoch;
        let record = Record { step: self.step, epoch, seconds: Some(self.seconds), values: values.clone() };
        self.metrics.write(&record)?;
        Ok(self.events.write(&record)?)
    }

    fn save(&mut self, trainer: &mut Trainer) -> Result<(), TrainError> {
        self.metrics.sync()?;
        self.events.flush()?;
        let plan = trainer.first_plan()?;
        let shapes = states_of([plan.as_ref()]);
        let (epoch, sampler_position) = trainer.position(self.step);
        let info = CheckpointInfo {
            config: serde_json::Value::String(self.config.clone()),
            step: self.step,
            epoch,
            sampler_position,
            score: None,
        };
        self.store.save(&info, &shapes, &trainer.executor)?;
        Ok(())
    }
}
