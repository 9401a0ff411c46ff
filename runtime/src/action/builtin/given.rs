//! Displacements that the data brings along.

use crate::action::{Draw, Flow, Grid, GridMap, GroupAction, Interpolation, Sampling, View};

/// The displacement from a sample's first frame to its second, given with the sample: FlowE's action (arXiv 2101.06553).
/// It leaves the first view alone and displaces the second, so that in a product it belongs on the right, before what
/// each view does to its frame. Bilinear; what the field does not know is masked.
#[derive(Clone, Debug, PartialEq)]
pub struct Displacement;

impl GroupAction for Displacement {
    /// Displacements in the order in which they act; none is the identity.
    type Element = Vec<Flow>;

    fn name(&self) -> &str {
        "Displacement"
    }

    fn identity(&self) -> Vec<Flow> {
        Vec::new()
    }

    fn compose(&self, a: &Vec<Flow>, b: &Vec<Flow>) -> Vec<Flow> {
        [b.as_slice(), a].concat()
    }

    fn inverse(&self, flows: &Vec<Flow>) -> Option<Vec<Flow>> {
        flows.iter().rev().map(Flow::inverse).collect()
    }

    fn sample(&self, draw: &mut Draw<'_>) -> Vec<Flow> {
        let flow = draw.flow();
        match draw.view() {
            View::First => Vec::new(),
            View::Second => flow.cloned().into_iter().collect(),
        }
    }

    fn map(&self, flows: &Vec<Flow>, from: Grid) -> GridMap {
        flows
            .iter()
            .fold(GridMap::identity(from), |map, flow| map.followed_by(|from| GridMap::displaced(from, flow)))
    }

    fn sampling(&self) -> Sampling {
        Sampling::Interpolated { interpolation: Interpolation::Bilinear, floor: 0.05 }
    }
}

crate::group_action_operators!(Displacement);
