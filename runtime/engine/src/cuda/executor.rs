//! State, plans and runs.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cudarc::driver::{CudaGraph, sys};
use rustc_hash::FxHashMap;

use super::blas::{Blas, Places};
use super::device::{Device, DeviceInfo};
use super::error::{DeviceError, failed};
use super::kernel_cache::KernelCache;
use super::kernels::Kernels;
use super::lower::lower;
use super::memory::DeviceMemory;
use super::task::{Address, Lowered, Region, Task};
use crate::error::Error;
use crate::executor::{Executor, Outputs, check_finite, match_inputs, place_of, unknown};
use crate::ops::State;
use crate::plan::{Place, Plan};
use crate::profile::Launch;
use crate::shape::Shape;

/// How a CUDA executor is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CudaOptions {
    /// Number of the GPU.
    pub ordinal: usize,
    /// Seed of the first values of parameters and state.
    pub seed: u64,
    /// Numbers that matrix products are made of.
    pub precision: Precision,
    /// Whether inputs and every kernel's results are searched for values that are not finite. Costs a copy of all
    /// results to the host.
    pub check_finite: bool,
    /// Whether a plan's second run is recorded, to be repeated by one launch.
    pub graphs: bool,
    /// Folder of compiled kernels; none are kept without one.
    pub kernel_cache: Option<PathBuf>,
}

/// Numbers that matrix products are made of. They are added up in `f32`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// True `f32`.
    #[default]
    F32,
    /// `f32` rounded to 11 bits (TF32), on the tensor cores.
    Tf32,
}

impl Default for CudaOptions {
    fn default() -> CudaOptions {
        CudaOptions {
            ordinal: 0,
            seed: 0,
            precision: Precision::F32,
            check_finite: false,
            graphs: true,
            kernel_cache: KernelCache::default_directory(),
        }
    }
}

/// Plans kept in the form that the device runs. Each holds its constants and its graph.
const MOST_PLANS: usize = 64;

/// Runs plans on a GPU and holds their state there.
pub struct CudaExecutor {
    options: CudaOptions,
    // Fields are dropped in order: what lives on the device before the device.
    plans: FxHashMap<u64, Prepared>,
    uses: u64,
    kernels: Kernels,
    blas: Blas,
    arena: DeviceMemory,
    scratch: DeviceMemory,
    states: BTreeMap<String, HeldState>,
    device: Arc<Device>,
}

struct HeldState {
    shape: Shape,
    memory: DeviceMemory,
}

/// A plan on the device.
struct Prepared {
    lowered: Lowered,
    constants: DeviceMemory,
    /// Where each constant starts among them.
    starts: Vec<usize>,
    last_use: u64,
    has_run: bool,
    /// When each step ran in the first run that was measured.
    first_run: Option<Vec<Launch>>,
    /// The recorded step.
    graph: Option<CudaGraph>,
}

impl CudaExecutor {
    /// An executor without state on one GPU.
    ///
    /// # Errors
    /// A missing driver, GPU or library, or a GPU that is too old or does not start: a [`DeviceError`] with what was
    /// looked for, and the remedy.
    pub fn new(options: CudaOptions) -> Result<CudaExecutor, Error> {
        let device = Arc::new(Device::open(options.ordinal)?);
        let cache = options.kernel_cache.as_deref().map(KernelCache::new);
        Ok(CudaExecutor {
            plans: FxHashMap::default(),
            uses: 0,
            kernels: Kernels::new(&device, cache)?,
            blas: Blas::new(&device, options.precision)?,
            arena: DeviceMemory::new(&device, 0, "the arena")?,
            scratch: DeviceMemory::new(&device, 0, "scratch")?,
            states: BTreeMap::new(),
            device,
            options,
        })
    }

    /// The GPU.
    pub fn device(&self) -> &DeviceInfo {
        self.device.info()
    }

    /// Bytes held on the GPU: arena, scratch, state and constants.
    pub fn held_bytes(&self) -> usize {
        let states = self.states.values().map(|state| state.memory.len());
        let constants = self.plans.values().map(|plan| plan.constants.len());
        4 * (self.arena.len() + self.scratch.len() + states.chain(constants).sum::<usize>())
    }

    /// [`Executor::run`], and when each of the plan's steps ran, in its order. Steps are measured in a plan's first run,
    /// which waits for each; later runs are measured as a whole, and their steps take the shares they had then.
    ///
    /// # Errors
    /// As for [`Executor::run`].
    pub fn run_timed(
        &mut self,
        plan: &Plan,
        inputs: &[(&str, &[f32])],
    ) -> Result<(Outputs, Vec<Launch>), Error> {
        self.prepare(plan)?;
        self.feed(plan, inputs)?;
        self.device.synchronize()?;
        let begin = Instant::now();
        if let Some(first) = self.plans.get(&plan.id).and_then(|prepared| prepared.first_run.clone()) {
            self.execute(plan)?;
            self.device.synchronize()?;
            return Ok((self.collect(plan)?, scaled(&first, begin.elapsed())));
        }
        let mut launches = Vec::with_capacity(plan.steps.len());
        let mut start = Duration::ZERO;
        for step in 0..plan.steps.len() {
            self.run_step(plan, step)?;
            self.device.synchronize()?;
            let end = begin.elapsed();
            launches.push(Launch { start, time: end - start });
            start = end;
        }
        if let Some(prepared) = self.plans.get_mut(&plan.id) {
            prepared.has_run = true;
            prepared.first_run = Some(launches.clone());
        }
        Ok((self.collect(plan)?, launches))
    }

    fn hold_state(&mut self, state: &State) -> Result<(), Error> {
        if let Some(held) = self.states.get(&state.name) {
            return match held.shape == state.shape {
                true => Ok(()),
                false => {
                    let detail = format!(
                        "held with shape {} from another plan, this plan has {}",
                        held.shape, state.shape
                    );
                    Err(Error::Name { kind: "state", name: state.name.clone(), detail })
                }
            };
        }
        let mut values = vec![0.0; state.shape.elements()];
        state.init.fill_into(&state.drawn_as, &state.shape, self.options.seed, &mut values)?;
        let memory = DeviceMemory::new(&self.device, values.len(), &state.name)?;
        memory.write(0, &values)?;
        self.states.insert(state.name.clone(), HeldState { shape: state.shape, memory });
        Ok(())
    }

    /// Makes room in arena and scratch. Recorded steps hold the old addresses and are forgotten.
    fn make_room(&mut self, arena: usize, scratch: usize) -> Result<(), Error> {
        if self.arena.len() >= arena && self.scratch.len() >= scratch {
            return Ok(());
        }
        self.device.synchronize()?;
        self.plans.values_mut().for_each(|plan| plan.graph = None);
        let sizes = [self.arena.len().max(arena), self.scratch.len().max(scratch)];
        for (memory, elements, what) in
            [(&mut self.arena, sizes[0], "the arena"), (&mut self.scratch, sizes[1], "scratch memory")]
        {
            if memory.len() < elements {
                // The old memory is freed first: there may be no room for both.
                *memory = DeviceMemory::new(&self.device, 0, what)?;
                *memory = DeviceMemory::new(&self.device, elements, what)?;
            }
        }
        Ok(())
    }

    fn prepare_plan(&mut self, plan: &Plan) -> Result<(), Error> {
        self.uses += 1;
        if let Some(prepared) = self.plans.get_mut(&plan.id) {
            prepared.last_use = self.uses;
            return Ok(());
        }
        let lowered = lower(plan)?;
        self.kernels.load(&lowered.kernels())?;
        let mut starts = Vec::with_capacity(plan.constants.len());
        let mut end = 0usize;
        for constant in &plan.constants {
            starts.push(end);
            end += constant.len().next_multiple_of(64);
        }
        let constants = DeviceMemory::new(&self.device, end, "constants")?;
        for (constant, &start) in plan.constants.iter().zip(&starts) {
            constants.write(start, constant)?;
        }
        if self.plans.len() >= MOST_PLANS {
            let oldest = self.plans.iter().min_by_key(|(_, plan)| plan.last_use).map(|(&id, _)| id);
            self.device.synchronize()?;
            oldest.and_then(|id| self.plans.remove(&id));
        }
        let prepared = Prepared {
            lowered,
            constants,
            starts,
            last_use: self.uses,
            has_run: false,
            first_run: None,
            graph: None,
        };
        self.plans.insert(plan.id, prepared);
        Ok(())
    }

    fn feed(&mut self, plan: &Plan, inputs: &[(&str, &[f32])]) -> Result<(), Error> {
        let values = match_inputs(plan, inputs)?;
        for (port, values) in plan.inputs.iter().zip(values) {
            if self.options.check_finite {
                check_finite(values, || (format!("input `{}`", port.name), format!("shape {}", port.shape)))?;
            }
            if let Place::Arena(start) = plan.buffers[port.buffer].place {
                self.arena.write(start, values)?;
            }
        }
        Ok(())
    }

    fn execute(&mut self, plan: &Plan) -> Result<(), Error> {
        if self.options.check_finite {
            return self.execute_checked(plan);
        }
        let Some(prepared) = self.plans.get_mut(&plan.id) else { return Ok(()) };
        if let Some(graph) = &prepared.graph {
            return graph.launch().map_err(|error| failed("cuGraphLaunch")(error).into());
        }
        // Everything that may not happen while recording, such as the choice of algorithms, happens in a first run.
        if !std::mem::replace(&mut prepared.has_run, true) || !self.options.graphs || plan.steps.is_empty() {
            return (0..plan.steps.len()).try_for_each(|step| self.run_step(plan, step));
        }
        let stream = self.device.stream()?.clone();
        stream
            .begin_capture(sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL)
            .map_err(failed("cuStreamBeginCapture"))?;
        let recorded = (0..plan.steps.len()).try_for_each(|step| self.run_step(plan, step));
        // No flag of instantiation is wanted; zero is not among the named ones.
        let graph = stream
            .end_capture(sys::CUgraphInstantiate_flags::CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH)
            .map_err(failed("cuStreamEndCapture"));
        recorded?;
        let graph = graph?;
        if let Some(graph) = &graph {
            graph.launch().map_err(failed("cuGraphLaunch"))?;
        }
        if let Some(prepared) = self.plans.get_mut(&plan.id) {
            prepared.graph = graph;
        }
        Ok(())
    }

    fn execute_checked(&mut self, plan: &Plan) -> Result<(), Error> {
        for (index, step) in plan.steps.iter().enumerate() {
            self.run_step(plan, index)?;
            for output in &step.outputs {
                let (memory, start) = self.region(plan, place(plan, output.buffer));
                let values = memory.read(start, output.layout.shape().elements())?;
                check_finite(&values, || {
                    (step.op.as_operator().name().into(), place_of(step, index, output))
                })?;
            }
        }
        Ok(())
    }

    /// Puts the tasks of a step on the stream.
    fn run_step(&mut self, plan: &Plan, step: usize) -> Result<(), Error> {
        let tasks = self.plans.get(&plan.id).map_or(0, |prepared| prepared.lowered.steps[step].len());
        for number in 0..tasks {
            let task = &self.plans[&plan.id].lowered.steps[step][number];
            let at = |address: Address| {
                let (memory, start) = self.region(plan, address);
                memory.at(start)
            };
            match task {
                Task::Launch(launch) => {
                    let arguments: Vec<sys::CUdeviceptr> =
                        launch.arguments.iter().map(|&address| at(address)).collect();
                    self.kernels.launch(&launch.kernel, launch.blocks, &arguments)?;
                }
                Task::Product(product) => {
                    let places = Places {
                        a: at(product.a),
                        b: at(product.b),
                        c: at(product.c),
                        bias: product.bias.map(at),
                    };
                    let product = *product;
                    self.blas.multiply(&product, places)?;
                }
                Task::Copy { from, to, elements } => {
                    let (from, to, bytes) = (at(*from), at(*to), 4 * elements);
                    let stream = self.device.stream()?.cu_stream();
                    // SAFETY: both ranges lie in their memory and do not overlap.
                    unsafe { cudarc::driver::result::memcpy_dtod_async(to, from, bytes, stream) }
                        .map_err(failed("cuMemcpyDtoDAsync"))?;
                }
            }
        }
        Ok(())
    }

    /// The memory that an address of a plan lies in, and the element there.
    fn region(&self, plan: &Plan, address: Address) -> (&DeviceMemory, usize) {
        let Address { region, offset } = address;
        match region {
            Region::Arena => (&self.arena, offset),
            Region::Scratch => (&self.scratch, offset),
            Region::State(state) => (&self.states[&plan.states[state].name].memory, offset),
            Region::Constant(constant) => {
                let prepared = &self.plans[&plan.id];
                (&prepared.constants, prepared.starts[constant] + offset)
            }
        }
    }

    fn collect(&self, plan: &Plan) -> Result<Outputs, DeviceError> {
        let mut outputs = Outputs::default();
        for port in &plan.outputs {
            if let Place::Arena(start) = plan.buffers[port.buffer].place {
                outputs.insert(&port.name, self.arena.read(start, port.shape.elements())?);
            }
        }
        self.device.synchronize()?;
        Ok(outputs)
    }
}

/// Launches as they would have run had all of them taken this long.
fn scaled(launches: &[Launch], total: Duration) -> Vec<Launch> {
    let measured: Duration = launches.iter().map(|launch| launch.time).sum();
    if measured.is_zero() {
        return launches.to_vec();
    }
    let factor = total.as_secs_f64() / measured.as_secs_f64();
    let scale =
        |launch: &Launch| Launch { start: launch.start.mul_f64(factor), time: launch.time.mul_f64(factor) };
    launches.iter().map(scale).collect()
}

fn place(plan: &Plan, buffer: usize) -> Address {
    match plan.buffers[buffer].place {
        Place::Arena(offset) => Address { region: Region::Arena, offset },
        Place::State(state) => Address { region: Region::State(state), offset: 0 },
        Place::Constant(constant) => Address { region: Region::Constant(constant), offset: 0 },
    }
}

impl Executor for CudaExecutor {
    fn run(&mut self, plan: &Plan, inputs: &[(&str, &[f32])]) -> Result<Outputs, Error> {
        self.prepare(plan)?;
        self.feed(plan, inputs)?;
        self.execute(plan)?;
        Ok(self.collect(plan)?)
    }

    fn prepare(&mut self, plan: &Plan) -> Result<(), Error> {
        self.prepare_plan(plan)?;
        let scratch = self.plans.get(&plan.id).map_or(0, |prepared| prepared.lowered.scratch);
        self.make_room(plan.arena, scratch)?;
        plan.states.iter().try_for_each(|state| self.hold_state(state))
    }

    fn state(&self, name: &str) -> Result<Vec<f32>, Error> {
        let held = self
            .states
            .get(name)
            .ok_or_else(|| unknown("state", name, self.states.keys().map(String::as_str)))?;
        Ok(held.memory.read(0, held.shape.elements())?)
    }

    fn set_state(&mut self, name: &str, values: &[f32]) -> Result<(), Error> {
        let Some(held) = self.states.get(name) else {
            return Err(unknown("state", name, self.states.keys().map(String::as_str)));
        };
        if held.memory.len() != values.len() {
            let detail = format!("{} values do not fill shape {}", values.len(), held.shape);
            return Err(Error::Name { kind: "state", name: name.into(), detail });
        }
        held.memory.write(0, values)?;
        Ok(self.device.synchronize()?)
    }

    fn state_names(&self) -> Vec<String> {
        self.states.keys().cloned().collect()
    }
}
