//! A workload that is ready to run: its plan and the inputs of each step.

use std::sync::Arc;
use std::time::{Duration, Instant};

use equilayer_engine::optim::{AdamWOptions, Optimizer};
use equilayer_engine::plan::Step;
use equilayer_engine::profile::Launch;
use equilayer_engine::random::{Stream, stream_id};
use equilayer_engine::{CompileOptions, CpuExecutor, Error, Executor, Graph, Plan};

use super::error::BenchError;
use super::method::MethodSteps;
use super::workload::{Setup, Workload};
use crate::encoder::{EncoderConfig, VitConfig};
use crate::nn::Pass;
use crate::plugin::Registry;

/// Values by input.
pub(super) type Inputs = Vec<(String, Vec<f32>)>;

/// Rates of the optimizer; their values change no time.
pub(super) const RATE: f64 = 1e-4;
pub(super) const WEIGHT_DECAY: f64 = 0.1;

const IMAGES: &str = "images";

/// A workload, ready to run.
pub struct Work {
    setup: Setup,
    /// Images that stay the same.
    images: Inputs,
    steps: Steps,
    step: u64,
}

enum Steps {
    Encoder { plan: Arc<Plan>, optimizer: Optimizer },
    Method(Box<MethodSteps>),
}

/// How long a step took, and what it did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ran {
    /// All of it.
    pub total: Duration,
    /// Of it, until the inputs were ready and the plan was found or built.
    pub inputs: Duration,
    /// Floating-point operations of its matrix products.
    pub product_flops: u64,
}

/// A step whose kernels were timed.
pub struct ProfiledStep {
    /// What ran.
    pub plan: Arc<Plan>,
    /// Until the inputs were ready.
    pub inputs: Duration,
    /// When each kernel ran, in the plan's order.
    pub kernels: Vec<Launch>,
}

impl Work {
    /// Prepares a workload.
    ///
    /// # Errors
    /// Plugins that this program does not have; a batch that is too small.
    pub fn prepare(setup: &Setup, registry: &Registry) -> Result<Work, BenchError> {
        let (images, steps) = match setup.workload {
            Workload::VitS | Workload::Digits => {
                let steps = MethodSteps::new(setup, registry)?;
                (steps.images(), Steps::Method(Box::new(steps)))
            }
            Workload::VitSStep | Workload::VitSForward => {
                let (config, optimizer) =
                    (setup.workload.encoder(), Optimizer::adamw(AdamWOptions::default()));
                let trained = (setup.workload == Workload::VitSStep).then_some(&optimizer);
                let plan = Arc::new(encoder_step(&config, setup.batch, trained)?);
                let images = random_images(IMAGES, setup.batch, &config);
                (vec![(IMAGES.into(), images)], Steps::Encoder { plan, optimizer })
            }
        };
        Ok(Work { setup: *setup, images, steps, step: 0 })
    }

    /// What it was prepared for.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// The plan of the next step.
    ///
    /// # Errors
    /// A graph that cannot be built.
    pub fn plan(&mut self) -> Result<Arc<Plan>, BenchError> {
        Ok(self.next()?.0)
    }

    /// Runs one step.
    ///
    /// # Errors
    /// What the executor reports.
    pub fn run(&mut self, executor: &mut CpuExecutor) -> Result<Ran, BenchError> {
        let started = Instant::now();
        let (plan, inputs) = self.next()?;
        let ready = started.elapsed();
        executor.run(&plan, &self.fed(&plan, &inputs))?;
        self.step += 1;
        let total = started.elapsed();
        Ok(Ran { total, inputs: ready, product_flops: product_flops(&plan) })
    }

    /// Runs one step and times its kernels.
    ///
    /// # Errors
    /// What the executor reports.
    pub fn profile(&mut self, executor: &mut CpuExecutor) -> Result<ProfiledStep, BenchError> {
        let started = Instant::now();
        let (plan, inputs) = self.next()?;
        let ready = started.elapsed();
        let (_, kernels) = executor.run_timed(&plan, &self.fed(&plan, &inputs))?;
        self.step += 1;
        Ok(ProfiledStep { plan, inputs: ready, kernels })
    }

    fn next(&mut self) -> Result<(Arc<Plan>, Inputs), BenchError> {
        match &mut self.steps {
            Steps::Encoder { plan, optimizer } => {
                Ok((Arc::clone(plan), optimizer.hyper(self.step, RATE, WEIGHT_DECAY)))
            }
            Steps::Method(steps) => steps.next(self.step),
        }
    }

    /// Those inputs that the plan has.
    fn fed<'a>(&'a self, plan: &Plan, inputs: &'a Inputs) -> Vec<(&'a str, &'a [f32])> {
        let has = |name: &str| plan.inputs().iter().any(|port| port.name == name);
        let all = self.images.iter().chain(inputs).map(|(name, values)| (name.as_str(), values.as_slice()));
        all.filter(|(name, _)| has(name)).collect()
    }
}

/// Floating-point operations of a plan's matrix products.
fn product_flops(plan: &Plan) -> u64 {
    plan.steps().iter().map(Step::product_flops).sum()
}

/// Images `[count, channels, height, width]` of standard normal numbers, as normalised images are in the mean.
pub(super) fn random_images(name: &str, count: usize, encoder: &VitConfig) -> Vec<f32> {
    let [rows, columns] = encoder.image;
    let stream = Stream::new(0, stream_id(name));
    stream.normals().take(count * encoder.channels * rows * columns).collect()
}

/// The mean square of an encoder's embeddings, and a step of the optimizer down its gradient.
fn encoder_step(config: &VitConfig, batch: usize, optimizer: Option<&Optimizer>) -> Result<Plan, Error> {
    let graph = Graph::new();
    let [rows, columns] = config.image;
    let images = graph.input(IMAGES, [batch, config.channels, rows, columns]);
    let encoder = graph.scope("encoder", || config.build(&graph, ""))?;
    let embedding = graph.scope("encoder", || encoder.forward(&images, &Pass::training()).embedding());
    let loss = graph.scope("loss", || embedding.square().mean_all());
    graph.output("loss", &loss);
    if let Some(optimizer) = optimizer {
        let parameters = graph.parameters();
        let gradients = graph.gradients(&loss, &parameters)?;
        graph.scope("optimizer", || optimizer.apply(&graph, &parameters, &gradients))?;
    }
    graph.compile(&CompileOptions::new())
}
