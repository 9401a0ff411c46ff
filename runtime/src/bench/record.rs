//! What was found, as a line of a table and as JSON.

use std::fmt;

use equilayer_engine::Plan;
use serde::Serialize;

use super::machine::Machine;
use super::measure::{Measured, Times};
use super::memory;
use super::profile::Profile;
use super::workload::{Grids, Setup};

/// Bytes of what is called a megabyte here, as in other tools' resident sizes.
const MEGABYTE: f64 = 1024.0 * 1024.0;

/// A workload's numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Record {
    /// Its name.
    pub workload: &'static str,
    /// Images a step.
    pub batch: usize,
    /// "on" or "off", where there is a method.
    pub ser: Option<&'static str>,
    /// Samples that SER works on.
    pub n_eq: usize,
    /// The grids of their views.
    pub grids: Grids,
    /// Steps that were measured.
    pub steps: usize,
    /// Milliseconds of a step, the median.
    pub ms: f64,
    /// The shortest.
    pub min_ms: f64,
    /// The longest.
    pub max_ms: f64,
    /// Of the median step, until its inputs were ready.
    pub inputs_ms: f64,
    /// Images a second.
    pub img_s: f64,
    /// Billions of floating-point operations of a step's matrix products.
    pub gflop: f64,
    /// Billions of them a second.
    pub gflops: f64,
    /// The share of the machine's rate of multiply-adds.
    pub roofline: f64,
    /// The process's peak memory, MiB, where the system tells it.
    pub rss_mb: Option<f64>,
    /// What the plan asks for, MiB: activations and gradients.
    pub arena_mb: f64,
    /// What stays from step to step, MiB: parameters, moments, teacher.
    pub state_mb: f64,
    /// Kernels of a step.
    pub kernels: usize,
    /// The machine it was measured on.
    pub machine: Machine,
    /// Time by kernel and by part, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
}

impl Record {
    /// Of what was measured.
    pub fn new(setup: &Setup, plan: &Plan, measured: &Measured, machine: &Machine) -> Record {
        let median = measured.step.median();
        Record {
            workload: setup.workload.name(),
            batch: setup.batch,
            ser: setup.workload.has_method().then_some(if setup.ser { "on" } else { "off" }),
            n_eq: setup.samples(),
            grids: setup.grids,
            steps: measured.step.0.len(),
            ms: 1e3 * median,
            min_ms: 1e3 * measured.step.min(),
            max_ms: 1e3 * measured.step.max(),
            inputs_ms: 1e3 * measured.inputs.median(),
            img_s: setup.batch as f64 / median,
            gflop: measured.flops / 1e9,
            gflops: measured.flops / median / 1e9,
            roofline: machine.seconds_of_flops(measured.flops) / median,
            rss_mb: memory::peak_bytes().map(megabytes),
            arena_mb: megabytes(plan.arena_bytes()),
            state_mb: megabytes(plan.state_bytes()),
            kernels: plan.steps().len(),
            machine: machine.clone(),
            profile: None,
        }
    }

    /// The titles of the columns that a record prints.
    pub fn titles() -> String {
        format!(
            "{:<22}{:>6}{:>10}{:>10}{:>10}{:>9}{:>9}{:>9}{:>10}{:>9}",
            "workload",
            "batch",
            "min ms",
            "median",
            "max",
            "img/s",
            "GFLOP",
            "GFLOP/s",
            "roofline",
            "peak MB"
        )
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match (self.ser, self.grids) {
            (Some("off"), _) => " without SER",
            (Some(_), Grids::Drawn) => ", drawn grids",
            _ => "",
        };
        write!(
            f,
            "{:<22}{:>6}{:>10.1}{:>10.1}{:>10.1}{:>9.1}{:>9.1}{:>9.1}{:>8.1} %{:>9}",
            format!("{}{how}", self.workload),
            self.batch,
            self.min_ms,
            self.ms,
            self.max_ms,
            self.img_s,
            self.gflop,
            self.gflops,
            100.0 * self.roofline,
            self.rss_mb.map_or("?".into(), |megabytes| format!("{megabytes:.0}")),
        )
    }
}

/// SER over its base, from steps that alternated in one process.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// What is compared.
    pub comparison: &'static str,
    /// The workload's name.
    pub workload: &'static str,
    /// Images a step.
    pub batch: usize,
    /// The grids of SER's views.
    pub grids: Grids,
    /// Rounds of both.
    pub rounds: usize,
    /// Time with SER over time without, of each round: the smallest.
    pub min_time_ratio: f64,
    /// The median.
    pub time_ratio: f64,
    /// The largest.
    pub max_time_ratio: f64,
    /// Floating-point operations of matrix products with SER over those without.
    pub flop_ratio: f64,
}

impl Comparison {
    /// Of rounds with and without SER.
    pub fn new(setup: &Setup, with: &Measured, without: &Measured) -> Comparison {
        let ratios: Times = with.step.over(&without.step);
        Comparison {
            comparison: "ser over its base",
            workload: setup.workload.name(),
            batch: setup.batch,
            grids: setup.grids,
            rounds: ratios.0.len(),
            min_time_ratio: ratios.min(),
            time_ratio: ratios.median(),
            max_time_ratio: ratios.max(),
            flop_ratio: with.flops / without.flops,
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "SER over its base, {} grids, {} rounds: time {:.4} (median; {:.4} to {:.4}), FLOPs {:.4}",
            self.grids,
            self.rounds,
            self.time_ratio,
            self.min_time_ratio,
            self.max_time_ratio,
            self.flop_ratio
        )
    }
}

/// Bytes as megabytes.
pub(super) fn megabytes(bytes: usize) -> f64 {
    bytes as f64 / MEGABYTE
}
