//! What each part of a step costs.

use std::collections::BTreeMap;

use equilayer_engine::Plan;
use equilayer_engine::profile::Launch;

use crate::program::cost::OTHER;

/// Time and work by part of the step ([`OTHER`] where none is named), summed over steps.
#[derive(Clone, Debug, Default)]
pub(super) struct Costs {
    steps: f64,
    parts: BTreeMap<String, Part>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Part {
    seconds: f64,
    flops: f64,
}

impl Costs {
    /// A batch of a step, by this plan, whose kernels ran like this.
    pub fn add(&mut self, plan: &Plan, launches: &[Launch]) {
        for (step, launch) in plan.steps().iter().zip(launches) {
            let scope = step.part().unwrap_or(OTHER);
            if !self.parts.contains_key(scope) {
                self.parts.insert(scope.into(), Part::default());
            }
            if let Some(part) = self.parts.get_mut(scope) {
                part.seconds += launch.time.as_secs_f64();
                part.flops += step.cost.flops as f64;
            }
        }
    }

    /// All batches of a step were added.
    pub fn end_step(&mut self) {
        self.steps += 1.0;
    }

    /// Means over the steps since the last call, by name: `milliseconds/PART` and `gflop/PART`.
    pub fn take(&mut self) -> Vec<(String, f64)> {
        let Costs { steps, parts } = std::mem::take(self);
        let named = |(part, cost): (String, Part)| {
            let milliseconds = (format!("milliseconds/{part}"), 1e3 * cost.seconds / steps);
            [milliseconds, (format!("gflop/{part}"), cost.flops / 1e9 / steps)]
        };
        parts.into_iter().flat_map(named).collect()
    }
}
