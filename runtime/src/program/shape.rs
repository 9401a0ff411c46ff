//! What decides the shapes of a step, and with them its plan.

use crate::action::{Grid, RelativeShape};

/// The key of a plan: everything that differs between the graphs of two steps of one run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StepShape {
    /// One for each split of the batch's layout.
    pub splits: Vec<SplitShape>,
}

/// A split's pairs of crops.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SplitShape {
    /// That of the global crops, and then those of local crops.
    pub pairs: Vec<PairShape>,
}

/// The two views of a pair.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PairShape {
    /// Token grid of each view, at the encoder's stride.
    pub grids: [Grid; 2],
    /// ρ_g from the first view to the second, and from the second to the first, for each member of the split: its
    /// tap's grid may be another than the encoder's last.
    pub relative: Vec<[RelativeShape; 2]>,
}

impl SplitShape {
    /// The token grid of a local crop, if that is one of a pair.
    pub fn local_grid(&self, index: usize) -> Option<Grid> {
        self.pairs.get(1 + index / 2).map(|pair| pair.grids[index % 2])
    }
}
