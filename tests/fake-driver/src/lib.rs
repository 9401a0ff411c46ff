//! A CUDA driver without a GPU: what `cudarc` loads as `libcuda.so`, `libcublas.so` and `libcublasLt.so`.
//!
//! ```text
//! unmodified cudarc ─ dlopen ─▶ entry points (api/, blas/) ─▶ State: streams, events, graphs, memory ─▶ PTX emulator
//! test ─ install(), Session ──────────────────────────────────▲ options, injected failures, counters
//! ```
//!
//! [`install`] loads the shared object that this crate is also built as, under the names that `cudarc` looks for; after
//! that, code under test finds "a GPU". A [`Session`] gives one test the device for itself, fresh.
//!
//! **Streams are lazy.** Work runs only when something waits for it: a missing synchronization or event shows as data
//! that nothing wrote, each time, and not by luck. Copies of pageable memory behave as documented (a source is read
//! before the call returns, a destination is complete when it returns); those of pinned memory run when they are due.
//!
//! **Errors stick**, as they do in a context: after an illegal access every call says so.
//! [`Session::reports`] has what the emulator found, with thread, address and lines.
//!
//! **Failures can be injected** at any call: [`Session::fail`].
//!
//! **What it is not.** Entry points and their order of checks follow NVIDIA's documentation of the driver API and
//! cuBLAS; nothing here was compared with a real driver. Products of matrices are summed in f64 and rounded once; a
//! GPU's are not so good.

mod api;
mod blas;
mod install;
mod module;
mod session;
mod state;
mod status;
mod stream;
mod work;

pub use equilayer_ptx_emulator::{Statistics, Usage};
pub use install::{InstallError, install};
pub use session::{Counters, Failure, Order, Session, Settings};
pub use status::Status;
