//! What a batch's plan is fed: images, and everything that follows a schedule.

use equilayer_engine::Plan;

use super::accumulate::Place;
use super::collate::StepInputs;
use super::trainer::Trainer;
use crate::plugin::{EmaUpdate, KnobKind, KnobType, KnobValue};
use crate::program::names;
use crate::schedule::Schedule;

/// What the optimizer follows in a step.
pub(super) struct OptimizerRates {
    pub learning_rate: f64,
    pub weight_decay: f64,
}

impl Trainer {
    /// A batch's inputs, and everything that follows a schedule with them.
    pub(super) fn fed(&self, mut inputs: StepInputs) -> StepInputs {
        inputs.values.extend(self.scheduled(inputs.batch));
        inputs
    }

    /// Everything that follows a schedule.
    fn scheduled(&self, batch: u64) -> Vec<(String, Vec<f32>)> {
        let place = self.place(batch);
        let at = |schedule: &Schedule| schedule.value(place.step, self.steps_per_epoch(), self.total);
        let mut fed = self.optimizer_inputs(place);
        let method = &self.settings.method;
        if let Some(ema) = method.teacher() {
            let moves = match ema.update {
                EmaUpdate::BeforeKeys => place.first,
                EmaUpdate::AfterStep => place.last,
            };
            fed.push((names::MOMENTUM.into(), vec![if moves { at(&ema.momentum) } else { 1.0 }]));
        }
        if self.settings.drop_path > 0.0 {
            // Counters beyond 2²⁴ would not survive as f32.
            let whole = |value: u64| (value % (1 << 24)) as f32;
            fed.push((names::RANDOM.into(), vec![whole(self.settings.seed), whole(batch)]));
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

    /// The optimizer's coefficients: at rest, but for the last batch of a step.
    fn optimizer_inputs(&self, place: Place) -> Vec<(String, Vec<f32>)> {
        let optimizer = &self.options.optimizer;
        let mut fed = match place.last {
            true => {
                let OptimizerRates { learning_rate, weight_decay } = self.rates(place.step);
                optimizer.hyper(place.step, learning_rate, weight_decay)
            }
            false => optimizer.rest(),
        };
        if self.options.accumulate > 1 {
            fed.push((names::SUMMED.into(), vec![if place.first { 0.0 } else { 1.0 }]));
        }
        fed
    }

    pub(super) fn rates(&self, step: u64) -> OptimizerRates {
        let at = |schedule: &Schedule| f64::from(schedule.value(step, self.steps_per_epoch(), self.total));
        OptimizerRates {
            learning_rate: at(&self.settings.optimizer.learning_rate),
            weight_decay: at(&self.settings.optimizer.weight_decay),
        }
    }
}

fn schedule_of(value: &KnobValue) -> Schedule {
    Schedule::from_value(value).unwrap_or_else(|| Schedule::constant(0.0))
}

pub(super) fn borrowed(inputs: &[(String, Vec<f32>)]) -> Vec<(&str, &[f32])> {
    inputs.iter().map(|(name, values)| (name.as_str(), &values[..])).collect()
}

/// Those inputs that a plan has.
pub(super) fn known<'a>(plan: &Plan, inputs: &'a [(String, Vec<f32>)]) -> Vec<(&'a str, &'a [f32])> {
    let has = |name: &str| plan.inputs().iter().any(|port| port.name == name);
    borrowed(inputs).into_iter().filter(|(name, _)| has(name)).collect()
}
