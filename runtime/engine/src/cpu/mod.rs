//! The CPU executor: one arena, a persistent pool of threads, kernels whose results do not depend on their number.
//!
//! Every kernel cuts its work by shapes alone and combines parts in a fixed order; a run has the same bits for any
//! number of threads.

mod attention;
mod batch_norm;
mod call;
mod contract;
mod conv;
mod cross_entropy;
mod elementwise;
mod gather;
mod gemm;
mod info_nce;
mod instructions;
mod kernels;
mod l2_normalize;
mod lanes;
mod layer_norm;
mod math;
mod matrix;
mod memory;
mod movement;
mod norm;
mod off_diagonal;
#[cfg(target_arch = "x86_64")]
mod panel;
#[cfg(not(target_arch = "x86_64"))]
#[path = "no_panel.rs"]
mod panel;
mod peak;
mod prefetch;
mod product;
mod random;
mod reduce;
mod rows;
mod scratch;
mod simd;
mod softmax;
mod sparse;
mod stream;
mod transpose;
mod update;
mod window;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rayon::ThreadPool;

pub use self::instructions::{VARIABLE as INSTRUCTIONS_VARIABLE, check_instructions, instruction_set};
pub use self::peak::multiply_adds;
pub use self::simd::dispatch;

use self::call::{Call, Shared, Source, Target};
use self::memory::Memory;
use crate::error::Error;
use crate::executor::{Executor, Outputs, check_finite, match_inputs, place_of, take_over, unknown};
use crate::ops::State;
use crate::plan::{Operand, Place, Plan, Port, Step};
use crate::profile::Launch;
use crate::shape::Shape;

/// How a CPU executor is set up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CpuOptions {
    /// Worker threads; as many as the machine has cores if not given.
    pub threads: Option<usize>,
    /// Seed of the first values of parameters and state.
    pub seed: u64,
    /// Most bytes that arena and state together may take; no limit but the system's if not given.
    pub memory_limit: Option<usize>,
    /// Whether inputs and every kernel's results are searched for values that are not finite. Costs a reading of all memory.
    pub check_finite: bool,
}

/// Runs plans on the processor and holds their state.
pub struct CpuExecutor {
    options: CpuOptions,
    pool: ThreadPool,
    arena: Memory,
    states: BTreeMap<String, HeldState>,
}

struct HeldState {
    shape: Shape,
    memory: Memory,
}

impl CpuExecutor {
    /// An executor without state.
    ///
    /// # Errors
    /// Threads that cannot be started; instructions asked for by `EQUILAYER_ISA` that the processor does not have.
    pub fn new(options: CpuOptions) -> Result<CpuExecutor, Error> {
        check_instructions()?;
        let threads =
            options.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("equilayer-cpu-{index}"))
            .build()
            .map_err(|error| Error::Executor(format!("{threads} threads cannot be started: {error}")))?;
        let arena = Memory::zeroed(0).ok_or_else(|| Error::Executor("no memory at all".into()))?;
        Ok(CpuExecutor { options, pool, arena, states: BTreeMap::new() })
    }

    /// Bytes held: the arena of the largest plan so far, and all state.
    pub fn held_bytes(&self) -> usize {
        4 * (self.arena.len() + self.states.values().map(|state| state.memory.len()).sum::<usize>())
    }

    fn allocate(&self, elements: usize, freed: usize, what: &str) -> Result<Memory, Error> {
        let needed = elements.saturating_mul(4);
        let failure = |available: String| Error::OutOfMemory { what: what.into(), needed, available };
        if let Some(limit) = self.options.memory_limit {
            let held = self.held_bytes() - 4 * freed;
            if held.saturating_add(needed) > limit {
                return Err(failure(format!("the limit is {limit} bytes, of which {held} are held")));
            }
        }
        Memory::zeroed(elements).ok_or_else(|| failure("the system refused them".into()))
    }

    fn hold_state(&mut self, state: &State) -> Result<(), Error> {
        if let Some(held) = self.states.get(&state.name) {
            return take_over(state, &held.shape);
        }
        let mut memory = self.allocate(state.shape.elements(), 0, &state.name)?;
        state.init.fill_into(&state.drawn_as, &state.shape, self.options.seed, memory.as_mut_slice())?;
        self.states.insert(state.name.clone(), HeldState { shape: state.shape, memory });
        Ok(())
    }

    fn feed(&mut self, plan: &Plan, inputs: &[(&str, &[f32])]) -> Result<(), Error> {
        let values = match_inputs(plan, inputs)?;
        for (port, values) in plan.inputs.iter().zip(values) {
            if self.options.check_finite {
                check_finite(values, || (format!("input `{}`", port.name), format!("shape {}", port.shape)))?;
            }
            if let Place::Arena(start) = plan.buffers[port.buffer].place {
                self.arena.as_mut_slice()[start..start + values.len()].copy_from_slice(values);
            }
        }
        Ok(())
    }

    /// [`Executor::run`], and when each of the plan's steps ran, in its order.
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
        let mut launches = Vec::with_capacity(plan.steps.len());
        let begin = Instant::now();
        let mut start = Duration::ZERO;
        self.execute(plan, || {
            let end = begin.elapsed();
            launches.push(Launch { start, time: end - start });
            start = end;
        })?;
        Ok((self.collect(plan), launches))
    }

    fn execute(&mut self, plan: &Plan, step_done: impl FnMut() + Send) -> Result<(), Error> {
        let states: Vec<Shared> =
            plan.states.iter().map(|state| Shared::new(self.states[&state.name].memory.pointer())).collect();
        let addresses = Addresses { plan, arena: Shared::new(self.arena.pointer()), states: &states };
        let check = self.options.check_finite;
        // All of it inside the pool: a thread outside would be put to sleep and woken again for every kernel.
        self.pool.install(|| addresses.run(check, step_done))
    }

    fn collect(&self, plan: &Plan) -> Outputs {
        let mut outputs = Outputs::default();
        for Port { name, shape, buffer } in &plan.outputs {
            if let Place::Arena(start) = plan.buffers[*buffer].place {
                outputs.insert(name, self.arena.as_slice()[start..start + shape.elements()].to_vec());
            }
        }
        outputs
    }
}

impl Executor for CpuExecutor {
    fn run(&mut self, plan: &Plan, inputs: &[(&str, &[f32])]) -> Result<Outputs, Error> {
        self.prepare(plan)?;
        self.feed(plan, inputs)?;
        self.execute(plan, || {})?;
        Ok(self.collect(plan))
    }

    fn prepare(&mut self, plan: &Plan) -> Result<(), Error> {
        if self.arena.len() < plan.arena {
            let freed = self.arena.len();
            let larger = self.allocate(plan.arena, freed, "the arena")?;
            self.arena = larger;
        }
        plan.states.iter().try_for_each(|state| self.hold_state(state))
    }

    fn state(&self, name: &str) -> Result<Vec<f32>, Error> {
        let held = self
            .states
            .get(name)
            .ok_or_else(|| unknown("state", name, self.states.keys().map(String::as_str)))?;
        Ok(held.memory.as_slice().to_vec())
    }

    fn set_state(&mut self, name: &str, values: &[f32]) -> Result<(), Error> {
        if !self.states.contains_key(name) {
            return Err(unknown("state", name, self.states.keys().map(String::as_str)));
        }
        let Some(held) = self.states.get_mut(name) else { return Ok(()) };
        if held.memory.len() != values.len() {
            let detail = format!("{} values do not fill shape {}", values.len(), held.shape);
            return Err(Error::Name { kind: "state", name: name.into(), detail });
        }
        held.memory.as_mut_slice().copy_from_slice(values);
        Ok(())
    }

    fn state_names(&self) -> Vec<String> {
        self.states.keys().cloned().collect()
    }
}

/// Where the buffers of a plan are during a run.
struct Addresses<'a> {
    plan: &'a Plan,
    arena: Shared,
    states: &'a [Shared],
}

impl Addresses<'_> {
    /// Runs the plan's steps one after another.
    fn run(&self, check: bool, mut step_done: impl FnMut()) -> Result<(), Error> {
        for (index, step) in self.plan.steps.iter().enumerate() {
            // SAFETY: the plan's operands lie in their buffers, the arena is long enough, states have their shapes;
            // steps run one after another.
            let mut call = unsafe { self.call(step) };
            kernels::run(&step.op, &mut call);
            for output in step.outputs.iter().filter(|_| check) {
                // SAFETY: as above; the kernel has ended.
                let values = unsafe { self.values(output) };
                check_finite(values, || {
                    (step.op.as_operator().name().into(), place_of(step, index, output))
                })?;
            }
            step_done();
        }
        Ok(())
    }

    fn buffer(&self, buffer: usize) -> *mut f32 {
        match self.plan.buffers[buffer].place {
            // SAFETY: the planner places buffers inside the arena.
            Place::Arena(start) => unsafe { self.arena.pointer().add(start) },
            Place::State(state) => self.states[state].pointer(),
            Place::Constant(constant) => self.plan.constants[constant].as_ptr().cast_mut(),
        }
    }

    /// The operands of a step as memory. What a kernel updates in place is put into the output first.
    ///
    /// # Safety
    /// Nobody else uses the memory while the call lives.
    unsafe fn call(&self, step: &Step) -> Call<'_> {
        for &(output, input) in step.op.as_operator().updates() {
            // SAFETY: passed on from the caller; operands of an update have one shape.
            unsafe { self.bring_over(&step.inputs[input], &step.outputs[output]) };
        }
        // SAFETY: the planner's operands lie in their buffers and overlap only as `Call` allows.
        unsafe {
            let inputs =
                step.inputs.iter().map(|operand| Source::new(self.buffer(operand.buffer), operand.layout));
            let outputs = step
                .outputs
                .iter()
                .map(|operand| Target::new(self.buffer(operand.buffer), *operand.layout.shape()));
            Call::new(inputs.collect(), outputs.collect())
        }
    }

    /// # Safety
    /// Nobody else uses the memory.
    unsafe fn bring_over(&self, input: &Operand, output: &Operand) {
        let (from, to) = (self.buffer(input.buffer), self.buffer(output.buffer));
        // SAFETY: an update's operands are row-major and of one size; the same memory is left alone.
        unsafe {
            let from = from.offset(input.layout.offset());
            if !std::ptr::eq(from, to) {
                std::ptr::copy_nonoverlapping(from.cast_const(), to, output.layout.shape().elements());
            }
        }
    }

    /// # Safety
    /// Nobody writes the memory while the slice lives.
    unsafe fn values(&self, operand: &Operand) -> &[f32] {
        // SAFETY: outputs are whole row-major buffers.
        unsafe { std::slice::from_raw_parts(self.buffer(operand.buffer), operand.layout.shape().elements()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::Init;

    /// Beyond what any processor of today can address.
    const TOO_MANY: usize = 1 << 50;

    fn refusal(plan: &Plan) -> String {
        let mut executor = CpuExecutor::new(CpuOptions::default()).expect("threads start");
        let error = executor.prepare(plan).expect_err("there is no such memory").to_string();
        assert_eq!(executor.held_bytes(), 0);
        error
    }

    #[test]
    fn an_arena_that_the_system_refuses_is_an_error() {
        let error = refusal(&Plan { arena: TOO_MANY, ..Plan::default() });
        assert_eq!(
            error,
            "out of memory: the plan needs 4503599627370496 bytes for the arena, the system refused them; use a \
             smaller batch or model"
        );
    }

    #[test]
    fn a_state_that_the_system_refuses_is_an_error() {
        let (name, shape) = ("weight".to_string(), Shape::from([TOO_MANY]));
        let state = State { drawn_as: name.clone(), name, shape, init: Init::Constant(0.0), trainable: true };
        let error = refusal(&Plan { states: vec![state], ..Plan::default() });
        assert!(error.contains("4503599627370496 bytes for weight, the system refused them"), "{error}");
    }
}
