//! Where a step's time goes: by kernel, by call and by part of the model.

use std::collections::BTreeMap;
use std::fmt;

use equilayer_engine::plan::Step;
use serde::Serialize;

use super::machine::Machine;
use super::work::ProfiledStep;
use crate::program::cost::OTHER;

/// Time by kernel, by call (a kernel with its shapes) and by part of the model, the longest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Profile {
    /// Milliseconds a step until its inputs were ready, in the mean.
    pub inputs_ms: f64,
    /// By kernel.
    pub kernels: Vec<Row>,
    /// By kernel and shapes.
    pub calls: Vec<Row>,
    /// By part: `student`, `teacher`, each loss by the name of its plugin, `optimizer`. A part's backward pass is its own.
    pub parts: Vec<Row>,
}

/// A kernel's or a part's share of a step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// What it is.
    pub name: String,
    /// Calls a step.
    pub calls: f64,
    /// Milliseconds a step.
    pub ms: f64,
    /// Its share of the time of all kernels.
    pub share: f64,
    /// Billions of floating-point operations a second, all counted.
    pub gflops: f64,
    /// Billions of bytes a second, each operand of a call counted once.
    pub gbs: f64,
    /// Its own roofline over its time: of each call, the longer of the times that its operations and its operands take
    /// at the machine's rates. Above 1 where operands are found in a cache.
    pub roofline: f64,
}

#[derive(Clone, Copy, Default)]
struct Tally {
    calls: f64,
    seconds: f64,
    flops: f64,
    bytes: f64,
    roofline: f64,
}

impl Profile {
    /// The means of these steps.
    pub fn of(steps: &[ProfiledStep], machine: &Machine) -> Profile {
        let count = steps.len().max(1) as f64;
        let rows = |name: &dyn Fn(&Step) -> String| rows(steps, machine, name);
        Profile {
            inputs_ms: steps.iter().map(|step| 1e3 * step.inputs.as_secs_f64()).sum::<f64>() / count,
            kernels: rows(&|step| step.op.as_operator().name().into()),
            calls: rows(&|step| format!("{} {}", step.kernel(), step.shapes())),
            parts: rows(&|step| step.part().unwrap_or(OTHER).into()),
        }
    }
}

fn rows(steps: &[ProfiledStep], machine: &Machine, name: &dyn Fn(&Step) -> String) -> Vec<Row> {
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    for profiled in steps {
        for (step, launch) in profiled.plan.steps().iter().zip(&profiled.kernels) {
            tallies.entry(name(step)).or_default().add(step, launch.time.as_secs_f64(), machine);
        }
    }
    let all: f64 = tallies.values().map(|tally| tally.seconds).sum();
    let row = |(name, tally): (String, Tally)| Row {
        name,
        calls: tally.calls / steps.len() as f64,
        ms: 1e3 * tally.seconds / steps.len() as f64,
        share: tally.seconds / all,
        gflops: tally.flops / tally.seconds / 1e9,
        gbs: tally.bytes / tally.seconds / 1e9,
        roofline: tally.roofline / tally.seconds,
    };
    let mut rows: Vec<Row> = tallies.into_iter().map(row).collect();
    rows.sort_by(|a, b| b.ms.total_cmp(&a.ms));
    rows
}

impl Tally {
    fn add(&mut self, step: &Step, seconds: f64, machine: &Machine) {
        let (flops, bytes) = (step.cost.flops as f64, step.cost.bytes as f64);
        self.calls += 1.0;
        self.seconds += seconds;
        self.flops += flops;
        self.bytes += bytes;
        self.roofline += machine.seconds_of_flops(flops).max(machine.seconds_of_bytes(bytes));
    }
}

/// Calls that are printed; all are in the JSON.
const PRINTED: usize = 25;

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "inputs ready after {:.1} ms", self.inputs_ms)?;
        table(f, "part", &self.parts)?;
        table(f, "kernel", &self.kernels)?;
        table(f, "call", &self.calls[..self.calls.len().min(PRINTED)])
    }
}

fn table(f: &mut fmt::Formatter<'_>, title: &str, rows: &[Row]) -> fmt::Result {
    writeln!(
        f,
        "\n{:>9}{:>8}{:>7}{:>10}{:>8}{:>10}  {title}",
        "ms", "share", "calls", "GFLOP/s", "GB/s", "roofline"
    )?;
    rows.iter().try_for_each(|row| {
        writeln!(
            f,
            "{:>9.2}{:>6.1} %{:>7.0}{:>10.1}{:>8.1}{:>8.0} %  {}",
            row.ms,
            100.0 * row.share,
            row.calls,
            row.gflops,
            row.gbs,
            100.0 * row.roofline,
            row.name
        )
    })
}
