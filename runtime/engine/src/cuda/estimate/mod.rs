//! How long a plan may take on a GPU that is not there: an estimate from data sheets, never a measurement.
//!
//! A task takes the longest of three times, and the time from one node of a CUDA graph to the next beside it:
//!
//! - its bytes at the memory's bandwidth, or at as much of it as its resident threads can ask for, by how much each of
//!   their reads brings;
//! - its operations at the card's rate, on as many multiprocessors as it has blocks for; those of kernels on tensor
//!   cores at the data sheet's rate on bfloat16, of which FlashAttention-2 is reported to reach 50 to 70 % on A100 (Dao,
//!   arXiv 2307.08691);
//! - what it reads of shared memory, a warp a cycle, while a multiprocessor adds four.
//!
//! All are bounds from below: caches help, everything else takes longer. **Bytes and operations** are the plan's: each
//! operand once, of the kind it is kept in, shared among a step's kernels by their threads and the multiply-adds in their
//! text. A product has its own by its lengths; a kernel beside it rounds operands, or reads and writes the result once
//! more. **Residency** is known where the kernels were compiled ([`Resources`]).

mod gpu;

use std::collections::BTreeMap;

pub use gpu::GpuModel;

use self::gpu::THREADS;
use super::product::Product;
use super::resources::Resources;
use super::task::{Address, Launch, Lowered, Number, Task};
use crate::device::Precision;
use crate::plan::{Operand, Plan, Step};

/// Seconds from a node of a CUDA graph to the next: what is reported of A100 and H100, 1 to 2 µs.
pub const NODE_SECONDS: f64 = 1.5e-6;

/// Resident threads, of those that fit, that take all of the bandwidth: each has several loads of 4 bytes under way.
const THREADS_FOR_BANDWIDTH: f64 = 0.5;

/// Bytes that rounding an element reads and writes.
const ROUNDING_BYTES: f64 = 4.0 + 2.0;

/// Terms that are worth a block of their own where a product has few blocks.
const WORTH_A_BLOCK: usize = 512;

/// What holds a task back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bound {
    /// It is shorter than what starts it.
    Launch,
    /// Bytes.
    Memory,
    /// Operations.
    Arithmetic,
    /// Reads of shared memory.
    SharedMemory,
}

/// A task's estimate.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// A kernel's name without its hash, `product`, or `copy`.
    pub name: String,
    /// The plan's step that it is of.
    pub step: usize,
    /// How long it takes.
    pub seconds: f64,
    /// What makes it take so long.
    pub bound: Bound,
    /// Share of a multiprocessor's threads that its blocks fill, where that is known.
    pub occupancy: Option<f64>,
}

/// Estimates every task of a plan, in order.
pub fn estimate(
    plan: &Plan,
    lowered: &Lowered,
    gpu: &GpuModel,
    precision: Precision,
    resources: Option<&BTreeMap<String, Resources>>,
) -> Vec<Estimate> {
    let steps = plan.steps().iter().zip(&lowered.steps).enumerate();
    let of_step = |(number, (step, tasks)): (usize, (&Step, &Vec<Task>))| {
        let weights: Vec<f64> = tasks.iter().map(|task| weight(task, resources)).collect();
        let all: f64 = weights.iter().sum();
        let bytes = |operands: &[Operand]| kept_bytes(operands, &lowered.buffers);
        let kept = bytes(&step.inputs) + bytes(&step.outputs);
        let has_product = tasks.iter().any(|task| matches!(task, Task::Product(_)));
        let estimates = tasks.iter().enumerate().map(|(place, task)| match task {
            Task::Product(product) => of_product(product, gpu, precision),
            Task::Copy { elements, .. } => {
                ("copy".into(), of_times(8.0 * *elements as f64 / gpu.bandwidth, 0.0, 0.0))
            }
            Task::Launch(launch) if operator(launch) == "round" => {
                let elements = f64::from(launch.blocks) * f64::from(launch.kernel.threads);
                of_launch(launch, [ROUNDING_BYTES * elements, elements], gpu, resources)
            }
            Task::Launch(launch) if has_product => {
                let others = step.inputs.get(2..).unwrap_or_default();
                let flops = (step.cost.flops - step.product_flops()) as f64;
                let result = bytes(step.outputs.get(..1).unwrap_or_default());
                of_launch(launch, [result + bytes(&step.outputs) + bytes(others), flops], gpu, resources)
            }
            Task::Launch(launch) => {
                let share = weights[place] / all;
                let shown = shown_bytes(&step.inputs) + shown_bytes(&step.outputs);
                let work = [step.cost.bytes as f64 * kept / shown.max(1.0), step.cost.flops as f64];
                of_launch(launch, work.map(|work| work * share), gpu, resources)
            }
        });
        let named = |(name, Times { seconds, bound, occupancy }): (String, Times)| Estimate {
            name,
            step: number,
            seconds: seconds + NODE_SECONDS,
            bound: if seconds < NODE_SECONDS { Bound::Launch } else { bound },
            occupancy,
        };
        estimates.map(named).collect::<Vec<_>>()
    };
    steps.flat_map(of_step).collect()
}

struct Times {
    seconds: f64,
    bound: Bound,
    occupancy: Option<f64>,
}

fn of_times(memory: f64, arithmetic: f64, shared: f64) -> Times {
    let times = [(memory, Bound::Memory), (arithmetic, Bound::Arithmetic), (shared, Bound::SharedMemory)];
    let longest = times.into_iter().max_by(|a, b| a.0.total_cmp(&b.0));
    let (seconds, bound) = longest.unwrap_or((0.0, Bound::Launch));
    Times { seconds, bound, occupancy: None }
}

/// Bytes of operands as they are kept: what repeats, such as a bias, is read once.
fn kept_bytes(operands: &[Operand], buffers: &[Address]) -> f64 {
    let bytes = |operand: &Operand| {
        let axes = operand.layout.shape().iter().zip(operand.layout.strides());
        let lengths = axes.map(|(&length, &stride)| if stride == 0 { length.min(1) } else { length });
        lengths.product::<usize>() * buffers[operand.buffer].number.bytes()
    };
    operands.iter().map(bytes).sum::<usize>() as f64
}

/// Bytes of as many elements of `f32` as operands show.
fn shown_bytes(operands: &[Operand]) -> f64 {
    let elements = operands.iter().map(|operand| operand.layout.shape().elements());
    (Number::F32.bytes() * elements.sum::<usize>()) as f64
}

/// A kernel's name without its hash.
fn operator(launch: &Launch) -> &str {
    let name = &launch.kernel.name;
    name.rsplit_once('_').map_or(name, |(operator, _)| operator)
}

/// How much of a step's work a kernel does, beside the step's others.
fn weight(task: &Task, resources: Option<&BTreeMap<String, Resources>>) -> f64 {
    match task {
        Task::Launch(Launch { kernel, blocks, .. }) => {
            let taken = resources.and_then(|resources| resources.get(&kernel.name));
            let multiply_adds = taken.map_or(0, |taken| taken.multiply_adds);
            f64::from(*blocks) * f64::from(kernel.threads) * f64::from(1 + multiply_adds)
        }
        Task::Product(_) | Task::Copy { .. } => 0.0,
    }
}

/// The share of the multiprocessors' time that so many equal blocks fill.
fn filled(blocks: usize, multiprocessors: usize) -> f64 {
    blocks as f64 / blocks.next_multiple_of(multiprocessors).max(1) as f64
}

fn of_product(product: &Product, gpu: &GpuModel, precision: Precision) -> (String, Times) {
    let form = product.form;
    let [rows, columns, depth, batch] = [form.rows, form.columns, form.depth, form.batch];
    let tiles = |side: usize| rows.div_ceil(side) * columns.div_ceil(side) * batch;
    let mut blocks = if tiles(128) >= gpu.multiprocessors { tiles(128) } else { tiles(64) };
    if blocks < gpu.multiprocessors {
        blocks *= (gpu.multiprocessors / blocks.max(1)).min(depth / WORTH_A_BLOCK).max(1);
    }
    let passes = if form.accumulate { 2 } else { 1 };
    let factors = form.factors.bytes() * (rows * depth + depth * columns);
    let bytes = batch * (factors + form.result.bytes() * passes * rows * columns);
    let flops = 2 * batch * rows * columns * depth;
    let rate = gpu.product_rate(precision) * filled(blocks, gpu.multiprocessors);
    ("product".into(), of_times(bytes as f64 / gpu.bandwidth, flops as f64 / rate, 0.0))
}

fn of_launch(
    launch: &Launch,
    [bytes, flops]: [f64; 2],
    gpu: &GpuModel,
    resources: Option<&BTreeMap<String, Resources>>,
) -> (String, Times) {
    let kernel = &launch.kernel;
    let taken = resources.and_then(|resources| resources.get(&kernel.name));
    let (blocks, processors) = (launch.blocks as usize, gpu.multiprocessors);
    let fits = taken.map(|taken| gpu.resident_blocks(kernel.threads, taken.registers, taken.shared_bytes));
    let resident = blocks.min(processors * fits.unwrap_or(THREADS / kernel.threads.max(1)).max(1) as usize);
    let asking = resident as f64 * f64::from(kernel.threads) / (processors as f64 * f64::from(THREADS));
    let numbers = taken
        .filter(|taken| taken.global_loads > 0)
        .map_or(1.0, |taken| f64::from(taken.global_bytes) / f64::from(4 * taken.global_loads));
    let bandwidth = gpu.bandwidth * (asking * numbers / THREADS_FOR_BANDWIDTH).min(1.0);
    let filled = filled(blocks, processors);
    let rate = if kernel.tensor_cores { gpu.product_rate(Precision::Bf16) } else { gpu.f32_rate };
    let at = |rate: f64| flops / (rate * filled).max(1.0);
    let (memory, arithmetic) = (bytes / bandwidth.max(1.0), at(rate));
    // Without tensor cores, a multiprocessor multiplies and adds in four warps a cycle; it reads shared memory for one.
    let reads = taken
        .filter(|taken| taken.multiply_adds > 0)
        .map_or(0.0, |taken| 4.0 * f64::from(taken.shared_loads) / f64::from(taken.multiply_adds));
    let mut times = of_times(memory, arithmetic, at(gpu.f32_rate) * reads);
    times.occupancy = fits.map(|fits| f64::from(fits * kernel.threads) / f64::from(THREADS));
    (operator(launch).into(), times)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::CompileOptions;
    use crate::cuda::lower::lower;
    use crate::graph::Graph;

    /// Attention that is long enough for its operations to be what takes its time.
    fn attention(precision: Precision) -> Estimate {
        let graph = Graph::new();
        let qkv = graph.input("qkv", [1, 4096, 3 * 12 * 64]);
        graph.output("out", &qkv.attention(12));
        let plan = graph.compile(&CompileOptions::new()).unwrap();
        let lowered = lower(&plan, precision).unwrap();
        let [_, h100] = GpuModel::ALL;
        let estimates = estimate(&plan, &lowered, &h100, precision, None);
        let [attention] = &estimates[..] else { panic!("{estimates:?}") };
        attention.clone()
    }

    #[test]
    fn kernels_on_tensor_cores_run_at_their_rate() {
        let [_, h100] = GpuModel::ALL;
        let [full, rounded] = [Precision::F32, Precision::Bf16].map(attention);
        assert_eq!((full.name.as_str(), rounded.name.as_str()), ("attention", "attention_bf16"));
        assert_eq!((full.bound, rounded.bound), (Bound::Arithmetic, Bound::Arithmetic));
        let faster = (full.seconds - NODE_SECONDS) / (rounded.seconds - NODE_SECONDS);
        // Both fill the multiprocessors alike.
        assert!((faster / (h100.bf16_rate / h100.f32_rate) - 1.0).abs() < 1e-6, "{faster}");
    }
}
