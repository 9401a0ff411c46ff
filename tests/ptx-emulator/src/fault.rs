//! What the emulator reports.

use std::fmt;

use crate::module::SourceLine;

/// A state space, as far as a report tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// Device memory, module variables included.
    Global,
    /// Shared memory of a block, with a size known to the compiler.
    Shared,
    /// Shared memory of a block, sized by the launch.
    DynamicShared,
    /// A thread's own memory.
    Local,
    /// A kernel's parameters.
    Parameter,
}

impl fmt::Display for Space {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Global => "global",
            Self::Shared => "shared",
            Self::DynamicShared => "dynamic shared",
            Self::Local => "local",
            Self::Parameter => "parameter",
        })
    }
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultKind {
    /// An access outside any memory of its space.
    #[error("{space} memory out of bounds: {access} of {bytes} bytes at {address:#x}: {explanation}")]
    OutOfBounds {
        /// Where the access went.
        space: Space,
        /// "read", "write" or "atomic".
        access: &'static str,
        /// The first byte.
        address: u64,
        /// How many bytes.
        bytes: usize,
        /// What lies near.
        explanation: String,
    },
    /// An address that is no multiple of the access' size.
    #[error("misaligned {access} of {bytes} bytes at {address:#x}")]
    Misaligned {
        /// "read", "write" or "atomic".
        access: &'static str,
        /// The first byte.
        address: u64,
        /// How many bytes.
        bytes: usize,
    },
    /// A read of bytes that nothing wrote.
    #[error("read of uninitialised {space} memory at {address:#x}{}", in_variable(.variable))]
    Uninitialised {
        /// Where the access went.
        space: Space,
        /// The first byte.
        address: u64,
        /// The shared variable or allocation it lies in.
        variable: Option<String>,
    },
    /// Two accesses of one place that nothing orders, not both reads.
    #[error("{kind} race on {space} memory at {address:#x}{} with {other}", in_variable(.variable))]
    Race {
        /// "read-after-write", "write-after-write" or "write-after-read".
        kind: &'static str,
        /// Where both accesses went.
        space: Space,
        /// The first byte of the later access.
        address: u64,
        /// The shared variable or allocation it lies in.
        variable: Option<String>,
        /// The thread of the earlier access, as far as it is known.
        other: String,
    },
    /// A write to constant memory.
    #[error("write to constant memory at {address:#x}")]
    ReadOnly {
        /// The first byte.
        address: u64,
    },
    /// A barrier of the block that not all its threads reach together.
    #[error("barrier divergence: {explanation}")]
    BarrierDivergence {
        /// Which threads are where.
        explanation: String,
    },
    /// A warp-wide instruction whose lanes do not fit its member mask.
    #[error("warp divergence: {explanation}")]
    WarpDivergence {
        /// Which lanes are missing.
        explanation: String,
    },
    /// A division of integers by zero.
    #[error("integer division by zero")]
    DivisionByZero,
    /// The kernel executed `trap`.
    #[error("trap")]
    Trap,
    /// More instructions than [`Options::step_limit`](crate::Options::step_limit).
    #[error("no end after {steps} warp instructions: a runaway loop, or a lock that spins")]
    StepLimit {
        /// The limit.
        steps: u64,
    },
    /// A grid or block that no device takes.
    #[error("{0}")]
    Configuration(String),
}

fn in_variable(variable: &Option<String>) -> String {
    variable.as_ref().map(|name| format!(" ({name})")).unwrap_or_default()
}

/// A mistake in a kernel, found while it ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What went wrong.
    pub kind: FaultKind,
    /// The kernel's name.
    pub kernel: String,
    /// `blockIdx` of the thread.
    pub block: [u32; 3],
    /// `threadIdx` of the thread; of the first thread of the warp where all of it is at fault.
    pub thread: [u32; 3],
    /// The line of PTX, counted from 1; 0 where no instruction is at fault.
    pub ptx_line: u32,
    /// The line of CUDA the instruction came from, if the module was compiled with `-lineinfo`.
    pub source: Option<SourceLine>,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, kernel, block: [bx, by, bz], thread: [x, y, z], ptx_line, source } = self;
        write!(formatter, "kernel {kernel}, block ({bx},{by},{bz}), thread ({x},{y},{z})")?;
        if *ptx_line > 0 {
            write!(formatter, ", PTX line {ptx_line}")?;
        }
        if let Some(source) = source {
            write!(formatter, ", {source}")?;
        }
        write!(formatter, ": {kind}")
    }
}

impl std::error::Error for Fault {}
