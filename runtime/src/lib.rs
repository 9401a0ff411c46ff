//! Self-supervised learning with a declared symmetry at a declared layer.
//!
//! What works today:
//! - [`data`] reads IDX files and bundles 10,000 handwritten digits;
//! - [`engine`] is the tensor engine underneath, re-exported whole;
//! - [`cli`] is the command line, shared by the binary `equilayer` and by any program with plugins of its own.
//!
//! - [`action`] moves pixels and tokens by one coordinate map;
//! - [`nn`] and [`encoder`] hold layers and the vision transformer.
//!
//! Grids and group actions, the plugin model, training and evaluation will live here too.

pub mod action;
mod atomic_file;
pub mod checkpoint;
pub mod cli;
pub mod data;
pub mod encoder;
pub mod interrupt;
pub mod metrics;
pub mod nn;
pub mod progress;
pub mod report;
pub mod run_directory;
pub mod schedule;

pub use equilayer_engine as engine;
