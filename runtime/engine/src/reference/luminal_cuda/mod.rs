//! The published crate `luminal_cuda` as an executor, for comparison and as another opinion.
//!
//! A graph is lowered to luminal's primitives, as for its interpreter, and luminal_cuda gives each a kernel of its
//! own. Only the pass that does that is used. Its others recognise products, subtractions and comparisons in the
//! primitives; on the CPU their twins give wrong results (`tests/honest_luminal.rs`), and here nobody has checked.
//!
//! luminal_cuda panics where CUDA is not what it expects. What it will look for is looked for first, and said in
//! words; what still panics becomes an error.

mod symbols;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use luminal::prelude::{Compiler, NodeIndex};
use luminal_cuda::CudaCompiler;

use self::symbols::{DRIVER, NVRTC};
use super::Values;
use super::lower::lower;
use crate::error::Error;
use crate::executor::Outputs;
use crate::graph::Graph;

/// Where luminal_cuda 0.2.0 looks for CUDA's headers, whatever the machine: the path is written into its kernels.
const HEADER: &str = "/usr/local/cuda/include/cuda_fp16.h";

/// Whether luminal_cuda can run here.
///
/// # Errors
/// What is missing, what it was looked for as, and the remedy.
pub fn luminal_cuda_is_usable() -> Result<(), Error> {
    for library in [&DRIVER, &NVRTC] {
        if !library.is_there() {
            let names = library.names.join(", ");
            return Err(unusable(format!("{} is missing: none of {names} opens; install it", library.title)));
        }
    }
    if !Path::new(HEADER).is_file() {
        return Err(unusable(format!(
            "{HEADER} is missing, and it looks nowhere else; put CUDA's headers there"
        )));
    }
    symbols::first_device()
        .map_err(|code| unusable(format!("the driver offers no device (its error {code}); see `nvidia-smi`")))
}

/// Evaluates all outputs and assignments of a graph with luminal_cuda's kernels, in `f32`, given its inputs and
/// states by name; otherwise like [`interpret`](super::interpret).
///
/// # Errors
/// What [`interpret`](super::interpret) reports; operators that luminal's primitives cannot express, by name; a
/// machine that luminal_cuda cannot use; a tensor without elements; what it gave up on.
pub fn interpret_on_cuda(graph: &Graph, given: &Values) -> Result<Outputs, Error> {
    graph.check()?;
    let mut lowered = lower(graph);
    let kept: Vec<&str> = lowered.undecomposed().collect();
    if !kept.is_empty() {
        let operators = kept.join(", ");
        return Err(Error::Luminal(format!(
            "luminal_cuda has no kernel for {operators}, which luminal's primitives cannot express; \
             run this graph elsewhere"
        )));
    }
    if lowered.has_empty() {
        return Err(unusable("it allocates every tensor, and CUDA allocates no empty ones".into()));
    }
    luminal_cuda_is_usable()?;
    let run = AssertUnwindSafe(|| {
        lowered.luminal.to_retrieve.extend(lowered.results.iter().map(|&(_, node)| node));
        let moved: Vec<&mut NodeIndex> = lowered.results.iter_mut().map(|(_, node)| node).collect();
        let (primitives, ..) = CudaCompiler::<f32>::default();
        primitives.compile(&mut lowered.luminal, moved);
        lowered.run(given)
    });
    catch_unwind(run).unwrap_or_else(|panic| Err(unusable(words(&*panic))))
}

fn unusable(detail: String) -> Error {
    Error::Luminal(format!("luminal_cuda: {detail}"))
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    format!("it gave up: {}", text.unwrap_or("no reason given"))
}
