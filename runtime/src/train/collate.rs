//! From samples to the inputs of a step.

use crate::action::ActionError;
use crate::loader::{Batch, SampleKey};
use crate::program::{StepActions, StepDraw, StepShape};

use super::views::{SampleViews, ViewMaker};

/// Which batch it is of all, and what its draws are keyed by.
#[derive(Clone, Copy, Debug)]
pub struct StepClock {
    /// The run's seed.
    pub seed: u64,
    /// Batches an epoch that are part of a step.
    pub batches_per_epoch: u64,
}

impl StepClock {
    /// The number, from 0 over all epochs, of a batch of an epoch.
    pub fn batch(&self, epoch: u64, batch: usize) -> u64 {
        epoch * self.batches_per_epoch + batch as u64
    }

    /// The number of the batch that a sample is made for.
    pub(super) fn batch_of(&self, key: SampleKey) -> u64 {
        self.batch(key.epoch, key.batch)
    }
}

/// What a batch's plan is found by and what it is fed, but for schedules.
#[derive(Clone, Debug)]
pub struct StepInputs {
    /// The batch, from 0 over all epochs; a step, unless gradients are accumulated.
    pub batch: u64,
    /// Which plan.
    pub shape: StepShape,
    /// Values by input.
    pub values: Vec<(String, Vec<f32>)>,
}

/// Puts samples together and draws what they share.
#[derive(Clone)]
pub struct Collator {
    actions: StepActions,
    clock: StepClock,
    inputs: Vec<String>,
}

impl Collator {
    /// For the samples of a view maker.
    pub fn new(maker: &ViewMaker, clock: StepClock) -> Collator {
        Collator { actions: maker.actions().clone(), clock, inputs: maker.inputs().to_vec() }
    }

    /// The inputs of a batch's plan.
    ///
    /// # Errors
    /// An action that cannot be drawn on the encoder's grid.
    pub fn collate(&self, batch: Batch<SampleViews>) -> Result<StepInputs, ActionError> {
        let number = self.clock.batch(batch.epoch, batch.index);
        let mut gathered: Vec<Vec<f32>> = vec![Vec::new(); self.inputs.len()];
        for sample in batch.samples {
            for (input, values) in sample.parts {
                match gathered[input].is_empty() {
                    true => gathered[input] = values,
                    false => gathered[input].extend(values),
                }
            }
        }
        let mut values: Vec<(String, Vec<f32>)> =
            self.inputs.iter().cloned().zip(gathered).filter(|(_, values)| !values.is_empty()).collect();
        let StepDraw { shape, fed } = self.actions.draw(number)?;
        values.extend(fed);
        Ok(StepInputs { batch: number, shape, values })
    }

    /// The shape of a batch before any image is loaded.
    ///
    /// # Errors
    /// As [`Collator::collate`].
    pub fn shape(&self, batch: u64) -> Result<StepShape, ActionError> {
        Ok(self.actions.draw(batch)?.shape)
    }
}
