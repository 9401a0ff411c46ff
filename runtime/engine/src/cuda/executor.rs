//! State and plans on a GPU.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cudarc::driver::CudaGraph;
use rustc_hash::FxHashMap;

use super::blas::Blas;
use super::clock::Clock;
use super::device::{Device, DeviceInfo};
use super::error::DeviceError;
use super::kernel_cache::KernelCache;
use super::kernels::Kernels;
use super::lower::lower;
use super::memory::DeviceMemory;
use super::staging::Staging;
use super::storage::Storage;
use super::task::{Lowered, Number};
use crate::device::Precision;
use crate::error::Error;
use crate::executor::{Executor, Outputs, Stage, Started, take_over, unknown};
use crate::ops::State;
use crate::plan::Plan;
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

/// The least compute capability whose tensor cores take TF32 and bfloat16, and whose instructions round to the latter.
const ROUNDING_CAPABILITY: (i32, i32) = (8, 0);

/// Plans kept in the form that the device runs. Each holds its constants and its graph.
const MOST_PLANS: usize = 64;

/// Runs plans on a GPU and holds their state there.
pub struct CudaExecutor {
    pub(super) options: CudaOptions,
    // Fields are dropped in order: what lives on the device before the device.
    pub(super) plans: FxHashMap<u64, Prepared>,
    pub(super) uses: u64,
    pub(super) kernels: Kernels,
    pub(super) blas: Blas,
    pub(super) staging: Option<Staging>,
    clock: Clock,
    pub(super) arena: DeviceMemory,
    pub(super) scratch: DeviceMemory,
    pub(super) states: BTreeMap<String, HeldState>,
    pub(super) device: Arc<Device>,
}

pub(super) struct HeldState {
    pub(super) shape: Shape,
    pub(super) memory: DeviceMemory,
}

/// A plan on the device.
pub(super) struct Prepared {
    pub(super) lowered: Lowered,
    pub(super) constants: DeviceMemory,
    /// Where each constant starts among them.
    pub(super) starts: Vec<usize>,
    pub(super) last_use: u64,
    pub(super) has_run: bool,
    /// When each step ran in the first run that was measured.
    pub(super) first_run: Option<Vec<Launch>>,
    /// The recorded step.
    pub(super) graph: Option<CudaGraph>,
}

impl CudaExecutor {
    /// An executor without state on one GPU.
    ///
    /// # Errors
    /// A missing driver, GPU or library, or a GPU that is too old or does not start: a
    /// [`DeviceError`](super::DeviceError) with what was looked for, and the remedy.
    pub fn new(options: CudaOptions) -> Result<CudaExecutor, Error> {
        let device = Arc::new(Device::open(options.ordinal)?);
        let DeviceInfo { ordinal, name, capability: found, .. } = device.info().clone();
        let precision = options.precision;
        if precision != Precision::F32 && found < ROUNDING_CAPABILITY {
            return Err(DeviceError::Precision { ordinal, name, found, precision }.into());
        }
        let cache = options.kernel_cache.as_deref().map(KernelCache::new);
        Ok(CudaExecutor {
            plans: FxHashMap::default(),
            uses: 0,
            kernels: Kernels::new(&device, cache)?,
            blas: Blas::new(&device, options.precision)?,
            staging: None,
            clock: Clock::new(&device)?,
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

    /// Bytes held on the GPU: arena, scratch, inputs that were sent ahead, state and constants.
    pub fn held_bytes(&self) -> usize {
        let states = self.states.values().map(|state| state.memory.len());
        let constants = self.plans.values().map(|plan| plan.constants.len());
        let sent = self.staging.as_ref().map_or(0, Staging::len);
        4 * (self.arena.len() + self.scratch.len() + sent + states.chain(constants).sum::<usize>())
    }

    /// Bytes of a plan's arena here, where some tensors may take half of what the plan says.
    pub fn arena_bytes(&self, plan: &Plan) -> usize {
        Number::F32.bytes() * Storage::new(plan, self.options.precision).arena
    }

    /// Sends the inputs of the next run of a plan on their way, while the GPU works on another.
    ///
    /// # Errors
    /// As for the inputs of [`Executor::run`]; too little memory, here or on the GPU.
    pub fn send(&mut self, plan: &Plan, inputs: &[(&str, &[f32])]) -> Result<(), Error> {
        let values = self.checked_inputs(plan, inputs)?;
        if self.staging.is_none() {
            self.staging = Some(Staging::new(&self.device)?);
        }
        self.staging.as_mut().map_or(Ok(()), |staging| staging.send(plan.id, &values))
    }

    /// Starts a run, whose inputs are not read if they were sent, and comes back while the GPU works. Only a plan's first
    /// run is waited for, step by step, to measure each.
    ///
    /// # Errors
    /// As for [`Executor::run`].
    pub fn start(&mut self, plan: &Plan, inputs: &[(&str, &[f32])]) -> Result<Started, Error> {
        self.prepare(plan)?;
        match self.staging.as_mut().is_some_and(|staging| staging.take(plan.id)) {
            true => self.feed_sent(plan)?,
            false => self.feed(plan, inputs)?,
        }
        if self.plans.get(&plan.id).is_some_and(|prepared| prepared.first_run.is_some()) {
            self.clock.begin(&self.device)?;
            self.execute(plan)?;
            self.clock.end(&self.device)?;
            return Ok(Started(Stage::UnderWay));
        }
        self.device.synchronize()?;
        let begin = Instant::now();
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
        Ok(Started(Stage::Done(self.collect(plan)?, launches)))
    }

    /// Waits for a run that was started. Its steps take the shares of its time that they had in the first run.
    ///
    /// # Errors
    /// What failed on the GPU meanwhile.
    pub fn finish(&mut self, plan: &Plan, started: Started) -> Result<(Outputs, Vec<Launch>), Error> {
        if let Stage::Done(outputs, launches) = started.0 {
            return Ok((outputs, launches));
        }
        let outputs = self.collect(plan)?;
        let took = self.clock.took()?;
        let first = self.plans.get(&plan.id).and_then(|prepared| prepared.first_run.as_deref());
        Ok((outputs, first.map_or_else(Vec::new, |first| scaled(first, took))))
    }

    fn hold_state(&mut self, state: &State) -> Result<(), Error> {
        if let Some(held) = self.states.get(&state.name) {
            return take_over(state, &held.shape);
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
        let lowered = lower(plan, self.options.precision)?;
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

impl Executor for CudaExecutor {
    fn run(&mut self, plan: &Plan, inputs: &[(&str, &[f32])]) -> Result<Outputs, Error> {
        self.prepare(plan)?;
        self.feed(plan, inputs)?;
        self.execute(plan)?;
        Ok(self.collect(plan)?)
    }

    fn prepare(&mut self, plan: &Plan) -> Result<(), Error> {
        self.prepare_plan(plan)?;
        let needs = |prepared: &Prepared| (prepared.lowered.arena, prepared.lowered.scratch);
        let (arena, scratch) = self.plans.get(&plan.id).map_or((0, 0), needs);
        self.make_room(arena, scratch)?;
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
