//! Training that stops and goes on, bit for bit.
//!
//! A checkpoint is one [safetensors](https://docs.rs/safetensors) file, which any reader of that format opens:
//!
//! ```text
//! header length    u64, little-endian
//! header           JSON; its "__metadata__" has format, version and run, a JSON text of CheckpointInfo
//! states           every state of the program: f32, little-endian, in the order of their names
//! checksum         a last tensor of 4 bytes: CRC-32C of everything before it, little-endian
//! ```
//!
//! Counters are integers in the JSON text: a step beyond 2²⁴ would not survive as an `f32` state.
//!
//! **The checksum comes last**, so that a file is written in one pass, one state in memory at a time, and covers the
//! header too. CRC-32C finds every flipped bit and every burst of up to 32, runs in hardware, and is the checksum that
//! TensorBoard's event files need anyway. It is no protection against malice.
//!
//! **Written whole or not at all**, through a temporary file; see `atomic_file`. **Read whole or not at all**: a torn,
//! corrupt, foreign or newer file is refused before any state changes, and so is one whose names or shapes are not the
//! program's, with the difference spelled out ([`Mismatch`]).
//!
//! [`CheckpointStore`] keeps the last few of a run and the best, and steps back over files that did not survive.

mod error;
mod mismatch;
mod read;
mod store;
#[cfg(test)]
mod tests;
mod write;

use std::collections::BTreeMap;

use equilayer_engine::{Plan, Shape};
use serde::{Deserialize, Serialize};

pub use error::CheckpointError;
pub use mismatch::{Mismatch, Reshaped, Unmatched};
pub use read::Checkpoint;
pub use store::{CheckpointStore, Newest};
pub use write::write;

/// The entry of the header that says whose file it is.
const FORMAT: &str = "equilayer checkpoint";

/// The version written, and the newest that is read.
const VERSION: u32 = 1;

/// Name of the tensor that ends the file, which no state may have.
const CHECKSUM: &str = "__checksum__";

/// Bytes of the checksum.
const CHECKSUM_BYTES: usize = 4;

/// Shapes of states by name.
pub type StateShapes = BTreeMap<String, Shape>;

/// What a run has to remember besides the states of its program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckpointInfo {
    /// The resolved configuration.
    pub config: serde_json::Value,
    /// Optimizer steps done.
    pub step: u64,
    /// Epochs finished.
    pub epoch: u64,
    /// Samples drawn in the epoch under way.
    pub sampler_position: u64,
    /// The number that the best checkpoint is chosen by, larger being better; nothing if none was measured.
    pub score: Option<f64>,
}

/// All states that some plans of one program read or write.
pub fn states_of<'a>(plans: impl IntoIterator<Item = &'a Plan>) -> StateShapes {
    plans.into_iter().flat_map(Plan::states).map(|state| (state.name.clone(), state.shape)).collect()
}
