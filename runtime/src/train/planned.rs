//! A batch with its plan and everything that is fed: ready to run, and on its way to the device.

use std::sync::Arc;

use equilayer_engine::Plan;

use super::collate::StepInputs;
use super::error::TrainError;
use super::feed::known;
use super::trainer::Trainer;
use super::views::SampleViews;
use crate::loader::{Batch, LoaderError};

/// A batch that can be run.
pub(super) struct PlannedBatch {
    /// With what follows a schedule.
    pub inputs: StepInputs,
    pub plan: Arc<Plan>,
}

impl Trainer {
    /// The next batch, if there is one. Its inputs are sent to the device, which may be at work on the batch before.
    pub(super) fn next(
        &mut self,
        batches: &mut impl Iterator<Item = Result<Batch<SampleViews>, LoaderError>>,
    ) -> Result<Option<PlannedBatch>, TrainError> {
        let Some(batch) = batches.next().transpose()? else { return Ok(None) };
        let inputs = self.fed(self.collator.collate(batch)?);
        let plan = self.plan(&inputs.shape)?;
        self.executor.send(&plan, &known(&plan, &inputs.values))?;
        Ok(Some(PlannedBatch { inputs, plan }))
    }
}
