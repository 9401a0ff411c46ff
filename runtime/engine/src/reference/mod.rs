//! Reference executions, for tests: slow, simple, and independent of plans and kernels.

mod evaluate;
mod lower;
mod luminal;
#[cfg(feature = "luminal-cuda")]
mod luminal_cuda;

pub use evaluate::{Constants, Values, constants, evaluate, evaluate_holding};
pub use lower::{Lowered, lower, undecomposed};
pub use luminal::interpret;
#[cfg(feature = "luminal-cuda")]
pub use luminal_cuda::{interpret_on_cuda, luminal_cuda_is_usable};
