//! Where points come from, through a chain of maps.
//!
//! Affine maps merge when they meet, so that a product of turns, flips and rescalings is one matrix and exact.
//! Displacement fields and borders in between stay steps of their own.

use super::coordinates::CoordinateMap;
use super::displacement::Flow;

/// How far beyond the square's edge a point counts as on it, in half squares: rounding of `f64`.
const ON_EDGE: f64 = 1e-9;

/// What cannot be merged into an affine map.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    /// Only what lies in the square is there.
    Inside,
    /// A displacement field.
    Displaced(Flow),
}

impl Step {
    fn source(&self, target: [f64; 2]) -> Option<[f64; 2]> {
        match self {
            Step::Inside => {
                target.iter().all(|coordinate| coordinate.abs() <= 1.0 + ON_EDGE).then_some(target)
            }
            Step::Displaced(flow) => flow.source(target),
        }
    }

    fn inverse(&self) -> Option<Step> {
        match self {
            Step::Inside => Some(Step::Inside),
            Step::Displaced(flow) => flow.inverse().map(Step::Displaced),
        }
    }
}

/// Maps from targets to sources: first one affine map, then pairs of a step and another affine map.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Path {
    first: CoordinateMap,
    rest: Vec<(Step, CoordinateMap)>,
}

impl Path {
    pub(super) fn affine(map: CoordinateMap) -> Path {
        Path { first: map, rest: Vec::new() }
    }

    pub(super) fn step(step: Step) -> Path {
        Path { first: CoordinateMap::IDENTITY, rest: vec![(step, CoordinateMap::IDENTITY)] }
    }

    /// The whole path as one affine map, if it is one.
    pub(super) fn as_affine(&self) -> Option<&CoordinateMap> {
        self.rest.is_empty().then_some(&self.first)
    }

    /// Where the value at `target` comes from; nothing if from nowhere.
    pub(super) fn source(&self, target: [f64; 2]) -> Option<[f64; 2]> {
        self.rest
            .iter()
            .try_fold(self.first.source(target), |point, (step, map)| Some(map.source(step.source(point)?)))
    }

    /// This path's transformation first, then that of `next`: targets of `next` are traced through `next` before this.
    pub(super) fn then(&self, next: &Path) -> Path {
        let mut joined = next.clone();
        let last = joined.rest.last_mut().map_or(&mut joined.first, |(_, map)| map);
        *last = self.first.then(last);
        joined.rest.extend(self.rest.iter().cloned());
        joined
    }

    /// The path back; nothing if a step has none.
    pub(super) fn inverse(&self) -> Option<Path> {
        let steps = self.rest.iter().map(|(step, _)| step.inverse()).collect::<Option<Vec<_>>>()?;
        let maps = [&self.first].into_iter().chain(self.rest.iter().map(|(_, map)| map));
        let mut maps = maps.map(CoordinateMap::inverse).collect::<Option<Vec<_>>>()?;
        let first = maps.pop()?;
        Some(Path { first, rest: steps.into_iter().rev().zip(maps.into_iter().rev()).collect() })
    }

    /// Whether every point of the square comes from within it.
    pub(super) fn stays_inside(&self) -> bool {
        let corners = [[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]];
        let inside = |corner| Step::Inside.source(self.first.source(corner)).is_some();
        self.rest.is_empty() && corners.into_iter().all(inside)
    }
}
