//! Plans: a flat list of kernels over one arena, ready for any executor.
//!
//! A plan knows sizes, layouts and lifetimes, and nothing about where memory is: an executor gives the arena, the
//! states and the constants addresses of its own.

mod build;
mod memory;
mod print;
mod schedule;
mod step;

use std::sync::Arc;

use self::memory::Lifetime;
use crate::layout::Layout;
use crate::ops::{Cost, Op, State};
use crate::shape::Shape;

pub use build::{Liberties, Tally, build};
#[cfg(feature = "cuda")]
pub use memory::place;
pub use schedule::live_nodes;

/// A compiled graph.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// A number that no other plan has, but its clones, which are equal: what executors make of it is kept under it.
    #[cfg_attr(not(feature = "cuda"), allow(dead_code, reason = "the CPU runs plans as they are"))]
    pub(crate) id: u64,
    /// Kernels in the order they run.
    pub(crate) steps: Vec<Step>,
    /// All memory they touch.
    pub(crate) buffers: Vec<Buffer>,
    /// The steps between which each buffer keeps its memory; nothing for one that no step touches.
    #[cfg_attr(not(feature = "cuda"), allow(dead_code, reason = "the CPU runs plans as they are"))]
    pub(crate) lifetimes: Vec<Option<Lifetime>>,
    /// Length of the arena, in elements.
    pub(crate) arena: usize,
    /// What is fed.
    pub(crate) inputs: Vec<Port>,
    /// What is handed back.
    pub(crate) outputs: Vec<Port>,
    /// State the plan reads or writes.
    pub(crate) states: Vec<State>,
    /// Values known beforehand.
    pub(crate) constants: Vec<Arc<[f32]>>,
    /// Declared inputs that nothing needs; feeding them is allowed and does nothing.
    pub(crate) unused_inputs: Vec<String>,
    /// What each pass did, in order.
    pub(crate) passes: Vec<(&'static str, String)>,
}

/// One kernel call.
#[derive(Clone, Debug)]
pub struct Step {
    /// What is computed.
    pub op: Op,
    /// What is read. No input overlaps an output, except where the same elements of both coincide and the kernel
    /// is elementwise or updates in place.
    pub inputs: Vec<Operand>,
    /// What is written, each row-major.
    pub outputs: Vec<Operand>,
    /// Work.
    pub cost: Cost,
    /// The part of the model it belongs to.
    pub scope: Option<Arc<str>>,
}

/// A tensor in a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Operand {
    /// Number of the buffer in the plan.
    pub buffer: usize,
    /// Where its elements lie in the buffer.
    pub layout: Layout,
}

/// A piece of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buffer {
    /// Where it is.
    pub place: Place,
    /// Its length.
    pub elements: usize,
}

/// Where a buffer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the arena, from this element on.
    Arena(usize),
    /// The state with this index in [`Plan::states`].
    State(usize),
    /// The constant with this number.
    Constant(usize),
}

/// A named tensor at the edge of the plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Shape,
    /// Its buffer, row-major.
    pub buffer: usize,
}

impl Plan {
    /// The kernels, in the order they run.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// What is fed.
    pub fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    /// What is handed back.
    pub fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    /// State that is read or written.
    pub fn states(&self) -> &[State] {
        &self.states
    }

    /// What each pass did, in order.
    pub fn passes(&self) -> &[(&'static str, String)] {
        &self.passes
    }

    /// Work of one run.
    pub fn cost(&self) -> Cost {
        self.steps.iter().map(|step| step.cost).sum()
    }

    /// Bytes of the arena: activations, gradients, inputs and outputs.
    pub fn arena_bytes(&self) -> usize {
        4 * self.arena
    }

    /// Bytes that stay from step to step: parameters, moments, statistics.
    pub fn state_bytes(&self) -> usize {
        4 * self.states.iter().map(|state| state.shape.elements()).sum::<usize>()
    }

    /// Bytes of constants.
    pub fn constant_bytes(&self) -> usize {
        4 * self.constants.iter().map(|data| data.len()).sum::<usize>()
    }
}
