//! Where the time of a run goes: each kernel launch by itself, and sums over launches of one kind.
//!
//! An executor that measures gives a [`Launch`] for every step of the plan, in the plan's order; a trace draws them as
//! they are. [`totals`] sums the launches of any number of runs under labels of the caller's choice: [`Step::kernel`],
//! kernel and shapes, or the scope that a step belongs to.

use std::time::Duration;

use rustc_hash::FxHashMap;

use crate::ops::Cost;
use crate::plan::{Plan, Step};

/// When a step ran, and for how long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Launch {
    /// From the start of the run to that of the step.
    pub start: Duration,
    /// How long the step took.
    pub time: Duration,
}

/// What the launches under one label took together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Total {
    /// What they have in common.
    pub label: String,
    /// Number of launches.
    pub calls: usize,
    /// Their time.
    pub time: Duration,
    /// Their work.
    pub cost: Cost,
}

/// Sums over the launches of runs of a plan, by label, what took longest first.
pub fn totals(plan: &Plan, runs: &[Vec<Launch>], label: impl Fn(&Step) -> String) -> Vec<Total> {
    let mut found: FxHashMap<String, Total> = FxHashMap::default();
    for (index, step) in plan.steps().iter().enumerate() {
        let label = label(step);
        let total = found.entry(label.clone()).or_insert_with(|| Total {
            label,
            calls: 0,
            time: Duration::ZERO,
            cost: Cost::FREE,
        });
        for launch in runs.iter().filter_map(|launches| launches.get(index)) {
            total.calls += 1;
            total.time += launch.time;
            total.cost = total.cost + step.cost;
        }
    }
    let mut totals: Vec<Total> = found.into_values().collect();
    totals.sort_by(|a, b| b.time.cmp(&a.time).then_with(|| a.label.cmp(&b.label)));
    totals
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CompileOptions, CpuExecutor, CpuOptions, Error, Graph};

    fn plan() -> Result<Plan, Error> {
        let graph = Graph::new();
        let (x, w) = (graph.input("x", [4, 3]), graph.input("w", [3, 5]));
        let products = graph.scope("product", || [x.matmul(&w), x.flip(0).matmul(&w)]);
        graph.output("loss", &(products[0].sum_all() + products[1].softmax(-1).sum_all()));
        graph.compile(&CompileOptions::new())
    }

    #[test]
    fn every_launch_counts_once_under_its_label() -> Result<(), Error> {
        let plan = plan()?;
        let launch = |ms| Launch { start: Duration::ZERO, time: Duration::from_millis(ms) };
        let runs = vec![vec![launch(2); plan.steps().len()], vec![launch(3); plan.steps().len()]];
        let by_kernel = totals(&plan, &runs, |step| step.kernel());
        assert_eq!(by_kernel.iter().map(|total| total.calls).sum::<usize>(), 2 * plan.steps().len());
        assert!(by_kernel.is_sorted_by(|a, b| a.time >= b.time));
        let products = by_kernel.iter().find(|total| total.label == "contract");
        assert_eq!(products.map(|total| (total.calls, total.time)), Some((4, Duration::from_millis(10))));
        assert_eq!(products.map(|total| total.cost.flops), Some(2 * 2 * 2 * 4 * 3 * 5));
        let scoped = totals(&plan, &runs[..1], |step| step.scope.as_deref().unwrap_or("").into());
        let product = scoped.iter().find(|total| total.label == "product");
        assert_eq!(product.map(|total| total.time), Some(Duration::from_millis(4)));
        Ok(())
    }

    #[test]
    fn launches_of_a_run_follow_one_another() -> Result<(), Error> {
        let plan = plan()?;
        let mut executor = CpuExecutor::new(CpuOptions::default())?;
        let (_, launches) = executor.run_timed(&plan, &[("x", &[1.0; 12]), ("w", &[1.0; 15])])?;
        assert_eq!(launches.len(), plan.steps().len());
        for pair in launches.windows(2) {
            assert!(pair[0].start + pair[0].time <= pair[1].start, "{pair:?}");
        }
        Ok(())
    }
}
