//! The CUDA executor: the same plans on an NVIDIA GPU.
//!
//! # Design
//!
//! **A plan is lowered before there is a device.** [`lower`] turns each step into tasks: kernels in CUDA C, matrix
//! products as numbers, copies. All of it is data, so estimates and tests on machines without a GPU see exactly what a
//! GPU would run. The match over operators is exhaustive: one without a kernel does not compile.
//!
//! **Kernels are written for the plan.** Lengths, strides and views are numbers in their text: divisions become
//! multiplications, loops unroll, and a view costs nothing. Kernels of one text are one kernel, named after their
//! operator and a hash of the text. They include no header, as a machine that runs them may have none. NVRTC compiles
//! them for the device's own architecture, many at a time on several threads, and the result is kept on disk
//! ([`KernelCache`]).
//!
//! **Matrix products are cuBLASLt's**, in true `f32` unless a [`Precision`](crate::Precision) of less is asked for, where the layouts have its form; a bias is
//! added on the way. Anything else (a flipped operand, a batch that lies innermost, a convolution) is a tiled kernel
//! of ours. What is done to every element of a product otherwise follows as one elementwise kernel, in place.
//!
//! **With products of bfloat16, what they take is kept in 16 bits** (`storage`): activations and gradients on their way to
//! a product or attention, and what shares their memory. Weights are rounded each time. The plan knows nothing of it:
//! lowering places its buffers anew, and kernels name the type of what they point to; a `bf16` reads as a `float`.
//!
//! **Everything else is `f32` and in a fixed order.** Reductions are cut by shapes alone and joined by a second kernel;
//! what is added by index is gathered by the element that receives it. There are no atomics: every run has the same
//! bits on one device. Random draws are the CPU's words. Only normal draws use `f64`, as on the CPU.
//!
//! **Attention and dense InfoNCE never hold their score matrices**: attention passes tiles through shared memory,
//! InfoNCE passes blocks of anchors through scratch memory. Where factors may be bfloat16, attention's are: its products
//! run on the tensor cores, its softmax, sums and statistics stay `f32` (FlashAttention-2, Dao, arXiv 2307.08691). That
//! is so for heads of a multiple of 16 up to 128; others, and [`Tf32`](crate::Precision::Tf32), take the kernels in `f32`.
//!
//! **Memory**: one arena and one scratch area, as large as the neediest plan so far; one allocation a state and one for
//! the constants of each plan. All work is put on one stream. The first run of a plan goes task by task; the second is
//! recorded as a CUDA graph, and every later one is a single launch. The next run's inputs may be sent meanwhile: a second
//! stream copies them from pinned memory of the host to a place of their own.
//!
//! **Nothing of CUDA is needed to build.** `cudarc` loads the driver, NVRTC and cuBLASLt when the first executor is made.
//! What is missing is said in one error with its remedy ([`DeviceError`]).
//!
//! | | |
//! |---|---|
//! | [`lower`], [`task`], [`product`], `storage` | plans as tasks and places; no device |
//! | [`compile`], [`KernelCache`], [`resources()`] | text to machine code, and what that takes |
//! | `device`, `memory`, `kernels`, `blas` | the device's side, each owning what it must free |
//! | `executor`, `run`, `staging`, `clock` | state and plans; a run, the inputs of the next, how long it took |
//! | [`estimate`] | how long a plan may take on a GPU that is not there |

mod blas;
mod clock;
pub mod compile;
mod device;
mod error;
pub mod estimate;
mod executor;
mod kernel_cache;
mod kernels;
mod library;
pub mod lower;
mod memory;
pub mod product;
mod resources;
mod run;
mod staging;
mod storage;
pub mod task;

pub use device::{DeviceInfo, devices};
pub use error::DeviceError;
pub use executor::{CudaExecutor, CudaOptions};
pub use kernel_cache::KernelCache;
pub use kernels::translation_unit;
pub use resources::{Resources, resources};
