//! Reference executions, for tests: slow, simple, and independent of plans and kernels.

mod evaluate;

pub use evaluate::{Values, evaluate};
