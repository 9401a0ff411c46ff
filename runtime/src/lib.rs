//! Self-supervised learning with a declared symmetry at a declared layer.
//!
//! A researcher writes an invariance objective or an equivariance regularizer as a function, says at which layer it sits
//! and which group acts there, and gets a plugin that composes with every other one. From declaration to numbers:
//! What works today:
//! - [`data`] reads image folders, CIFAR, IDX files and tar shards, and bundles 10,000 handwritten digits;
//! - [`augment`] makes views of images and says what it did;
//! - [`loader`] makes batches of them in parallel;
//! - [`engine`] is the tensor engine underneath, re-exported whole;
//! - [`cli`] is the command line, shared by the binary `equilayer` and by any program with plugins of its own.
//!
//! | | |
//! |---|---|
//! | [`plugin`] | declared losses: what the attributes `#[objective]` and `#[regularizer]` make |
//! | [`action`] | group actions: one coordinate map moves pixels and tokens alike |
//! | [`loss`] | losses that several methods share |
//! | [`method`](mod@method) | an objective and the regularizers placed beside it |
//! | [`encoder`], [`nn`] | vision transformers, ResNets and the layers they are made of |
//! | [`program`] | a training step as one graph; the gradient guard |
//! | [`config`], [`schedule`] | configurations and numbers that change over training |
//! | [`data`], [`augment`], [`loader`] | images, what is done to them, and batches made ahead of the step |
//! | [`run_directory`], [`checkpoint`], [`metrics`], [`report`] | what a run leaves behind |
//! | [`progress`], [`interrupt`] | what a run says, and how it is stopped |
//! | [`evaluate`] | what features classify, how they move with images, whether they collapsed |
//! | [`compare`], [`sweep`] | runs side by side; a grid of runs |
//! | [`parity`] | reference values of others' code, computed again and compared |
//! | [`train`], [`assess`] | the training loop; the trained encoder beside its baselines |
//! | [`bench`] | training steps of fixed workloads beside what the machine can do |
//! | [`cli`] | the command line, for the binary `equilayer` and for any program with plugins of its own |
//! | [`engine`] | tensors, gradients, executors: the crate underneath, re-exported whole |

pub mod action;
pub mod assess;
mod atomic_file;
pub mod augment;
pub mod bench;
pub mod checkpoint;
pub mod cli;
pub mod compare;
pub mod config;
pub mod data;
pub mod encoder;
pub mod evaluate;
pub mod interrupt;
pub mod loader;
pub mod loss;
#[cfg(doctest)]
mod macro_examples;
pub mod method;
pub mod metrics;
pub mod nn;
pub mod parity;
pub mod plugin;
pub mod prelude;
pub mod program;
pub mod progress;
pub mod report;
pub mod run_directory;
pub mod schedule;
pub mod sweep;
pub mod train;

pub use equilayer_engine as engine;
pub use equilayer_macros::{group_action, method, objective, regularizer};
