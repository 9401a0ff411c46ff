//! What a step is fed: images and transform parameters at random, actions as they are drawn.

use std::collections::BTreeMap;

use equilayer::encoder::VitConfig;
use equilayer::engine::random::{Stream, stream_id};
use equilayer::engine::{CpuExecutor, CpuOptions, Executor, Plan};
use equilayer::method::{Layout, Method};
use equilayer::program::{
    GuardError, Losses, Program, ProgramError, StepActions, StepDraw, StepShape, TermGradient,
    TrainingOptions, guard,
};

pub const BATCH: usize = 8;
const LOCAL: [usize; 2] = [8, 8];
const RATE: f64 = 2e-3;

pub fn encoder() -> VitConfig {
    VitConfig {
        image: [16, 16],
        channels: 1,
        patch: 4,
        width: 16,
        depth: 4,
        heads: 2,
        ..VitConfig::default()
    }
}

/// A method on a fixed batch.
pub struct Bench {
    pub method: Method,
    pub options: TrainingOptions,
    layout: Layout,
    pub shape: StepShape,
    maps: BTreeMap<String, Vec<f32>>,
}

impl Bench {
    pub fn new(method: &Method) -> Bench {
        Bench::of(method, BATCH)
    }

    pub fn of(method: &Method, batch: usize) -> Bench {
        let encoder = encoder();
        let layout = Layout::of(method, batch);
        let StepDraw { shape, fed } = StepActions::new(method, &encoder, &layout, LOCAL, 0)
            .draw(0)
            .expect("an action that can be drawn");
        let options = TrainingOptions { local_image: LOCAL, ..TrainingOptions::default() };
        Bench { method: method.clone(), options, layout, shape, maps: fed.into_iter().collect() }
    }

    pub fn program(&self) -> Result<Program, ProgramError> {
        Program::build(&self.method, &encoder(), &self.layout, &self.shape, &self.options)
    }

    pub fn losses(&self) -> Losses {
        Losses::build(&self.method, &encoder(), &self.layout, &self.shape, &self.options).expect("losses")
    }

    /// The gradient of each term by itself, on the values of a first step.
    pub fn guard(&self) -> Result<Vec<TermGradient>, GuardError> {
        let plan = self.program().map_err(GuardError::from)?.plan;
        let mut executor = CpuExecutor::new(CpuOptions::default())?;
        let inputs = self.inputs(&plan, 0);
        guard(
            &self.method,
            &encoder(),
            &self.layout,
            &self.shape,
            &self.options,
            &mut executor,
            &borrowed(&inputs),
        )
    }

    /// Values for every input of a plan.
    pub fn inputs(&self, plan: &Plan, step: u64) -> Vec<(String, Vec<f32>)> {
        let hyper: BTreeMap<String, Vec<f32>> =
            self.options.optimizer.hyper(step, RATE, 0.05).into_iter().collect();
        let value = |name: &str, count: usize| match hyper.get(name).or_else(|| self.maps.get(name)) {
            Some(values) => values.clone(),
            None => self.other(name, count, step),
        };
        let ports = plan.inputs().iter();
        ports.map(|port| (port.name.clone(), value(&port.name, port.shape.elements()))).collect()
    }

    fn other(&self, name: &str, count: usize, step: u64) -> Vec<f32> {
        if name == "momentum" {
            return vec![0.99];
        }
        if let Some(member) = name.strip_prefix("weight.") {
            let names = self.method.names();
            let (_, member) =
                names.iter().zip(self.method.members()).find(|(n, _)| *n == member).expect("a member");
            return vec![member.weight().value(step, 1, 100)];
        }
        if name.ends_with("temperature") {
            return vec![0.05];
        }
        let stream = Stream::new(7, stream_id(name));
        if name.contains(".position.") {
            // Crops of half an image's sides, somewhere in it.
            let corners: Vec<f32> = stream.uniforms().map(|unit| 8.0 * unit).take(count / 3).collect();
            return corners.chunks(2).flat_map(|corner| [corner[0], corner[1], 8.0, 0.0, 0.0, 8.0]).collect();
        }
        match name.ends_with("differences.flip") {
            true => stream.uniforms().map(f32::round).take(count).collect(),
            false if name.ends_with("differences.turn") => {
                stream.uniforms().map(|unit| (4.0 * unit).floor()).take(count).collect()
            }
            false if name.contains("differences") => stream.uniforms().map(|x| x - 0.5).take(count).collect(),
            false => stream.normals().take(count).collect(),
        }
    }

    /// Runs this many steps; every output that is a number, step by step, and the executor behind them.
    pub fn run(&self, steps: u64) -> (Vec<BTreeMap<String, f32>>, CpuExecutor) {
        let plan = self.program().unwrap_or_else(|error| panic!("{}: {error}", self.method)).plan;
        let mut executor = CpuExecutor::new(CpuOptions::default()).expect("an executor");
        let mut history = Vec::new();
        for step in 0..steps {
            let inputs = self.inputs(&plan, step);
            let outputs = executor.run(&plan, &borrowed(&inputs)).expect("a step");
            history.push(outputs.iter().map(|(name, values)| (name.to_owned(), values[0])).collect());
        }
        (history, executor)
    }
}

pub fn borrowed(inputs: &[(String, Vec<f32>)]) -> Vec<(&str, &[f32])> {
    inputs.iter().map(|(name, values)| (name.as_str(), &values[..])).collect()
}
