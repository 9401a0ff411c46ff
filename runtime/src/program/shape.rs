//! What decides the shapes of a step, and with them its plan.

use crate::action::{Grid, RelativeShape};

/// The key of a plan: everything that differs between the graphs of two steps of one run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StepShape {
    /// One for each split of the batch's layout.
    pub splits: Vec<SplitShape>,
}

/// A split's views.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SplitShape {
    /// Token grid of each view, at the encoder's stride.
    pub grids: [Grid; 2],
    /// ρ_g from view 0 to view 1, and from view 1 to view 0, for each member of the split: its tap's grid may be
    /// another than the encoder's last.
    pub relative: Vec<[RelativeShape; 2]>,
}
