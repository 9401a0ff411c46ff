//! A parsed module: kernels of decoded instructions, and the variables they share.

use std::collections::HashMap;
use std::fmt;

use crate::operation::Instruction;

/// Where generic addresses of shared memory begin: far from the heap and from each other.
pub(crate) const SHARED_WINDOW: u64 = 0x0100_0000_0000;
/// Where generic addresses of local memory begin.
pub(crate) const LOCAL_WINDOW: u64 = 0x0200_0000_0000;
/// The size of either window.
pub(crate) const WINDOW_BYTES: u64 = 0x0100_0000_0000;
/// The first address of a module's `.global` and `.const` variables.
pub(crate) const VARIABLES_BASE: u64 = 0x0300_0000_1000;
/// The first address of shared variables in their own space: 0 stays invalid, and so finds null pointers.
pub(crate) const SHARED_BASE: u64 = 0x400;
/// The address of dynamic shared memory in its own space.
pub(crate) const DYNAMIC_SHARED_BASE: u64 = 0x40_0000;
/// Bytes that belong to nothing between two shared variables.
pub(crate) const RED_ZONE: u64 = 64;
/// The first address of a thread's local variables.
pub(crate) const LOCAL_BASE: u64 = 16;

/// A line of the text a module was compiled from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceLine {
    /// The file's name, as the compiler was told.
    pub file: String,
    /// Counted from 1.
    pub line: u32,
    /// Counted from 1.
    pub column: u32,
}

impl fmt::Display for SourceLine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// One parameter of a kernel, and where it lies in the block of all parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Bytes from the first parameter.
    pub offset: usize,
    /// Bytes it takes.
    pub bytes: usize,
}

/// A `__shared__` variable whose size the compiler knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedVariable {
    /// Its name in the PTX.
    pub name: String,
    /// Its first address in the shared space.
    pub address: u64,
    /// Its size.
    pub bytes: u64,
}

/// A `__device__` or `__constant__` variable of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GlobalVariable {
    /// Its name in the PTX.
    pub name: String,
    /// Its address.
    pub address: u64,
    /// Its size.
    pub bytes: u64,
    /// Its first bytes; the rest is zero.
    pub initial: Vec<u8>,
    /// Whether kernels may not write it.
    pub constant: bool,
}

/// What fills a row of registers when a warp begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Special {
    Thread(u8),
    BlockSize(u8),
    Block(u8),
    GridSize(u8),
    Lane,
    Warp,
    WarpCount,
    LaneMaskEqual,
    LaneMaskLess,
    LaneMaskLessEqual,
    LaneMaskGreater,
    LaneMaskGreaterEqual,
    DynamicSharedBytes,
}

/// How many registers of each kind a kernel has, and what the first ones of them hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct RegisterPlan {
    /// Rows of 32-bit registers; 8-bit and 16-bit ones too, with zeros above.
    pub words: u32,
    /// Rows of 64-bit registers.
    pub longs: u32,
    /// Predicates, one mask each.
    pub predicates: u32,
    pub word_constants: Vec<(u32, u32)>,
    pub long_constants: Vec<(u32, u64)>,
    pub specials: Vec<(u32, Special)>,
}

/// A kernel, decoded.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// Its name: that of the `extern "C"` function.
    pub name: String,
    /// Its parameters, in order.
    pub parameters: Vec<Parameter>,
    /// Bytes of all parameters together.
    pub parameter_bytes: usize,
    /// Its shared variables, in order of address.
    pub shared: Vec<SharedVariable>,
    /// The most threads a block may have, by `__launch_bounds__`.
    pub max_threads: Option<u32>,
    pub(crate) registers: RegisterPlan,
    pub(crate) code: Vec<Instruction>,
    /// Addresses of shared variables end here.
    pub(crate) shared_end: u64,
    pub(crate) local_bytes: usize,
    pub(crate) sources: Vec<SourceLine>,
}

impl Kernel {
    /// Bytes of shared memory that every block takes.
    pub fn shared_bytes(&self) -> u64 {
        self.shared.iter().map(|variable| variable.bytes).sum()
    }

    /// How many instructions it has.
    pub fn len(&self) -> usize {
        self.code.len()
    }

    /// Whether it has no instruction.
    pub fn is_empty(&self) -> bool {
        self.code.is_empty()
    }
}

/// A parsed module.
#[derive(Clone, Debug, Default)]
pub struct Module {
    /// The kernels, by name.
    pub kernels: HashMap<String, Kernel>,
    /// Variables with addresses of their own; to be mapped by [`Heap::map`](crate::Heap::map) before a launch.
    pub variables: Vec<GlobalVariable>,
    /// The `.target`: "sm_80".
    pub target: String,
    /// The `.version` of the PTX: "8.8".
    pub version: String,
}
