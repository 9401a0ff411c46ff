//! `bench`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use equilayer_engine::{CpuExecutor, CpuOptions, DeviceChoice, Precision};
use serde::Serialize;

use super::failure::Failure;
use crate::bench::{
    BenchError, Comparison, Grids, Loading, Machine, Profile, Record, Setup, VIEWS, Work, Workload, growth,
    measure, memory, trace,
};
use crate::plugin::Registry;

/// What `bench` is told.
#[derive(clap::Args)]
pub struct BenchArguments {
    /// What to measure; everything if not given.
    #[arg(long, value_enum)]
    workload: Option<Name>,
    /// Instead, how fast MoCo v3's views are made of the images in this folder; --steps is how often of each.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["workload", "profile"])]
    images: Option<PathBuf>,
    /// Images a step.
    #[arg(long, requires = "workload", value_parser = clap::value_parser!(u32).range(1..=65536))]
    batch: Option<u32>,
    /// SER in the method or not; `both` alternates the two and compares them.
    #[arg(long, value_enum, requires = "workload")]
    ser: Option<Ser>,
    /// Token grids of SER's views: the image's own, or drawn at every step as in training.
    #[arg(long, value_enum, requires = "workload")]
    grids: Option<GridsArgument>,
    /// Steps to measure, after one to warm up.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    steps: Option<u32>,
    /// Threads; as many as there are cores if not given.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1024))]
    threads: Option<u32>,
    /// Time by kernel and by part of the model, and WORKLOAD.trace.json for ui.perfetto.dev or chrome://tracing.
    #[arg(long, requires = "workload")]
    profile: bool,
    /// What the step runs on: cpu, or cuda, which is estimated for a --model.
    #[arg(long, default_value_t)]
    device: DeviceChoice,
    /// Estimate the step on this GPU from the plan; the GPU need not be there. a100 or h100.
    #[arg(long, conflicts_with_all = ["steps", "threads", "profile"])]
    model: Option<String>,
    /// What that GPU rounds the factors of matrix products to: f32, tf32 or bf16.
    #[arg(long, requires = "model", default_value_t)]
    precision: Precision,
    /// A line of JSON for each result on standard output.
    #[arg(long)]
    json: bool,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
enum Name {
    /// A step of MoCo v3 and SER on ViT-S/16, batch 16.
    VitS,
    /// The same on a small transformer for images of 28 pixels, batch 128.
    Digits,
    /// ViT-S/16 alone: forward, backward, AdamW.
    VitSStep,
    /// ViT-S/16 alone, forward.
    VitSForward,
    /// Time of the digits' step at growing batches.
    BatchGrowth,
    /// Memory of dense InfoNCE at 1k to 64k tokens.
    TokenGrowth,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Ser {
    On,
    Off,
    Both,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum GridsArgument {
    Fixed,
    Drawn,
}

/// Steps of a workload, of each batch, and of each number of tokens, if nobody says how many.
const STEPS: [usize; 3] = [5, 3, 1];

/// Times that each image of a folder is loaded, if nobody says how many.
const EPOCHS: usize = 3;

/// Steps that a profile is the mean of.
const PROFILED: usize = 3;

impl Name {
    fn workload(self) -> Option<Workload> {
        match self {
            Name::VitS => Some(Workload::VitS),
            Name::Digits => Some(Workload::Digits),
            Name::VitSStep => Some(Workload::VitSStep),
            Name::VitSForward => Some(Workload::VitSForward),
            Name::BatchGrowth | Name::TokenGrowth => None,
        }
    }
}

/// Measures what was asked for.
pub fn run(registry: &Registry, arguments: &BenchArguments) -> Result<ExitCode, Failure> {
    arguments.check()?;
    if let Some(model) = &arguments.model {
        return gpu::estimate(registry, arguments, model);
    }
    if cfg!(debug_assertions) {
        eprintln!("warning: built with checks; times that mean something are those of `cargo run --release`");
    }
    let cpu =
        CpuOptions { threads: arguments.threads.map(|threads| threads as usize), ..CpuOptions::default() };
    let bench = Bench { registry, arguments, machine: Machine::measured(cpu.threads), cpu };
    if !arguments.json {
        println!("{}\n", bench.machine);
    }
    if let Some(folder) = &arguments.images {
        bench.images(folder)?;
        return Ok(ExitCode::SUCCESS);
    }
    match arguments.workload {
        Some(name) => bench.measure(name)?,
        None => {
            <Name as clap::ValueEnum>::value_variants().iter().try_for_each(|&name| bench.measure(name))?
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl BenchArguments {
    /// Refuses what the workload has no use for.
    fn check(&self) -> Result<(), Failure> {
        let has_model = self.model.is_some();
        match self.device {
            DeviceChoice::Cuda(_) if !has_model => {
                return Err(Failure::mistake(
                    "--device cuda: a GPU's step is estimated, not measured; say for which: --model h100",
                ));
            }
            DeviceChoice::Cpu | DeviceChoice::Auto if has_model => {
                return Err(Failure::mistake("--model: is for --device cuda"));
            }
            _ => {}
        }
        let Some(name) = self.workload else { return Ok(()) };
        let given = |option: &'static str, given: bool| given.then_some(option);
        let (has_steps, has_method) =
            (name.workload().is_some(), name.workload().is_some_and(Workload::has_method));
        let of_steps = [given("--batch", self.batch.is_some()), given("--profile", self.profile)];
        let of_methods = [given("--ser", self.ser.is_some()), given("--grids", self.grids.is_some())];
        if let (false, Some(option)) = (has_method, of_methods.into_iter().flatten().next()) {
            return Err(unfit(option, name, "vit_s and digits, which train a method"));
        }
        if let (false, Some(option)) = (has_steps, of_steps.into_iter().flatten().next()) {
            return Err(unfit(option, name, "vit_s, digits, vit_s_step and vit_s_forward"));
        }
        if self.ser == Some(Ser::Off) && self.grids.is_some() {
            return Err(Failure::mistake("--grids: without SER no view has a grid of its own; leave it out"));
        }
        if self.ser == Some(Ser::Both) && self.profile {
            return Err(Failure::mistake("--profile: shows one step; give --ser on or --ser off"));
        }
        Ok(())
    }

    fn setup(&self, workload: Workload) -> Setup {
        let setup = workload.setup();
        Setup {
            workload,
            batch: self.batch.map_or(setup.batch, |batch| batch as usize),
            ser: setup.ser && self.ser != Some(Ser::Off),
            grids: match self.grids {
                Some(GridsArgument::Drawn) => Grids::Drawn,
                _ => Grids::Fixed,
            },
        }
    }

    fn steps(&self, default: usize) -> usize {
        self.steps.map_or(default, |steps| steps as usize)
    }
}

#[cfg(feature = "cuda")]
mod gpu {
    use super::*;
    use crate::bench::GpuEstimate;
    use equilayer_engine::cuda::estimate::GpuModel;

    /// Estimates the workload, or those that train a method.
    pub fn estimate(
        registry: &Registry,
        arguments: &BenchArguments,
        model: &str,
    ) -> Result<ExitCode, Failure> {
        let gpu = GpuModel::ALL.iter().find(|gpu| gpu.name == model).ok_or_else(|| {
            let known = equilayer_grammar::list(GpuModel::ALL.iter().map(|gpu| gpu.name));
            Failure::mistake(format!("--model: `{model}` is not known; known are {known}"))
        })?;
        let workloads = match arguments.workload {
            None => vec![Workload::VitS, Workload::Digits],
            Some(name) => {
                let workloads = "vit_s, digits, vit_s_step and vit_s_forward";
                vec![name.workload().ok_or_else(|| unfit("--model", name, workloads))?]
            }
        };
        for workload in workloads {
            let setup = arguments.setup(workload);
            let plan = Work::prepare(&setup, registry)?.plan()?;
            say(arguments.json, &GpuEstimate::new(&setup, &plan, gpu, arguments.precision)?)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

#[cfg(not(feature = "cuda"))]
mod gpu {
    use super::*;

    /// There is nothing to estimate with.
    pub fn estimate(_: &Registry, _: &BenchArguments, _: &str) -> Result<ExitCode, Failure> {
        Err(Failure::mistake("--model: this program was built without the feature `cuda`; build with it"))
    }
}

/// Prints a result.
fn say(json: bool, result: &(impl std::fmt::Display + Serialize)) -> Result<(), Failure> {
    match json {
        true => println!("{}", serde_json::to_string(result).map_err(Failure::fault)?),
        false => println!("{result}"),
    }
    Ok(())
}

fn unfit(option: &str, name: Name, others: &str) -> Failure {
    let name =
        clap::ValueEnum::to_possible_value(&name).map_or(String::new(), |value| value.get_name().into());
    Failure::mistake(format!("{option}: the workload {name} has no use for it; it is for {others}"))
}

impl From<BenchError> for Failure {
    fn from(error: BenchError) -> Failure {
        if error.is_mistake() { Failure::mistake(error) } else { Failure::fault(error) }
    }
}

struct Bench<'a> {
    registry: &'a Registry,
    arguments: &'a BenchArguments,
    machine: Machine,
    cpu: CpuOptions,
}

impl Bench<'_> {
    fn measure(&self, name: Name) -> Result<(), Failure> {
        let [_, batches, tokens] = STEPS;
        match (name, name.workload()) {
            (_, Some(workload)) => self.workload(&self.arguments.setup(workload)),
            (Name::BatchGrowth, _) => {
                let steps = self.arguments.steps(batches);
                self.say(&growth::of_batch(self.registry, &self.cpu, steps)?)
            }
            (_, _) => self.say(&growth::of_tokens(&self.cpu, self.arguments.steps(tokens))?),
        }
    }

    fn images(&self, folder: &Path) -> Result<(), Failure> {
        let epochs = self.arguments.steps(EPOCHS);
        VIEWS
            .iter()
            .try_for_each(|&views| self.say(&Loading::measure(folder, views, self.machine.threads, epochs)?))
    }

    fn workload(&self, setup: &Setup) -> Result<(), Failure> {
        memory::reset_peak();
        let mut executor = CpuExecutor::new(self.cpu.clone()).map_err(BenchError::from)?;
        let mut setups = vec![*setup];
        if self.arguments.ser == Some(Ser::Both) {
            setups.insert(0, Setup { ser: false, ..*setup });
        }
        let works = setups.iter().map(|setup| Work::prepare(setup, self.registry));
        let mut works = works.collect::<Result<Vec<_>, _>>()?;
        let measured = measure(&mut works, &mut executor, self.arguments.steps(STEPS[0]))?;
        let mut records = Vec::new();
        for (work, measured) in works.iter_mut().zip(&measured) {
            let plan = work.plan()?;
            records.push(Record::new(work.setup(), &plan, measured, &self.machine));
        }
        if let (true, [work], [record]) = (self.arguments.profile, &mut works[..], &mut records[..]) {
            record.profile = Some(self.profile(work, &mut executor)?);
        }
        if !self.arguments.json {
            println!("{}", Record::titles());
        }
        records.iter().try_for_each(|record| self.say(record))?;
        if let [without, with] = &measured[..] {
            self.say(&Comparison::new(setup, with, without))?;
        }
        match records.iter().find_map(|record| record.profile.as_ref()) {
            Some(profile) if !self.arguments.json => println!("\n{profile}"),
            _ => {}
        }
        Ok(())
    }

    /// Profiles a few steps and writes their timeline.
    fn profile(&self, work: &mut Work, executor: &mut CpuExecutor) -> Result<Profile, Failure> {
        let steps = (0..PROFILED).map(|_| work.profile(executor)).collect::<Result<Vec<_>, _>>()?;
        let path = PathBuf::from(format!("{}.trace.json", work.setup().workload));
        trace::write(&path, &steps)?;
        eprintln!("{}: a timeline for ui.perfetto.dev or chrome://tracing", path.display());
        Ok(Profile::of(&steps, &self.machine))
    }

    fn say(&self, result: &(impl std::fmt::Display + Serialize)) -> Result<(), Failure> {
        say(self.arguments.json, result)
    }
}
