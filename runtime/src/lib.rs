//! Self-supervised learning with a declared symmetry at a declared layer.
//!
//! What works today:
//! - [`data`] reads IDX files and bundles 10,000 handwritten digits;
//! - [`engine`] is the tensor engine underneath, re-exported whole;
//! - [`cli`] is the command line, shared by the binary `equilayer` and by any program with plugins of its own.
//!
//! - [`action`] moves pixels and tokens by one coordinate map;
//! - [`nn`] and [`encoder`] hold layers, vision transformers and ResNets.
//!
//! Grids and group actions, the plugin model, training and evaluation will live here too.

pub mod action;
pub mod cli;
pub mod data;
pub mod encoder;
mod files;
pub mod nn;

pub use equilayer_engine as engine;
