//! Where plans run: a choice that users write down, and an executor for it.

use std::fmt;
use std::str::FromStr;

use crate::cpu::{CpuExecutor, CpuOptions};
#[cfg(feature = "cuda")]
use crate::cuda::{CudaExecutor, CudaOptions, devices};
use crate::error::Error;
use crate::executor::{Executor, Outputs, Stage, Started};
use crate::plan::Plan;
use crate::profile::Launch;

/// A device as users name it: `auto`, `cpu`, `cuda` or `cuda:N`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The first GPU where there is a driver with one, else the processor.
    Auto,
    /// The processor.
    #[default]
    Cpu,
    /// The GPU with this number.
    Cuda(usize),
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<DeviceChoice, String> {
        match text {
            "auto" => Ok(DeviceChoice::Auto),
            "cpu" => Ok(DeviceChoice::Cpu),
            "cuda" => Ok(DeviceChoice::Cuda(0)),
            _ => text
                .strip_prefix("cuda:")
                .and_then(|number| number.parse().ok())
                .map(DeviceChoice::Cuda)
                .ok_or_else(|| {
                    format!("`{text}` is no device; devices are auto, cpu, cuda and cuda:N, such as cuda:1")
                }),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeviceChoice::Auto => f.write_str("auto"),
            DeviceChoice::Cpu => f.write_str("cpu"),
            DeviceChoice::Cuda(ordinal) => write!(f, "cuda:{ordinal}"),
        }
    }
}

/// What the factors of matrix products are rounded to. Products are added up in `f32`; weights, gradients, statistics and
/// everything that is no matrix product stay `f32`, so weights need no second copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// Nothing.
    #[default]
    F32,
    /// 11 bits, on a GPU's tensor cores (TF32).
    Tf32,
    /// 8 bits, on a GPU's tensor cores (bfloat16). Attention's products too, whose probabilities are factors.
    Bf16,
}

const PRECISIONS: [(&str, Precision); 3] =
    [("f32", Precision::F32), ("tf32", Precision::Tf32), ("bf16", Precision::Bf16)];

impl FromStr for Precision {
    type Err = String;

    fn from_str(text: &str) -> Result<Precision, String> {
        let found = PRECISIONS.iter().find(|(name, _)| *name == text);
        found.map(|&(_, precision)| precision).ok_or_else(|| {
            format!("`{text}` is no precision of matrix products; they are f32, tf32 and bf16")
        })
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = PRECISIONS.iter().find(|(_, precision)| precision == self).map(|&(name, _)| name);
        f.write_str(name.unwrap_or_default())
    }
}

/// An executor on a device that is chosen when the program runs.
pub enum DeviceExecutor {
    /// On the processor.
    Cpu(CpuExecutor),
    /// On a GPU.
    #[cfg(feature = "cuda")]
    Cuda(Box<CudaExecutor>),
}

impl DeviceExecutor {
    /// An executor without state. The seed of `options` holds for every device; the rest is the processor's.
    ///
    /// # Errors
    /// A GPU that was asked for and cannot be used; what was looked for and the remedy are named. A precision that the
    /// processor does not have, where it was asked for by name.
    pub fn new(
        choice: DeviceChoice,
        precision: Precision,
        options: CpuOptions,
    ) -> Result<DeviceExecutor, Error> {
        match choice {
            DeviceChoice::Cuda(ordinal) => on_gpu(ordinal, precision, &options),
            DeviceChoice::Auto if has_gpu() => on_gpu(0, precision, &options),
            DeviceChoice::Cpu if precision != Precision::F32 => Err(Error::Executor(format!(
                "the precision {precision} is for GPUs; the `cpu` multiplies in f32, so take that precision there"
            ))),
            DeviceChoice::Cpu | DeviceChoice::Auto => Ok(DeviceExecutor::Cpu(CpuExecutor::new(options)?)),
        }
    }

    /// The device, in words.
    pub fn device(&self) -> String {
        match self {
            DeviceExecutor::Cpu(_) => "cpu".into(),
            #[cfg(feature = "cuda")]
            DeviceExecutor::Cuda(executor) => {
                format!("cuda:{} ({})", executor.device().ordinal, executor.device().name)
            }
        }
    }

    /// Bytes of a plan's activations, gradients, inputs and outputs as this device keeps them.
    pub fn arena_bytes(&self, plan: &Plan) -> usize {
        match self {
            DeviceExecutor::Cpu(_) => plan.arena_bytes(),
            #[cfg(feature = "cuda")]
            DeviceExecutor::Cuda(executor) => executor.arena_bytes(plan),
        }
    }

    /// Starts a run, which [`DeviceExecutor::finish`] ends. A GPU works on it meanwhile, and may be sent the next run's
    /// inputs ([`DeviceExecutor::send`]); those of this run are not read if they were sent. The processor is done with it
    /// at once.
    ///
    /// # Errors
    /// As for [`Executor::run`].
    pub fn start(&mut self, plan: &Plan, inputs: &[(&str, &[f32])]) -> Result<Started, Error> {
        match self {
            DeviceExecutor::Cpu(executor) => {
                let (outputs, launches) = executor.run_timed(plan, inputs)?;
                Ok(Started(Stage::Done(outputs, launches)))
            }
            #[cfg(feature = "cuda")]
            DeviceExecutor::Cuda(executor) => executor.start(plan, inputs),
        }
    }

    /// Waits for a run that was started. Its outputs, and when each of the plan's steps ran, in its order.
    ///
    /// # Errors
    /// What failed on the device meanwhile.
    #[cfg_attr(
        not(feature = "cuda"),
        expect(unused_variables, reason = "the processor is done at the start")
    )]
    pub fn finish(&mut self, plan: &Plan, started: Started) -> Result<(Outputs, Vec<Launch>), Error> {
        match (self, started.0) {
            (_, Stage::Done(outputs, launches)) => Ok((outputs, launches)),
            #[cfg(feature = "cuda")]
            (DeviceExecutor::Cuda(executor), Stage::UnderWay) => {
                executor.finish(plan, Started(Stage::UnderWay))
            }
            #[cfg(feature = "cuda")]
            (DeviceExecutor::Cpu(_), Stage::UnderWay) => {
                Err(Error::Executor("this run was started on another device".into()))
            }
        }
    }

    /// Sends the inputs of the next run of a plan on their way to the device, while it works. They are for the next
    /// [`DeviceExecutor::start`] of the plan; the processor needs none of it.
    ///
    /// # Errors
    /// As for the inputs of [`Executor::run`]; too little memory.
    #[cfg_attr(
        not(feature = "cuda"),
        expect(unused_variables, reason = "the processor reads them where they are")
    )]
    pub fn send(&mut self, plan: &Plan, inputs: &[(&str, &[f32])]) -> Result<(), Error> {
        match self {
            DeviceExecutor::Cpu(_) => Ok(()),
            #[cfg(feature = "cuda")]
            DeviceExecutor::Cuda(executor) => executor.send(plan, inputs),
        }
    }

    fn executor(&self) -> &dyn Executor {
        match self {
            DeviceExecutor::Cpu(executor) => executor,
            #[cfg(feature = "cuda")]
            DeviceExecutor::Cuda(executor) => executor.as_ref(),
        }
    }

    fn executor_mut(&mut self) -> &mut dyn Executor {
        match self {
            DeviceExecutor::Cpu(executor) => executor,
            #[cfg(feature = "cuda")]
            DeviceExecutor::Cuda(executor) => executor.as_mut(),
        }
    }
}

impl Executor for DeviceExecutor {
    fn run(&mut self, plan: &Plan, inputs: &[(&str, &[f32])]) -> Result<Outputs, Error> {
        self.executor_mut().run(plan, inputs)
    }

    fn prepare(&mut self, plan: &Plan) -> Result<(), Error> {
        self.executor_mut().prepare(plan)
    }

    fn state(&self, name: &str) -> Result<Vec<f32>, Error> {
        self.executor().state(name)
    }

    fn set_state(&mut self, name: &str, values: &[f32]) -> Result<(), Error> {
        self.executor_mut().set_state(name, values)
    }

    fn state_names(&self) -> Vec<String> {
        self.executor().state_names()
    }
}

/// What a [`DeviceChoice`] may name, a line each; where there is no GPU, why.
pub fn device_list() -> Vec<String> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut lines = vec![format!("{:<8} {threads} threads", "cpu")];
    lines.extend(gpu_list());
    lines
}

#[cfg(feature = "cuda")]
fn gpu_list() -> Vec<String> {
    match devices() {
        Ok(found) if found.is_empty() => {
            vec![format!("{:<8} none: the NVIDIA driver shows no GPU", "cuda")]
        }
        Ok(found) => found
            .iter()
            .map(|gpu| {
                format!(
                    "{:<8} {}, compute capability {}.{}, {:.1} GB",
                    format!("cuda:{}", gpu.ordinal),
                    gpu.name,
                    gpu.capability.0,
                    gpu.capability.1,
                    gpu.memory as f64 / 1e9
                )
            })
            .collect(),
        Err(error) => vec![format!("{:<8} none: {error}", "cuda")],
    }
}

#[cfg(not(feature = "cuda"))]
fn gpu_list() -> Vec<String> {
    vec![format!("{:<8} none: this program was built without the feature `cuda`", "cuda")]
}

#[cfg(feature = "cuda")]
fn on_gpu(ordinal: usize, precision: Precision, options: &CpuOptions) -> Result<DeviceExecutor, Error> {
    let options = CudaOptions {
        ordinal,
        precision,
        seed: options.seed,
        check_finite: options.check_finite,
        ..CudaOptions::default()
    };
    Ok(DeviceExecutor::Cuda(Box::new(CudaExecutor::new(options)?)))
}

#[cfg(feature = "cuda")]
fn has_gpu() -> bool {
    devices().is_ok_and(|found| !found.is_empty())
}

#[cfg(not(feature = "cuda"))]
fn on_gpu(ordinal: usize, _precision: Precision, _options: &CpuOptions) -> Result<DeviceExecutor, Error> {
    let detail = format!(
        "cuda:{ordinal} was asked for, and this program was built without the feature `cuda`; build with it, or use \
         the `cpu`"
    );
    Err(Error::Executor(detail))
}

#[cfg(not(feature = "cuda"))]
fn has_gpu() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_read_as_they_print() {
        for text in ["auto", "cpu", "cuda:0", "cuda:12"] {
            assert_eq!(text.parse::<DeviceChoice>().map(|choice| choice.to_string()).as_deref(), Ok(text));
        }
        assert_eq!("cuda".parse(), Ok(DeviceChoice::Cuda(0)));
        for text in ["gpu", "cuda:", "cuda:-1", "cuda:one", "CUDA"] {
            let error = text.parse::<DeviceChoice>().expect_err("no device");
            assert!(error.contains("auto, cpu, cuda and cuda:N"), "{error}");
        }
        for text in ["f32", "tf32", "bf16"] {
            let precision = text.parse::<Precision>();
            assert_eq!(precision.map(|precision| precision.to_string()).as_deref(), Ok(text));
        }
        assert!("f16".parse::<Precision>().is_err_and(|error| error.ends_with("f32, tf32 and bf16")));
    }

    #[test]
    fn the_processor_multiplies_in_f32() {
        let on = |choice| DeviceExecutor::new(choice, Precision::Bf16, CpuOptions::default());
        let error = on(DeviceChoice::Cpu).err().map(|error| error.to_string());
        assert!(error.is_some_and(|error| error.contains("bf16 is for GPUs")));
    }
}
