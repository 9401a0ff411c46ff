//! Reference executions, for tests: slow, simple, and independent of plans and kernels.

mod evaluate;
mod lower;
mod luminal;

pub use evaluate::{Values, evaluate};
pub use lower::{Lowered, lower, undecomposed};
pub use luminal::interpret;
