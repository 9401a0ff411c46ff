//! How cost grows: a step's time with its batch, dense InfoNCE's memory with its tokens.
//!
//! Both shall grow in proportion: the time of an image and the memory of a token stay what they are.

use std::fmt;
use std::time::Instant;

use equilayer_engine::ops::Negatives;
use equilayer_engine::{CompileOptions, CpuExecutor, CpuOptions, Error, Executor, Graph, Init, Plan};
use serde::Serialize;

use super::error::BenchError;
use super::measure::{Times, measure};
use super::memory;
use super::record::megabytes;
use super::work::Work;
use super::workload::{Setup, Workload};
use crate::plugin::Registry;

/// Batches whose steps are measured: SER works on as many samples of each.
pub const BATCHES: [usize; 4] = [32, 64, 128, 192];

/// Tokens of each view.
pub const TOKENS: [usize; 4] = [1 << 10, 1 << 12, 1 << 14, 1 << 16];

/// Tokens of a sample: a map of 16 × 16.
const TOKENS_OF_SAMPLE: usize = 256;

/// Width of a token.
const WIDTH: usize = 64;

const TEMPERATURE: f32 = 0.4;

/// Costs at several sizes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Growth {
    /// What was measured.
    pub workload: &'static str,
    /// What is counted: images or tokens.
    pub unit: &'static str,
    /// Each size's cost.
    pub points: Vec<Point>,
}

/// The cost at a size.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Point {
    /// How many images or tokens.
    pub size: usize,
    /// Milliseconds of a step, the median.
    pub ms: f64,
    /// Milliseconds for each of them.
    pub ms_each: f64,
    /// What the plan asks for, MiB, with what stays from step to step.
    pub plan_mb: f64,
    /// KiB of it for each.
    pub plan_kb_each: f64,
    /// The process's peak, MiB, where the system tells it.
    pub rss_mb: Option<f64>,
}

/// Steps of the digits' workload, with SER, at growing batches.
///
/// # Errors
/// What prevents a step.
pub fn of_batch(registry: &Registry, cpu: &CpuOptions, steps: usize) -> Result<Growth, BenchError> {
    let point = |&batch: &usize| {
        memory::reset_peak();
        let setup = Setup { batch, ..Workload::Digits.setup() };
        let mut executor = CpuExecutor::new(cpu.clone())?;
        let mut works = [Work::prepare(&setup, registry)?];
        let plan = works[0].plan()?;
        let measured = measure(&mut works, &mut executor, steps)?;
        let times = measured.into_iter().next().unwrap_or_default().step;
        Ok(Point::new(batch, &times, &plan))
    };
    let points = BATCHES.iter().map(point).collect::<Result<_, BenchError>>()?;
    Ok(Growth { workload: "batch_growth", unit: "images", points })
}

/// Dense InfoNCE forward and backward, negatives from both views, on growing numbers of tokens.
///
/// # Errors
/// What prevents a step.
pub fn of_tokens(cpu: &CpuOptions, steps: usize) -> Result<Growth, BenchError> {
    let point = |&tokens: &usize| {
        memory::reset_peak();
        let plan = dense_info_nce(tokens)?;
        let mut executor = CpuExecutor::new(cpu.clone())?;
        let mut times = Times::default();
        for _ in 0..steps {
            let started = Instant::now();
            executor.run(&plan, &[])?;
            times.0.push(started.elapsed().as_secs_f64());
        }
        Ok(Point::new(tokens, &times, &plan))
    };
    let points = TOKENS.iter().map(point).collect::<Result<_, BenchError>>()?;
    Ok(Growth { workload: "token_growth", unit: "tokens", points })
}

/// The loss on this many tokens of each view, and the norm of its gradient by each of them.
pub fn dense_info_nce(tokens: usize) -> Result<Plan, Error> {
    let graph = Graph::new();
    let shape = [tokens.div_ceil(TOKENS_OF_SAMPLE), TOKENS_OF_SAMPLE, WIDTH];
    let views = ["anchors", "positives"].map(|name| graph.parameter(name, shape, Init::Normal { std: 1.0 }));
    let loss = views[0].dense_info_nce(&views[1], TEMPERATURE, Negatives::BothViews);
    graph.output("loss", &loss);
    for (name, gradient) in ["anchors", "positives"].iter().zip(graph.gradients(&loss, &views)?) {
        graph.output(&format!("gradient.{name}"), &gradient.sum_of_squares());
    }
    graph.compile(&CompileOptions::new())
}

impl Point {
    fn new(size: usize, times: &Times, plan: &Plan) -> Point {
        let (ms, bytes) = (1e3 * times.median(), plan.arena_bytes() + plan.state_bytes());
        Point {
            size,
            ms,
            ms_each: ms / size as f64,
            plan_mb: megabytes(bytes),
            plan_kb_each: 1024.0 * megabytes(bytes) / size as f64,
            rss_mb: memory::peak_bytes().map(megabytes),
        }
    }
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = self.unit.trim_end_matches('s');
        writeln!(
            f,
            "{}\n{:>9}{:>12}{:>16}{:>12}{:>16}{:>10}",
            self.workload,
            self.unit,
            "median ms",
            format!("ms / {unit}"),
            "plan MB",
            format!("kB / {unit}"),
            "peak MB"
        )?;
        self.points.iter().try_for_each(|point| {
            writeln!(
                f,
                "{:>9}{:>12.1}{:>16.4}{:>12.1}{:>16.3}{:>10}",
                point.size,
                point.ms,
                point.ms_each,
                point.plan_mb,
                point.plan_kb_each,
                point.rss_mb.map_or("?".into(), |megabytes| format!("{megabytes:.0}"))
            )
        })
    }
}
