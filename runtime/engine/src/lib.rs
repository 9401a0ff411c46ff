//! Tensors on [luminal](https://docs.rs/luminal) graphs that differentiate, compile and run.
//!
//! A program is written once as a graph: parameters, inputs, operators, a loss, its gradients, an optimizer. Passes
//! rewrite the graph, a planner turns it into a flat list of kernels over one block of memory, and an executor runs
//! that list as often as wanted, holding the state (parameters, moments, running statistics) between runs.
//!
//! ```
//! use equilayer_engine::{CompileOptions, CpuExecutor, CpuOptions, Executor, Graph, Init};
//!
//! # fn main() -> Result<(), equilayer_engine::Error> {
//! let graph = Graph::new();
//! let x = graph.input("x", [4, 3]);
//! let w = graph.parameter("w", [3, 1], Init::Constant(0.25));
//! let loss = (x.matmul(&w) - 1.0).square().mean_all();
//! let gradient = &graph.gradients(&loss, &[w.clone()])?[0];
//! graph.assign(&w, &(&w - gradient * 0.1));
//! graph.output("loss", &loss);
//!
//! let plan = graph.compile(&CompileOptions::new())?;
//! let mut executor = CpuExecutor::new(CpuOptions::default())?;
//! let x = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0];
//! let first = executor.run(&plan, &[("x", &x)])?.scalar("loss")?;
//! let second = executor.run(&plan, &[("x", &x)])?.scalar("loss")?;
//! assert!(second < first);
//! # Ok(())
//! # }
//! ```
//!
//! # Design
//!
//! **luminal is the intermediate representation, and only that.** [`Graph`] owns a boxed `luminal::Graph` and adds
//! nodes of one operator type, [`node::Node`], through `add_op`. luminal's typed front end, its CPU compiler and its
//! serializers are left alone: in the published version they give wrong results for permuted reductions, sliced
//! products and comparisons. What stays is worth it: luminal's passes and ours speak one interface, its interpreter
//! runs our nodes, and a graph of ours can be lowered to its twelve primitives as a second opinion.
//!
//! **Operators are data.** One file each under [`ops`], one row each in a table: shape rule, `f64` reference,
//! gradient, decomposition, cost. Executors match on the table exhaustively, so an operator without a kernel does not
//! compile.
//!
//! **Building never panics.** A call that makes no sense is recorded with the user's line and reported by
//! [`Graph::check`] and [`Graph::compile`]; see [`Graph`].
//!
//! **Views cost nothing.** Permuting, slicing, flipping and repeating are nodes of the graph and strides in the plan.
//! The gradient of a sum is a view; nothing is materialised until two gradients of one tensor meet.
//!
//! **Shapes are numbers.** A graph for other shapes is another graph, built by the same code; building is fast, and a
//! cache keeps the plans. State belongs to the executor under its name, so plans of several shapes train one model.
//!
//! **The same bits for any number of threads.** Kernels cut their work by shapes alone and combine parts in order.
//!
//! # Where to look
//!
//! | | |
//! |---|---|
//! | [`Graph`], [`Tensor`] | building |
//! | [`ops`] | the operators |
//! | `autograd` | [`Graph::gradients`] |
//! | [`passes`] | rewrites of the graph |
//! | [`plan`] | layouts, schedule, memory |
//! | [`cpu`] | kernels and the executor |
//! | `cuda` | the same plans on a GPU, with the feature of that name |
//! | [`profile`] | where the time goes |
//! | [`mod@reference`] | slow executions to test against |

pub mod array;
mod autograd;
mod axes;
mod cache;
mod compile;
pub mod cpu;
#[cfg(feature = "cuda")]
pub mod cuda;
mod device;
mod error;
mod executor;
mod graph;
mod init;
mod interop;
mod layout;
pub mod node;
pub mod ops;
pub mod optim;
pub mod passes;
pub mod plan;
pub mod profile;
pub mod random;
pub mod reference;
mod shape;
mod tensor;

pub use cache::PlanCache;
pub use compile::CompileOptions;
pub use cpu::{CpuExecutor, CpuOptions};
#[cfg(feature = "cuda")]
pub use cuda::{CudaExecutor, CudaOptions};
pub use device::{DeviceChoice, DeviceExecutor, Precision, device_list};
pub use error::{Error, nearest};
pub use executor::{Executor, Outputs, Started};
pub use graph::Graph;
pub use init::{Init, InitError, InitProblem, TRUNCATION};
pub use layout::Layout;
pub use ops::{Randomness, Taps, TapsError, Window};
pub use plan::Plan;
pub use shape::{AxisSet, MAX_ELEMENTS, MAX_RANK, Shape};
pub use tensor::Tensor;
