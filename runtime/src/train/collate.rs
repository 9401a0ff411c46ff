//! From samples to the inputs of a step.

use crate::action::{ActionError, DrawKey, Grid, Sample, View};
use crate::encoder::EncoderConfig;
use crate::loader::{Batch, SampleKey};
use crate::method::{Layout, Method, Split};
use crate::plugin::{ArgumentKind, Layer};
use crate::program::{SplitShape, StepShape, names};

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

    /// The key of a split's group elements.
    pub(super) fn draw_key(&self, split: &Split, key: SampleKey) -> DrawKey {
        DrawKey::new(self.seed, self.batch(key.epoch, key.batch), &split.name)
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
    layout: Layout,
    grid: Grid,
    clock: StepClock,
    inputs: Vec<String>,
    /// For each split, the names of members that ask for ρ, and how much finer their tap's grid is.
    movers: Vec<Vec<(String, usize, bool)>>,
}

impl Collator {
    /// For the samples of a view maker.
    pub fn new(
        method: &Method,
        encoder: &dyn EncoderConfig,
        layout: &Layout,
        maker: &ViewMaker,
        clock: StepClock,
    ) -> Collator {
        let grid = encoder.grid(encoder.layers(), encoder.image());
        let names = method.names();
        let members: Vec<_> = method.members().collect();
        let mover = |&index: &usize| {
            let member = members[index];
            let layer = match member.at().layer {
                Layer::After(layer) => layer.clamp(1, encoder.layers()),
                Layer::Last => encoder.layers(),
            };
            let finer = encoder.grid(layer, encoder.image()).rows / grid.rows.max(1);
            let asks = member.spec().asks(&ArgumentKind::Relative) && !member.is_control();
            (names[index].clone(), finer.max(1), asks)
        };
        let movers = layout.splits.iter().map(|split| split.members.iter().map(mover).collect()).collect();
        Collator { layout: layout.clone(), grid, clock, inputs: maker.inputs().to_vec(), movers }
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
        let mut splits = Vec::with_capacity(self.layout.splits.len());
        for (split, movers) in self.layout.splits.iter().zip(&self.movers) {
            splits.push(self.draw(split, movers, number, &mut values)?);
        }
        Ok(StepInputs { batch: number, shape: StepShape { splits }, values })
    }

    /// The shape of a batch before any image is loaded.
    ///
    /// # Errors
    /// As [`Collator::collate`].
    pub fn shape(&self, batch: u64) -> Result<StepShape, ActionError> {
        let draw = |(split, movers): (&Split, &Vec<_>)| self.draw(split, movers, batch, &mut Vec::new());
        let splits = self.layout.splits.iter().zip(&self.movers).map(draw).collect::<Result<_, _>>()?;
        Ok(StepShape { splits })
    }

    fn draw(
        &self,
        split: &Split,
        movers: &[(String, usize, bool)],
        batch: u64,
        values: &mut Vec<(String, Vec<f32>)>,
    ) -> Result<SplitShape, ActionError> {
        let samples = Sample::all(0..split.samples as u64);
        let key = DrawKey::new(self.clock.seed, batch, &split.name);
        let pair = split.action.draw_pair(self.grid, &samples, &key)?;
        let mut relative = Vec::with_capacity(movers.len());
        for (name, finer, asks) in movers {
            let pair = pair.refined(*finer);
            let mut shapes = Vec::with_capacity(2);
            for view in View::BOTH {
                let maps = pair.relative(view, view.other())?;
                shapes.push(maps.shape());
                if *asks {
                    values.extend(maps.feed(&names::relative(name, view as usize)));
                }
            }
            relative.push([shapes[0], shapes[1]]);
        }
        Ok(SplitShape { grids: View::BOTH.map(|view| pair.grid(view)), relative })
    }
}
