//! Tensors on luminal graphs that differentiate, compile and run.
//!
//! PAGE

pub mod array;
mod autograd;
mod compile;
pub mod cpu;
mod error;
mod executor;
mod graph;
mod init;
mod layout;
pub mod node;
pub mod ops;
pub mod passes;
pub mod plan;
pub mod random;
pub mod reference;
mod shape;
mod tensor;

pub use compile::CompileOptions;
pub use cpu::{CpuExecutor, CpuOptions};
pub use error::{Error, nearest};
pub use executor::{Executor, Outputs};
pub use graph::Graph;
pub use init::{Init, InitError};
pub use layout::Layout;
pub use ops::{Randomness, Taps, TapsError, Window};
pub use plan::Plan;
pub use shape::{AxisSet, MAX_ELEMENTS, MAX_RANK, Shape};
pub use tensor::Tensor;
