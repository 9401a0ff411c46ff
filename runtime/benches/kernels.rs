//! Every hot kernel by itself, beside what the machine can do: `cargo bench -p equilayer --bench kernels -- [WORDS]`.
//!
//! Each case is a small graph of ViT-S's shapes at batch 16 with its gradients; each line one of its kernels, with the
//! median time of several runs, billions of operations and of bytes a second, and the kernel's roofline over its time:
//! the longer of the times that its operations and its operands take at the measured rates. Above 100 % where operands
//! are found in a cache. Cases whose name holds one of the words are run, all if there is none.

use equilayer::bench::Machine;
use equilayer_engine::ops::Negatives;
use equilayer_engine::optim::{AdamWOptions, Optimizer, ema};
use equilayer_engine::{CompileOptions, CpuExecutor, CpuOptions, Error, Executor, Graph, Init, Plan, Tensor};

const BATCH: usize = 16;
const TOKENS: usize = 197;
const WIDTH: usize = 384;
const HIDDEN: usize = 1536;
const HEADS: usize = 6;

/// Runs whose median counts, after one to warm up.
const RUNS: usize = 9;

/// Kernels that take less than this share of a case are not shown.
const SMALL: f64 = 0.03;

/// A case's name and its graph.
type Case = (&'static str, fn(&Graph) -> Result<(), Error>);

const CASES: [Case; 13] = [
    ("linear", linear),
    ("mlp", mlp),
    ("head", head),
    ("attention", attention),
    ("layer_norm", layer_norm),
    ("gelu", gelu),
    ("softmax", softmax),
    ("batch_norm", batch_norm),
    ("dense_info_nce", dense_info_nce),
    ("gather", gather),
    ("copy", copy),
    ("adamw", adamw),
    ("ema", moving_average),
];

fn main() -> Result<(), Error> {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let machine = Machine::measured(None);
    println!("{machine}\n\n{:>9}{:>10}{:>8}{:>10}  kernel", "ms", "GFLOP/s", "GB/s", "roofline");
    for (name, build) in CASES {
        if words.is_empty() || words.iter().any(|word| name.contains(word.as_str())) {
            println!("{name}");
            run(build, &machine)?;
        }
    }
    Ok(())
}

fn run(build: fn(&Graph) -> Result<(), Error>, machine: &Machine) -> Result<(), Error> {
    let graph = Graph::new();
    build(&graph)?;
    let plan: Plan = graph.compile(&CompileOptions::new())?;
    let mut executor = CpuExecutor::new(CpuOptions::default())?;
    let feed: Vec<(String, Vec<f32>)> = plan
        .inputs()
        .iter()
        .map(|port| (port.name.clone(), (0..port.shape.elements()).map(|i| (i % 1000) as f32).collect()))
        .collect();
    let feed: Vec<(&str, &[f32])> =
        feed.iter().map(|(name, values)| (name.as_str(), values.as_slice())).collect();
    executor.run(&plan, &feed)?;
    let runs =
        (0..RUNS).map(|_| Ok(executor.run_timed(&plan, &feed)?.1)).collect::<Result<Vec<_>, Error>>()?;
    let medians: Vec<f64> = (0..plan.steps().len())
        .map(|step| {
            let mut times: Vec<f64> = runs.iter().map(|run| run[step].time.as_secs_f64()).collect();
            times.sort_by(f64::total_cmp);
            times[RUNS / 2]
        })
        .collect();
    let all: f64 = medians.iter().sum();
    for (step, seconds) in plan.steps().iter().zip(medians).filter(|&(_, seconds)| seconds > SMALL * all) {
        let (flops, bytes) = (step.cost.flops as f64, step.cost.bytes as f64);
        let roofline = machine.seconds_of_flops(flops).max(machine.seconds_of_bytes(bytes));
        println!(
            "{:>9.3}{:>10.1}{:>8.1}{:>8.0} %  {} {}",
            1e3 * seconds,
            flops / seconds / 1e9,
            bytes / seconds / 1e9,
            100.0 * roofline / seconds,
            step.kernel(),
            step.shapes()
        );
    }
    Ok(())
}

fn parameter<const N: usize>(graph: &Graph, name: &str, shape: [usize; N]) -> Tensor {
    graph.parameter(name, shape, Init::Normal { std: 0.1 })
}

/// Makes `y` an output, and the gradients of these by a loss whose gradient by `y` is a tensor of its own.
fn with_gradients(graph: &Graph, y: &Tensor, of: &[Tensor]) -> Result<(), Error> {
    let arriving = graph.parameter("arriving", *y.shape(), Init::Normal { std: 1.0 });
    graph.output("y", y);
    for (index, gradient) in graph.gradients(&(y * &arriving).sum_all(), of)?.iter().enumerate() {
        graph.output(&format!("gradient.{index}"), gradient);
    }
    Ok(())
}

/// The projection to queries, keys and values: forward, weight's, bias's and input's gradient.
fn linear(graph: &Graph) -> Result<(), Error> {
    let x = parameter(graph, "x", [BATCH, TOKENS, WIDTH]);
    let (w, b) = (parameter(graph, "w", [WIDTH, 3 * WIDTH]), parameter(graph, "b", [3 * WIDTH]));
    with_gradients(graph, &(x.matmul(&w) + &b), &[x, w, b])
}

/// Products with activation and residual in their epilogues.
fn mlp(graph: &Graph) -> Result<(), Error> {
    let x = parameter(graph, "x", [BATCH, TOKENS, WIDTH]);
    let (up, b) = (parameter(graph, "up", [WIDTH, HIDDEN]), parameter(graph, "b", [HIDDEN]));
    let down = parameter(graph, "down", [HIDDEN, WIDTH]);
    with_gradients(graph, &(&x + (x.matmul(&up) + &b).gelu().matmul(&down)), &[x, up, b, down])
}

/// A layer of a projection head, whose weight is larger than its batch.
fn head(graph: &Graph) -> Result<(), Error> {
    let (x, w) = (parameter(graph, "x", [2 * BATCH, 4096]), parameter(graph, "w", [4096, 4096]));
    with_gradients(graph, &x.matmul(&w), &[x, w])
}

fn attention(graph: &Graph) -> Result<(), Error> {
    let qkv = parameter(graph, "qkv", [BATCH, TOKENS, 3 * WIDTH]);
    with_gradients(graph, &qkv.attention(HEADS), &[qkv])
}

fn layer_norm(graph: &Graph) -> Result<(), Error> {
    let x = parameter(graph, "x", [BATCH, TOKENS, WIDTH]);
    let (w, b) = (parameter(graph, "w", [WIDTH]), parameter(graph, "b", [WIDTH]));
    with_gradients(graph, &x.layer_norm(Some(&w), Some(&b), 1e-6), &[x, w, b])
}

fn gelu(graph: &Graph) -> Result<(), Error> {
    let x = parameter(graph, "x", [BATCH, TOKENS, HIDDEN]);
    with_gradients(graph, &x.gelu(), &[x])
}

fn softmax(graph: &Graph) -> Result<(), Error> {
    let x = parameter(graph, "x", [BATCH * HEADS, TOKENS, TOKENS]);
    with_gradients(graph, &x.softmax(-1), &[x])
}

fn batch_norm(graph: &Graph) -> Result<(), Error> {
    let x = parameter(graph, "x", [256, 4096]);
    let (w, b) = (parameter(graph, "w", [4096]), parameter(graph, "b", [4096]));
    with_gradients(graph, &x.batch_norm_training(Some(&w), Some(&b), 1e-5).output, &[x, w, b])
}

fn dense_info_nce(graph: &Graph) -> Result<(), Error> {
    let views = ["anchors", "positives"].map(|name| parameter(graph, name, [BATCH, 196, 256]));
    with_gradients(graph, &views[0].dense_info_nce(&views[1], 0.4, Negatives::BothViews), &views)
}

fn gather(graph: &Graph) -> Result<(), Error> {
    let x = parameter(graph, "x", [BATCH * TOKENS, WIDTH]);
    let rows = graph.input("rows", [BATCH * TOKENS]);
    with_gradients(graph, &x.gather_rows(&rows), &[x])
}

/// A permutation that has to be made in memory.
fn copy(graph: &Graph) -> Result<(), Error> {
    let x = parameter(graph, "x", [BATCH, 14, 16, 14, 16, 3]);
    graph.output("patches", &x.permute(&[0, 1, 3, 5, 2, 4]));
    Ok(())
}

fn adamw(graph: &Graph) -> Result<(), Error> {
    let parameters = [parameter(graph, "w", [4096, 1024])];
    let gradients = [parameter(graph, "gradient", [4096, 1024])];
    Optimizer::adamw(AdamWOptions::default()).apply(graph, &parameters, &gradients)?;
    Ok(())
}

fn moving_average(graph: &Graph) -> Result<(), Error> {
    let pair = (parameter(graph, "teacher", [4096, 1024]), parameter(graph, "student", [4096, 1024]));
    ema(graph, &[pair], &graph.input("momentum", []));
    Ok(())
}
