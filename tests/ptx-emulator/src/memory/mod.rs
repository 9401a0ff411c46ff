//! Memory that remembers: which bytes were written, and by whom each place was last touched.
//!
//! A [`region::Region`] is one piece of memory (an allocation, a block's shared memory, a warp's local memory) with its
//! record of writes; [`race`] says when two accesses are ordered; [`heap::Heap`] is device memory, made of regions.

pub(crate) mod heap;
pub mod race;
pub(crate) mod region;

pub use heap::{Heap, HeapError, Usage};
