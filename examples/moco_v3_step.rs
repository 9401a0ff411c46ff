//! One MoCo v3 training step on random images, from graph to weights: how long building, planning and running take,
//! and how much memory the plan asks for beside what the process really takes.
//!
//! ```text
//! cargo run --release -p equilayer-examples --example moco_v3_step -- 16 3
//! ```
//! The arguments: batch size and number of steps. A third, `table`, prints the plan.

use std::sync::Arc;
use std::time::Instant;

use equilayer::bench::memory::peak_bytes;
use equilayer::encoder::{Encoder, EncoderConfig, VitConfig};
use equilayer::engine::optim::{AdamWOptions, Optimizer, ema};
use equilayer::engine::{
    CompileOptions, CpuExecutor, CpuOptions, Error, Executor, Graph, Plan, PlanCache, Tensor, random,
};
use equilayer::nn::{MlpHead, Parameters, Pass};

const TEMPERATURE: f32 = 0.2;

/// An encoder with its projection head.
struct Branch {
    encoder: Box<dyn Encoder>,
    projector: MlpHead,
}

impl Branch {
    /// Embeddings of two views `[batch, 3, height, width]`: one pass of the encoder, and one of the head a view, whose
    /// batch norms are each view's own.
    fn embed(&self, views: [&Tensor; 2]) -> [Tensor; 2] {
        let batch = views[0].dim(0);
        let images = views[0].concat(&[views[1]], 0);
        let cls = self.encoder.forward(&images, &Pass::training()).embedding();
        [0, 1].map(|view| self.projector.forward(&cls.slice(0, view * batch, batch)))
    }
}

/// 2τ · CE(q̂ k̂ᵀ/τ, diagonal): MoCo v3's contrast, keys constant.
fn contrast(queries: &Tensor, keys: &Tensor) -> Tensor {
    let keys = keys.stop_gradient().l2_normalize(1e-12);
    let logits = queries.l2_normalize(1e-12).einsum("nd,md->nm", &keys) * (1.0 / TEMPERATURE);
    let diagonal: Vec<f32> = (0..queries.dim(0)).map(|row| row as f32).collect();
    logits.cross_entropy(&queries.graph().constant([queries.dim(0)], diagonal)) * (2.0 * TEMPERATURE)
}

/// The whole step: two student views forward and backward, the teacher moved and run, AdamW.
pub fn step(batch: usize, pixels: usize, optimizer: &Optimizer) -> Result<Plan, Error> {
    let graph = Graph::new();
    // The token map may change from step to step; positions are learned for 14 × 14 and interpolated for others.
    let config = VitConfig::small_16();
    let views = ["view0", "view1"].map(|name| graph.input(name, [batch, 3, pixels, pixels]));
    let momentum = graph.input("momentum", []);
    let student = Branch {
        encoder: config.build(&graph, "student.")?,
        projector: MlpHead::new(&graph, "student.projector", &[384, 4096, 4096, 256], true),
    };
    let predictor = MlpHead::new(&graph, "predictor", &[256, 4096, 256], true);
    let mut follow = |parameter: &Tensor| {
        let name = graph.state_name(parameter).unwrap_or_default().replacen("student", "teacher", 1);
        let pair = (graph.twin(&name, parameter), parameter.clone());
        ema(&graph, &[pair], &momentum).remove(0)
    };
    let teacher =
        Branch { encoder: student.encoder.map(&mut follow), projector: student.projector.map(&mut follow) };
    // The teacher first: it runs in little memory, which is not needed on top of what the student keeps.
    let keys = graph.scope("teacher", || teacher.embed([&views[0], &views[1]]));
    let queries =
        graph.scope("student", || student.embed([&views[0], &views[1]]).map(|z| predictor.forward(&z)));
    let loss = graph.scope("loss", || contrast(&queries[0], &keys[1]) + contrast(&queries[1], &keys[0]));
    let gradients = graph.gradients(&loss, &graph.parameters())?;
    graph.scope("optimizer", || optimizer.apply(&graph, &graph.parameters(), &gradients))?;
    graph.output("loss", &loss);
    graph.compile(&CompileOptions::new())
}

fn timed<T>(what: &str, run: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    let start = Instant::now();
    let result = run()?;
    println!("{what:<34} {:9.3} ms", 1e3 * start.elapsed().as_secs_f64());
    Ok(result)
}

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |index: usize| arguments.get(index).and_then(|text| text.parse::<usize>().ok());
    let (batch, steps) = (number(1).unwrap_or(16), number(2).unwrap_or(3));
    let optimizer = Optimizer::adamw(AdamWOptions::default());
    let mut plans: PlanCache<usize> = PlanCache::new(8);
    let mut plan_for = |what: &str, pixels: usize| -> Result<Arc<Plan>, Error> {
        timed(what, || plans.get_or_build(pixels, || step(batch, pixels, &optimizer)))
    };
    let plan = plan_for("graph, gradients, passes and plan", 224)?;
    plan_for("the same for another token grid", 208)?;
    plan_for("cached", 224)?;
    if arguments.get(3).is_some_and(|argument| argument == "table") {
        println!("{plan}");
    }
    println!("{} kernels, {:.1} GFLOP", plan.steps().len(), plan.cost().flops as f64 / 1e9);
    let mut executor = CpuExecutor::new(CpuOptions::default())?;
    let view = |stream| -> Vec<f32> {
        random::Stream::new(0, stream).normals().take(batch * 3 * 224 * 224).collect()
    };
    let views = [view(1), view(2)];
    for step in 0..steps {
        let hyper = optimizer.hyper(step as u64, 1e-4, 0.1);
        let mut inputs: Vec<(&str, &[f32])> =
            hyper.iter().map(|(name, values)| (name.as_str(), &values[..])).collect();
        inputs.extend([("view0", &views[0][..]), ("view1", &views[1]), ("momentum", &[0.99])]);
        let loss = timed("step", || executor.run(&plan, &inputs)?.scalar("loss"))?;
        println!("loss {loss:.6}");
    }
    let megabytes = |bytes: usize| bytes as f64 / 1e6;
    let planned = plan.arena_bytes() + plan.state_bytes() + plan.constant_bytes();
    println!(
        "plan: arena {:.0} MB, state {:.0} MB, constants {:.0} MB, together {:.0} MB",
        megabytes(plan.arena_bytes()),
        megabytes(plan.state_bytes()),
        megabytes(plan.constant_bytes()),
        megabytes(planned)
    );
    println!("process: peak {:.0} MB", peak_bytes().map_or(f64::NAN, megabytes));
    Ok(())
}
