//! Self-supervised learning with a declared symmetry at a declared layer.
//!
//! What works today:
//! - [`data`] reads image folders, CIFAR, IDX files and tar shards, and bundles 10,000 handwritten digits;
//! - [`augment`] makes views of images and says what it did;
//! - [`loader`] makes batches of them in parallel;
//! - [`engine`] is the tensor engine underneath, re-exported whole;
//! - [`cli`] is the command line, shared by the binary `equilayer` and by any program with plugins of its own.
//!
//! - [`action`] moves pixels and tokens by one coordinate map;
//! - [`nn`] and [`encoder`] hold layers and the vision transformer.
//!
//! Grids and group actions, the plugin model, training and evaluation will live here too.

pub mod action;
pub mod augment;
pub mod cli;
pub mod data;
pub mod encoder;
pub mod loader;
pub mod nn;

pub use equilayer_engine as engine;
