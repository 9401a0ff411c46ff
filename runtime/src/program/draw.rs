//! The group elements of a step: what each split's pairs of crops are transformed by, and what a graph is fed of it.
//!
//! Workers transform images by the elements that the step's ρ_g is made of, each for itself: an element depends on the
//! seed, the step, the split, the pair and the sample's place in the split, and on nothing else.

use equilayer_engine::random::{Stream, stream_id};

use super::names;
use super::shape::{PairShape, SplitShape, StepShape};
use crate::action::{ActionError, DrawKey, Grid, PairDraw, Sample, SmoothFlow, View};
use crate::encoder::EncoderConfig;
use crate::method::{Layout, Method, Split};
use crate::plugin::{ArgumentKind, Layer};

/// Draws the elements of a run's steps. Cheap to clone.
#[derive(Clone)]
pub struct StepActions {
    splits: Vec<SplitActions>,
    /// Token grids of global crops and of local ones, at the encoder's stride.
    grids: [Grid; 2],
    /// Displacements, for actions that ask for one.
    flow: SmoothFlow,
    seed: u64,
}

#[derive(Clone)]
struct SplitActions {
    split: Split,
    /// Whether its action asks for a displacement.
    displaced: bool,
    /// Its members.
    movers: Vec<Mover>,
}

/// A member that works on a split.
#[derive(Clone)]
struct Mover {
    name: String,
    /// How many times finer its tap's grid is than the encoder's last.
    finer: usize,
    /// Whether it asks for ρ.
    asks: bool,
}

/// The elements of a step, as far as a graph knows of them.
#[derive(Clone, Debug)]
pub struct StepDraw {
    /// Which plan.
    pub shape: StepShape,
    /// Every ρ_g that is asked for, by the names of its inputs.
    pub fed: Vec<(String, Vec<f32>)>,
}

impl StepActions {
    /// For a method on an encoder, with local crops of `local_image` pixels.
    pub fn new(
        method: &Method,
        encoder: &dyn EncoderConfig,
        layout: &Layout,
        local_image: [usize; 2],
        seed: u64,
    ) -> StepActions {
        let last = encoder.grid(encoder.layers(), encoder.image());
        let names = method.names();
        let members: Vec<_> = method.members().collect();
        let mover = |&index: &usize| {
            let member = members[index];
            let layer = match member.at().layer {
                Layer::After(layer) => layer.clamp(1, encoder.layers()),
                Layer::Last => encoder.layers(),
            };
            let finer = encoder.grid(layer, encoder.image()).rows / last.rows.max(1);
            let asks = member.spec().asks(&ArgumentKind::Relative) && !member.is_control();
            Mover { name: names[index].clone(), finer: finer.max(1), asks }
        };
        let actions = |split: &Split| SplitActions {
            split: split.clone(),
            displaced: split.action.asks_for_flow(),
            movers: split.members.iter().map(mover).collect(),
        };
        let grids = [last, encoder.grid(encoder.layers(), local_image)];
        let splits = layout.splits.iter().map(actions).collect();
        StepActions { splits, grids, flow: SmoothFlow::default(), seed }
    }

    /// With other displacements for actions that ask for one.
    pub fn displacing(self, flow: SmoothFlow) -> StepActions {
        StepActions { flow, ..self }
    }

    /// Whether every action makes sense on the grids it is drawn on.
    ///
    /// # Errors
    /// As [`Action::check`](crate::action::Action::check).
    pub fn check(&self) -> Result<(), ActionError> {
        for SplitActions { split, .. } in &self.splits {
            let [global, local] = self.grids;
            split.action.check(global)?;
            if split.local > 0 {
                split.action.check(local)?;
            }
        }
        Ok(())
    }

    /// The elements of a pair of views of a split of the layout, 0 for the global crops, for the samples in these places.
    ///
    /// # Errors
    /// An action that cannot be drawn.
    pub fn draw_pair(
        &self,
        split: usize,
        pair: usize,
        places: impl IntoIterator<Item = usize>,
        step: u64,
    ) -> Result<PairDraw, ActionError> {
        let SplitActions { split, displaced, .. } = &self.splits[split];
        let purpose = match pair {
            0 => split.name.clone(),
            _ => format!("{}/{pair}", split.name),
        };
        let flow = |place: usize| {
            let stream = stream_id(&format!("flow/{purpose}/{step}/{place}"));
            self.flow.draw(Stream::new(self.seed, stream))
        };
        let sample = |place: usize| match displaced {
            true => Sample::new(place as u64).with_flow(flow(place)),
            false => Sample::new(place as u64),
        };
        let samples: Vec<Sample> = places.into_iter().map(sample).collect();
        split.action.draw_pair(self.grids[pair.min(1)], &samples, &DrawKey::new(self.seed, step, &purpose))
    }

    /// Everything that is drawn for a step.
    ///
    /// # Errors
    /// An action that cannot be drawn on the encoder's grid.
    pub fn draw(&self, step: u64) -> Result<StepDraw, ActionError> {
        let mut fed = Vec::new();
        let mut splits = Vec::with_capacity(self.splits.len());
        for (index, SplitActions { split, movers, .. }) in self.splits.iter().enumerate() {
            let mut pairs = Vec::with_capacity(split.pairs());
            for pair in 0..split.pairs() {
                let drawn = self.draw_pair(index, pair, 0..split.samples, step)?;
                let relative = movers
                    .iter()
                    .map(|mover| mover.relative(&drawn, pair, &mut fed))
                    .collect::<Result<_, _>>()?;
                pairs.push(PairShape { grids: View::BOTH.map(|view| drawn.grid(view)), relative });
            }
            splits.push(SplitShape { pairs });
        }
        Ok(StepDraw { shape: StepShape { splits }, fed })
    }
}

impl Mover {
    /// The shapes of ρ_g in both directions, at this member's tap; what it asks for is fed.
    fn relative(
        &self,
        drawn: &PairDraw,
        pair: usize,
        fed: &mut Vec<(String, Vec<f32>)>,
    ) -> Result<[crate::action::RelativeShape; 2], ActionError> {
        let drawn = drawn.refined(self.finer);
        let maps = [drawn.relative(View::First, View::Second)?, drawn.relative(View::Second, View::First)?];
        if self.asks {
            for (view, maps) in maps.iter().enumerate() {
                fed.extend(maps.feed(&names::relative(&self.name, 2 * pair + view)));
            }
        }
        Ok(maps.map(|maps| maps.shape()))
    }
}
