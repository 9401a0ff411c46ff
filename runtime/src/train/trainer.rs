//! A run before and between its steps: what it is made of, its plans, and what can be known of it beforehand.

use std::sync::Arc;
use std::time::{Duration, Instant};

use equilayer_engine::optim::Optimizer;
use equilayer_engine::{CpuOptions, DeviceChoice, DeviceExecutor, Executor, Plan, PlanCache, Precision};

use super::accumulate::Place;
use super::collate::{Collator, StepClock, StepInputs};
use super::error::TrainError;
use super::feed::{borrowed, known};
use super::settings::Settings;
use super::views::{SampleViews, ViewMaker};
use crate::assess::{Assessment, Extent};
use crate::loader::{Loader, LoaderOptions};
use crate::method::{Layout, Method};
use crate::program::{Program, ProgramError, StepShape, TermGradient, TrainingOptions, guard};

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
    pub(super) options: TrainingOptions,
    pub(super) loader: Loader<SampleViews>,
    pub(super) collator: Collator,
    pub(super) executor: DeviceExecutor,
    plans: PlanCache<StepShape>,
    pub(super) clock: StepClock,
    pub(super) total: u64,
    /// What the gradient guard found before the run.
    pub(super) rehearsed: Option<Vec<TermGradient>>,
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
        let accumulate = settings.accumulate.max(1) as u64;
        let batches = (settings.dataset.len() / layout.loaded()) as u64;
        let steps_per_epoch = batches / accumulate;
        let clock = StepClock { seed: settings.seed, batches_per_epoch: steps_per_epoch * accumulate };
        let maker = ViewMaker::new(&settings.method, encoder, &layout, settings.views.clone(), clock)
            .map_err(TrainError::Views)?;
        maker.actions().check()?;
        let collator = Collator::new(&maker, clock);
        let make = move |image: &crate::data::Image, key| maker.make(image, key);
        let loader = Loader::new(Arc::clone(&settings.dataset), options, make)?;
        if steps_per_epoch == 0 {
            return Err(TrainError::FewBatches { batches, accumulate });
        }
        let threads = (settings.threads > 0).then_some(settings.threads);
        let cpu = CpuOptions { threads, seed: settings.seed, ..CpuOptions::default() };
        let training = TrainingOptions {
            optimizer: freezing(settings.optimizer.rule.clone(), &settings.method, steps_per_epoch),
            drop_path: settings.drop_path,
            accumulate: settings.accumulate.max(1),
            local_image: settings.views.local_image(),
            ..TrainingOptions::default()
        };
        if settings.device == DeviceChoice::Cpu && settings.precision != Precision::F32 {
            return Err(TrainError::Precision(settings.precision));
        }
        Ok(Trainer {
            total: steps_per_epoch * settings.epochs as u64,
            layout,
            options: training,
            loader,
            collator,
            executor: DeviceExecutor::new(settings.device, settings.precision, cpu)?,
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

    /// Batches whose mean gradient makes a step.
    pub fn accumulate(&self) -> u64 {
        self.options.accumulate as u64
    }

    /// Optimizer steps an epoch.
    pub(super) fn steps_per_epoch(&self) -> u64 {
        self.clock.batches_per_epoch / self.accumulate()
    }

    /// The place of a batch in its step.
    pub(super) fn place(&self, batch: u64) -> Place {
        Place::of(batch, self.accumulate())
    }

    /// The executor, with all that was learned.
    pub fn executor(&mut self) -> &mut DeviceExecutor {
        &mut self.executor
    }

    /// The plan of the first batch: its costs and its memory.
    ///
    /// # Errors
    /// A method that cannot be built.
    pub fn first_plan(&mut self) -> Result<Arc<Plan>, TrainError> {
        let shape = self.collator.shape(0)?;
        self.plan(&shape)
    }

    /// How long a step takes: as many times a batch as it has batches, by the second of two that are run. They teach the
    /// executor something; nothing is written. For estimates before a run.
    ///
    /// # Errors
    /// Images that cannot be loaded; what the executor reports.
    pub fn time_step(&mut self) -> Result<Duration, TrainError> {
        let mut took = Duration::ZERO;
        for batch in self.loader.epoch(0, 0)?.take(2) {
            let started = Instant::now();
            let inputs = self.fed(self.collator.collate(batch?)?);
            let plan = self.plan(&inputs.shape)?;
            self.executor.run(&plan, &known(&plan, &inputs.values))?;
            took = started.elapsed();
        }
        Ok(took * self.options.accumulate as u32)
    }

    pub(super) fn plan(&mut self, shape: &StepShape) -> Result<Arc<Plan>, TrainError> {
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

    /// Makes sure that the first step can be made: loads its images, builds its plan and runs the gradient guard.
    /// Nothing is written and no weight moves, so what is refused here leaves no trace.
    ///
    /// # Errors
    /// An image that cannot be used, a method that cannot be built, a term that does not train what it should.
    pub fn rehearse(&mut self) -> Result<(), TrainError> {
        self.first_plan()?;
        let batch = self.loader.epoch(0, 0)?.next().transpose()?;
        if let Some(batch) = batch {
            let inputs = self.fed(self.collator.collate(batch)?);
            self.rehearsed = Some(self.guard(&inputs)?);
        }
        Ok(())
    }

    /// Steps between online signals.
    pub(super) fn look_every(&self) -> u64 {
        match self.settings.look_every {
            0 => self.steps_per_epoch(),
            every => every,
        }
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

    /// Runs the gradient guard on a batch that is fed everything.
    pub(super) fn guard(&mut self, inputs: &StepInputs) -> Result<Vec<TermGradient>, TrainError> {
        let Settings { method, encoder, .. } = &self.settings;
        let found = guard(
            method,
            encoder.as_ref(),
            &self.layout,
            &inputs.shape,
            &self.options,
            &mut self.executor,
            &borrowed(&inputs.values),
        )?;
        Ok(found)
    }
}

/// The rule with the layers that a method holds still at first: DINO's last one, for an epoch.
fn freezing(rule: Optimizer, method: &Method, steps_per_epoch: u64) -> Optimizer {
    method.frozen_layers().into_iter().fold(rule, |rule, (layer, epochs)| {
        let steps = epochs as u64 * steps_per_epoch;
        rule.freeze(&format!("frozen.{layer}"), steps, move |parameter, _| {
            parameter.strip_prefix(&layer).is_some_and(|part| part.starts_with('.'))
        })
    })
}
