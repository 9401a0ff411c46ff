//! Steps of MoCo v3, with and without SER.

use std::sync::Arc;

use equilayer_engine::{Error, Plan, PlanCache};

use super::error::BenchError;
use super::work::{Inputs, RATE, WEIGHT_DECAY, random_images};
use super::workload::{Grids, Setup};
use crate::action::{Grid, HFlip, HalfTurn, PairDraw, Rescale, Rot90, Symmetry, View};
use crate::encoder::VitConfig;
use crate::method::{Layout, Member, Method, Split};
use crate::plugin::{BatchShare, KnobValue, Plugin, PluginKind, Registry};
use crate::program::{Program, StepActions, StepDraw, StepShape, TrainingOptions, names};

/// Momentum of the teacher; its value changes no time.
const MOMENTUM: f32 = 0.99;

/// Plans kept, as in training.
const PLANS: usize = 64;

/// A method on random images: what a step needs beside images that stay the same.
pub(super) struct MethodSteps {
    method: Method,
    encoder: VitConfig,
    layout: Layout,
    options: TrainingOptions,
    actions: StepActions,
    plans: PlanCache<StepShape>,
    /// Each split's crops `[samples, channels, height, width]`, one set a view: colours are each view's own.
    crops: Vec<[Vec<f32>; 2]>,
}

impl MethodSteps {
    pub fn new(setup: &Setup, registry: &Registry) -> Result<MethodSteps, BenchError> {
        let (method, encoder) = (method(setup, registry)?, setup.workload.encoder());
        let problems = method.problems(&encoder, setup.batch);
        if !problems.is_empty() {
            return Err(crate::program::ProgramError::Method(problems).into());
        }
        let layout = Layout::of(&method, setup.batch);
        let crops = |split: &Split| {
            View::BOTH.map(|view| {
                let name = names::split_view(&split.name, view as usize);
                random_images(&name, split.samples, &encoder)
            })
        };
        let options = TrainingOptions::default();
        Ok(MethodSteps {
            crops: layout.splits.iter().map(crops).collect(),
            actions: StepActions::new(&method, &encoder, &layout, options.local_image, 0),
            plans: PlanCache::new(PLANS),
            options,
            method,
            encoder,
            layout,
        })
    }

    /// The plain samples' views, which are the same at every step.
    pub fn images(&self) -> Inputs {
        let view = |view| {
            let name = names::view(view);
            let images = random_images(&name, self.layout.plain, &self.encoder);
            (name, images)
        };
        (0..2).map(view).collect()
    }

    /// The plan of a step and all that changes from step to step: group elements, what they make of images and tokens,
    /// schedules.
    pub fn next(&mut self, step: u64) -> Result<(Arc<Plan>, Inputs), BenchError> {
        let mut inputs = self.options.optimizer.hyper(step, RATE, WEIGHT_DECAY);
        inputs.push((names::MOMENTUM.into(), vec![MOMENTUM]));
        let regularizers = self.method.names().into_iter().skip(1);
        inputs.extend(regularizers.map(|name| (names::weight(&name), vec![1.0])));
        for (index, (split, crops)) in self.layout.splits.iter().zip(&self.crops).enumerate() {
            let pair = self.actions.draw_pair(index, 0, 0..split.samples, step)?;
            for (view, crops) in View::BOTH.into_iter().zip(crops) {
                let name = names::split_view(&split.name, view as usize);
                inputs.push((name, self.moved(&pair, view, crops)?));
            }
        }
        let StepDraw { shape, fed } = self.actions.draw(step)?;
        inputs.extend(fed);
        Ok((self.plan(shape)?, inputs))
    }

    fn plan(&mut self, shape: StepShape) -> Result<Arc<Plan>, Error> {
        let MethodSteps { method, encoder, layout, options, .. } = self;
        self.plans.get_or_build(shape.clone(), || {
            let program = Program::build(method, encoder, layout, &shape, options);
            Ok(program.map_err(|error| Error::Executor(error.to_string()))?.plan)
        })
    }

    /// A view of each sample's crop under its group element.
    fn moved(&self, pair: &PairDraw, view: View, crops: &[f32]) -> Result<Vec<f32>, BenchError> {
        let words = |error: &dyn std::fmt::Display| BenchError::Views(error.to_string());
        let [rows, columns] = self.encoder.image;
        let pixels = self.encoder.channels * Grid::new(rows, columns).cells();
        let mut images = Vec::new();
        for (map, crop) in pair.maps(view).iter().zip(crops.chunks(pixels)) {
            let map = map.refined(self.encoder.patch).sample(pair.interpolation());
            let map = map.map_err(|error| words(&error))?;
            let first = images.len();
            images.resize(first + self.encoder.channels * map.to().cells(), 0.0);
            map.apply(crop, self.encoder.channels, &mut images[first..]).map_err(|error| words(&error))?;
        }
        Ok(images)
    }
}

/// MoCo v3, and SER on its share of the batch.
fn method(setup: &Setup, registry: &Registry) -> Result<Method, BenchError> {
    let find = |kind, name| {
        let missing = |why| BenchError::Plugin { workload: setup.workload.name(), why };
        registry.find(kind, name).map_err(missing)
    };
    let knob = |member: Member, name, value| {
        let wrong = |why| BenchError::Plugin { workload: setup.workload.name(), why };
        member.knob(name, KnobValue::Whole(value)).map_err(wrong)
    };
    let objective = Member::of(find(PluginKind::Objective, "moco_v3")?);
    let method = Method::of(knob(objective, "hidden", setup.workload.head_width())?);
    if !setup.ser {
        return Ok(method);
    }
    let ser = find(PluginKind::Regularizer, "ser")?.clone();
    let ser = match setup.grids {
        Grids::Fixed => on_fixed_grids(ser),
        Grids::Drawn => ser,
    };
    let share = setup.samples() as f64 / setup.batch as f64;
    Ok(method.with(Member::of(&ser).on(BatchShare::Fraction(share))))
}

/// SER's action with a scale and an aspect of 1: maps are made and applied as for any, on grids that stay the same.
fn on_fixed_grids(ser: Plugin) -> Plugin {
    ser.action(
        Rot90.per_batch()
            * Rescale(1.0..=1.0).aspect(1.0..=1.0).per_batch()
            * (HalfTurn * HFlip).per_sample().complementary(),
    )
}
