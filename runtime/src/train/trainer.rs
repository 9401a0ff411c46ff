//! The training loop.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use equilayer_engine::profile::Launch;
use equilayer_engine::{CpuExecutor, CpuOptions, Executor, Outputs, Plan, PlanCache};

use super::collate::{Collator, StepClock, StepInputs};
use super::cost::Costs;
use super::error::TrainError;
use super::finite::{bad_output, bad_state};
use super::recorder::Recorder;
use super::replay::write_replay;
use super::settings::Settings;
use super::views::{SampleViews, ViewMaker};
use crate::assess::{Assessment, CollapseWatch, Extent, Online};
use crate::interrupt::Interrupt;
use crate::loader::{Loader, LoaderOptions};
use crate::method::Layout;
use crate::plugin::{KnobKind, KnobType, KnobValue};
use crate::program::{Program, ProgramError, StepShape, TermGradient, TrainingOptions, guard, names};
use crate::progress::{Progress, ProgressMode};
use crate::run_directory::RunDirectory;
use crate::schedule::Schedule;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// After its last step.
    Finished,
    /// Asked to stop after this many steps, with a checkpoint.
    Interrupted(u64),
}

/// Plans kept: SER draws 51 token grids a view, of few sizes.
const PLANS: usize = 64;

/// A run under way.
pub struct Trainer {
    pub(super) settings: Settings,
    layout: Layout,
    options: TrainingOptions,
    loader: Loader<SampleViews>,
    collator: Collator,
    pub(super) executor: CpuExecutor,
    plans: PlanCache<StepShape>,
    pub(super) clock: StepClock,
    total: u64,
    /// What the gradient guard found before the run.
    rehearsed: Option<Vec<TermGradient>>,
}

/// A step that was run.
struct Done {
    outputs: Outputs,
    plan: Arc<Plan>,
    launches: Vec<Launch>,
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
            batch: layout.loaded(),
            workers: settings.workers,
            seed: settings.seed,
            bad_limit: settings.bad_images,
            ..LoaderOptions::default()
        };
        let steps_per_epoch = (settings.dataset.len() / layout.loaded()) as u64;
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

    /// How long a step takes: the second of two on the first batch, which teach the executor something; nothing is
    /// written. For estimates before a run.
    ///
    /// # Errors
    /// Images that cannot be loaded; what the executor reports.
    pub fn time_step(&mut self) -> Result<Duration, TrainError> {
        let mut took = Duration::ZERO;
        for batch in self.loader.epoch(0, 0)?.take(2) {
            let started = Instant::now();
            let inputs = self.collator.collate(batch?)?;
            let plan = self.plan(&inputs.shape)?;
            let fed = self.fed(&inputs);
            self.executor.run(&plan, &known(&plan, &fed))?;
            took = started.elapsed();
        }
        Ok(took)
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
        let mut watch = (progress.aside(|| Online::new(&self.settings.bench()))?, CollapseWatch::default());
        let mut costs = Costs::default();
        let started = Instant::now();
        let before = record.seconds;
        let first = self.clock.steps_per_epoch;
        if record.step == 0 {
            self.look(&mut watch, &mut record, &mut progress)?;
        }
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
                let done = self.step(&inputs)?;
                if let Some(bad) = bad_output(&done.outputs) {
                    return Err(self.not_finite(directory, &record, &inputs, bad));
                }
                costs.add(&done.plan, &done.launches);
                record.step = inputs.step + 1;
                record.seconds = before + started.elapsed().as_secs_f64();
                let mut values = self.values(&done.outputs, inputs.step);
                let look = record.step.is_multiple_of(self.look_every()) || record.step == self.total;
                if look {
                    values.extend(costs.take());
                }
                record.write(&values, first)?;
                let loss = f64::from(done.outputs.scalar("loss")?);
                progress.step(record.step, record.step / first, &[("loss", loss)]);
                let due = record.step.is_multiple_of(self.settings.checkpoint_every);
                let stop = interrupt.is_requested();
                let save = due || stop || record.step == self.total;
                if look || save {
                    self.check_states(directory, &record, &inputs)?;
                }
                if look {
                    self.look(&mut watch, &mut record, &mut progress)?;
                }
                if save {
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

    /// Steps between online signals.
    fn look_every(&self) -> u64 {
        match self.settings.look_every {
            0 => self.clock.steps_per_epoch.max(1),
            every => every,
        }
    }

    /// Measures the online signals, logs them, and warns of a collapse.
    fn look(
        &mut self,
        (online, watch): &mut (Online, CollapseWatch),
        record: &mut Recorder,
        progress: &mut Progress,
    ) -> Result<(), TrainError> {
        let signals = progress.aside(|| online.measure(&mut self.executor))?;
        let values = signals.values().into_iter().map(|(name, value)| (name.to_owned(), value));
        record.write(&values.collect(), self.clock.steps_per_epoch)?;
        record.score = signals.knn;
        progress.say(&format!("step {}: {signals}", record.step));
        if let Some(warning) = watch.warning(record.step, &signals) {
            progress.say(&warning);
        }
        Ok(())
    }

    /// Measures the encoder as it is now beside its baselines; `step` says how far it was trained.
    ///
    /// # Errors
    /// Images that cannot be read, features that cannot be measured.
    pub fn assess(
        &mut self,
        step: u64,
        extent: Extent,
        say: &mut dyn FnMut(&str),
    ) -> Result<Assessment, TrainError> {
        Ok(self.settings.bench().assess(&mut self.executor, step, extent, say)?)
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

    fn step(&mut self, inputs: &StepInputs) -> Result<Done, TrainError> {
        let plan = self.plan(&inputs.shape)?;
        let fed = self.fed(inputs);
        let (outputs, launches) = self.executor.run_timed(&plan, &known(&plan, &fed))?;
        Ok(Done { outputs, plan, launches })
    }

    /// Refuses to go on with weights that are not finite: the step may have broken them and no loss yet.
    fn check_states(
        &mut self,
        directory: &RunDirectory,
        record: &Recorder,
        inputs: &StepInputs,
    ) -> Result<(), TrainError> {
        match bad_state(&self.executor)? {
            Some(bad) => Err(self.not_finite(directory, record, inputs, bad)),
            None => Ok(()),
        }
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
        let kept = match record.saved() {
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

/// Those inputs that a plan has.
fn known<'a>(plan: &Plan, inputs: &'a [(String, Vec<f32>)]) -> Vec<(&'a str, &'a [f32])> {
    let has = |name: &str| plan.inputs().iter().any(|port| port.name == name);
    borrowed(inputs).into_iter().filter(|(name, _)| has(name)).collect()
}

fn describe(found: &[TermGradient]) -> String {
    let terms = found.iter().map(|term| format!("{} {:.2e}", term.term, term.at_tap));
    format!(
        "gradient guard: every loss reaches its tap and its heads ({})",
        terms.collect::<Vec<_>>().join(", ")
    )
}
