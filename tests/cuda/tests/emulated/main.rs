//! The emulated GPU itself: is it one? Real NVRTC compiles, unmodified cudarc launches, the host knows the answers.

mod device;
mod failures;
mod functions;
mod graphs;
mod kernels;
mod matrices;
mod planted;
mod products;
