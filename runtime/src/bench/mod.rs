//! Benchmarks: training steps of fixed workloads, measured beside what the machine can do.
//!
//! A [`Workload`] names a model, a batch and what is done with it; it is prepared as [`Work`], which makes the plan and
//! the inputs of one step after the other, on images of random numbers: decoding and augmentation are no part of it, the
//! group actions of a split are. [`measure`] runs several works in turn, so that a machine that drifts drifts for all of
//! them alike, and keeps the times of all steps: what is quoted is the median.
//!
//! **Work** is counted from the plan: floating-point operations of matrix products, as PyTorch's counter counts them,
//! so that rates are comparable. **The roofline** of a step is the time that these take at the machine's measured rate of
//! multiply-adds; that of a kernel is the longer of that time for all its operations and of the time that its operands
//! take at the measured bandwidth. **Memory** is the process's peak while a workload is prepared and run.
//!
//! | | |
//! |---|---|
//! | [`Machine`] | cores, instructions, measured rates |
//! | [`Workload`], [`Work`] | what is run |
//! | [`measure`], [`Times`] | how often, and how long it took |
//! | [`Profile`], [`trace`] | time by kernel and by part of the model; a timeline |
//! | [`growth`] | how cost grows with the batch and with tokens |
//! | `GpuEstimate` | a step on a GPU that is not there, with the feature `cuda` |
//! | [`Loading`] | views of images in files: the one measure that decodes and augments |

mod error;
#[cfg(feature = "cuda")]
mod estimate;
pub mod growth;
mod loading;
mod machine;
mod measure;
pub mod memory;
mod method;
mod profile;
mod record;
pub mod trace;
mod work;
mod workload;

pub use error::BenchError;
#[cfg(feature = "cuda")]
pub use estimate::{EstimateRow, GpuEstimate};
pub use loading::{Loading, VIEWS};
pub use machine::Machine;
pub use measure::{Measured, Times, measure};
pub use profile::{Profile, Row};
pub use record::{Comparison, Record};
pub use work::{ProfiledStep, Ran, Work};
pub use workload::{Grids, Setup, Workload};
