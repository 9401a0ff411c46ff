//! A step on a GPU that need not be there: an estimate from the plan and a data sheet, not a measurement.

use std::collections::BTreeMap;
use std::fmt;

use equilayer_engine::cuda::compile::Target;
use equilayer_engine::cuda::estimate::{Bound, Estimate, GpuModel, estimate};
use equilayer_engine::cuda::lower::lower;
use equilayer_engine::cuda::resources;
use equilayer_engine::{Plan, Precision};
use serde::Serialize;

use super::error::BenchError;
use super::workload::Setup;

/// A step's estimate.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GpuEstimate {
    /// What is estimated.
    pub workload: String,
    /// Images a step.
    pub batch: usize,
    /// The GPU.
    pub gpu: &'static str,
    /// What the factors of matrix products are rounded to.
    pub precision: String,
    /// Milliseconds of a step, from below.
    pub estimated_ms: f64,
    /// Images a second, from above.
    pub estimated_img_s: f64,
    /// Billions of floating-point operations of a step's matrix products.
    pub gflop: f64,
    /// Of the time, what the step's products would take at the tensor cores' rate on this precision.
    pub roofline: f64,
    /// Kernels, products and copies of a step.
    pub tasks: usize,
    /// Bytes of memory, MiB: arena, scratch and state.
    pub memory_mb: f64,
    /// Whether kernels were compiled, so that their occupancy and reads of shared memory count.
    pub compiled: bool,
    /// What holds the step back, the longest first.
    pub kernels: Vec<EstimateRow>,
}

/// All tasks of a name and of a bound.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EstimateRow {
    /// The kernel, `product` or `copy`.
    pub name: String,
    /// Milliseconds a step.
    pub ms: f64,
    /// Its share of the step.
    pub share: f64,
    /// Tasks a step.
    pub tasks: usize,
    /// What makes it take so long.
    pub bound: &'static str,
    /// The least share of a multiprocessor's threads that blocks fill.
    pub occupancy: Option<f64>,
}

impl GpuEstimate {
    /// Estimates a workload's step. With NVRTC, kernels are compiled for what they take; no GPU is needed.
    ///
    /// # Errors
    /// A step that has no kernel for its sizes; a kernel that NVRTC does not compile.
    pub fn new(
        setup: &Setup,
        plan: &Plan,
        gpu: &GpuModel,
        precision: Precision,
    ) -> Result<GpuEstimate, BenchError> {
        let lowered = lower(plan, precision)?;
        let resources = match Target::of(gpu.capability) {
            Ok(target) => {
                Some(resources(&lowered.kernels(), &target).map_err(equilayer_engine::Error::from)?)
            }
            Err(_) => None,
        };
        let tasks = estimate(plan, &lowered, gpu, precision, resources.as_ref());
        let seconds: f64 = tasks.iter().map(|task| task.seconds).sum();
        let flops: u64 = plan.steps().iter().map(|step| step.product_flops()).sum();
        let bytes = 4 * (lowered.arena + lowered.scratch) + plan.state_bytes() + plan.constant_bytes();
        Ok(GpuEstimate {
            workload: setup.to_string(),
            batch: setup.batch,
            gpu: gpu.title,
            precision: precision.to_string(),
            estimated_ms: 1e3 * seconds,
            estimated_img_s: setup.batch as f64 / seconds,
            gflop: flops as f64 / 1e9,
            roofline: flops as f64 / gpu.product_rate(precision) / seconds,
            tasks: tasks.len(),
            memory_mb: bytes as f64 / (1024.0 * 1024.0),
            compiled: resources.is_some(),
            kernels: rows(&tasks, seconds),
        })
    }
}

fn rows(tasks: &[Estimate], seconds: f64) -> Vec<EstimateRow> {
    let mut rows: BTreeMap<(&str, Bound), EstimateRow> = BTreeMap::new();
    for task in tasks {
        let row = rows.entry((&task.name, task.bound)).or_insert_with(|| EstimateRow {
            name: task.name.clone(),
            ms: 0.0,
            share: 0.0,
            tasks: 0,
            bound: words(task.bound),
            occupancy: task.occupancy,
        });
        row.ms += 1e3 * task.seconds;
        row.share += task.seconds / seconds;
        row.tasks += 1;
        row.occupancy = row.occupancy.zip(task.occupancy).map(|(a, b)| a.min(b));
    }
    let mut rows: Vec<EstimateRow> = rows.into_values().collect();
    rows.sort_by(|a, b| b.ms.total_cmp(&a.ms));
    rows
}

fn words(bound: Bound) -> &'static str {
    match bound {
        Bound::Launch => "launch",
        Bound::Memory => "memory",
        Bound::Arithmetic => "arithmetic",
        Bound::SharedMemory => "shared memory",
    }
}

/// Rows that are printed; all are in the JSON.
const PRINTED: usize = 20;

impl fmt::Display for GpuEstimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let GpuEstimate { workload, batch, gpu, precision, estimated_ms, estimated_img_s, .. } = self;
        writeln!(f, "{workload}, batch {batch}, products in {precision}, on {gpu}")?;
        writeln!(
            f,
            "an ESTIMATE from the plan and the data sheet, from below; nothing was measured:\n{estimated_ms:.2} ms a step, \
             {estimated_img_s:.0} images a second, {:.1} GFLOP of products at {:.0} % of the card's rate, {} tasks, {:.0} MiB",
            self.gflop,
            100.0 * self.roofline,
            self.tasks,
            self.memory_mb
        )?;
        if !self.compiled {
            writeln!(f, "NVRTC was not found: occupancy and reads of shared memory are left out")?;
        }
        writeln!(
            f,
            "\n{:>9}{:>8}{:>7}{:>11}  {:<15}kernel",
            "ms", "share", "tasks", "occupancy", "held back by"
        )?;
        self.kernels.iter().take(PRINTED).try_for_each(|row| {
            let occupancy = row.occupancy.map_or_else(String::new, |share| format!("{:.0} %", 100.0 * share));
            writeln!(
                f,
                "{:>9.3}{:>6.1} %{:>7}{occupancy:>11}  {:<15}{}",
                row.ms,
                100.0 * row.share,
                row.tasks,
                row.bound,
                row.name
            )
        })
    }
}
