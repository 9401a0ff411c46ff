//! A checking emulator of NVIDIA's PTX: runs what the run-time compiler (NVRTC) emitted on the CPU, and says what is
//! wrong with it.
//!
//! ```text
//! PTX text ─ ptx::parse ─▶ Module: kernels of decoded instructions ─ Launch::run ─▶ results, or one Fault
//! ```
//!
//! **The emulator never guesses.** An opcode, a modifier or an operand that it does not know is an error when a module
//! is parsed, not when it is run: each decoder takes the modifiers it understands, and what is left over is refused.
//!
//! **What is checked**, for each access of each thread: bounds (with red zones between shared variables, and addresses
//! that are never used twice), alignment, reads of memory that nothing wrote, and data races by the rules of CUDA's
//! memory model as far as barriers order it ([`memory::race`]); for each warp and block: barriers that not all threads
//! reach, shuffles from lanes that take no part, member masks that disagree, divisions of integers by zero, and loops
//! without end. A [`Fault`] names the kernel, the block, the thread, the address, the line of PTX and, where the module
//! was compiled with `-lineinfo`, the line of CUDA.
//!
//! **How it is fast.** Everything is decided when a module is parsed: registers are rows of 32 lanes in banks of 32-bit
//! and 64-bit elements, predicates are masks, constants and special registers are rows filled once for each warp. An
//! instruction then is one loop over 32 lanes, compiled for the widest vectors of the machine. An access to memory by
//! a whole warp that is contiguous or uniform is checked as one.
//!
//! **Order.** Blocks run one after another and warps in turns, each until it has to wait, so that a run gives the same
//! bits and the same fault each time. [`Options::seed`] shuffles the order of blocks and warps, which CUDA leaves open.
//!
//! **What it cannot show**: what `ptxas` makes of the text, timing, reordering of memory beyond the check for races,
//! and the last bits of approximate instructions, which here are ideal unless [`Options::noise`] is set.
//!
//! The meaning of every instruction is that of NVIDIA's *PTX ISA* reference, version 8.8.

mod execute;
mod fault;
pub mod memory;
mod module;
mod operation;
pub mod ptx;

pub use execute::{Launch, Options, Statistics};
pub use fault::{Fault, FaultKind, Space};
pub use memory::{Heap, HeapError, Usage};
pub use module::{GlobalVariable, Kernel, Module, Parameter, SharedVariable, SourceLine};
pub use ptx::{ParseError, parse};
