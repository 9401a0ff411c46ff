//! What a plan becomes before there is a device: kernels as text, matrix products as numbers, and copies.

use std::sync::Arc;

use super::product::Product;

/// A piece of memory whose place is known once a device holds the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// What it lies in.
    pub region: Region,
    /// Elements from the region's start, all of them of this kind.
    pub offset: usize,
    /// What lies there.
    pub number: Number,
}

/// What an element of memory is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Number {
    /// An `f32`.
    #[default]
    F32,
    /// The upper half of an `f32`: bfloat16.
    Bf16,
}

impl Number {
    /// Bytes that one takes.
    pub fn bytes(self) -> usize {
        match self {
            Number::F32 => 4,
            Number::Bf16 => 2,
        }
    }

    /// Its type in kernels.
    pub fn name(self) -> &'static str {
        match self {
            Number::F32 => "float",
            Number::Bf16 => "bf16",
        }
    }
}

/// What a plan's memory is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Region {
    /// The plan's arena.
    Arena,
    /// The state with this number.
    State(usize),
    /// The constant with this number.
    Constant(usize),
    /// What a step needs for itself; nothing in it outlives the step.
    Scratch,
}

impl Address {
    /// The place `elements` further on.
    pub fn plus(self, elements: usize) -> Address {
        Address { offset: self.offset + elements, ..self }
    }

    /// Bytes from the region's start.
    pub fn bytes(self) -> usize {
        self.offset * self.number.bytes()
    }
}

/// A kernel in CUDA C.
#[derive(Debug, PartialEq, Eq)]
pub struct Kernel {
    /// Its operator and a hash of its text: kernels of one name are one kernel.
    pub name: String,
    /// The whole function.
    pub source: String,
    /// Threads of a block.
    pub threads: u32,
    /// Whether its operations are the tensor cores', on bfloat16.
    pub tensor_cores: bool,
}

/// One thing for the device to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Task {
    /// Runs a kernel.
    Launch(Launch),
    /// Multiplies matrices with cuBLASLt.
    Product(Box<Product>),
    /// Copies elements that do not overlap.
    Copy {
        /// Where they are.
        from: Address,
        /// Where they shall be.
        to: Address,
        /// How many there are.
        elements: usize,
    },
}

impl Task {
    /// A product of matrices.
    pub fn product(product: Product) -> Task {
        Task::Product(Box::new(product))
    }
}

/// A kernel with its grid and arguments.
#[derive(Clone, Debug, PartialEq)]
pub struct Launch {
    /// The kernel.
    pub kernel: Arc<Kernel>,
    /// Blocks.
    pub blocks: u32,
    /// What its pointers point to, in order.
    pub arguments: Vec<Address>,
}

/// A plan as tasks, step by step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lowered {
    /// The tasks of each of the plan's steps.
    pub steps: Vec<Vec<Task>>,
    /// Elements of scratch memory that the neediest step takes, in `f32`.
    pub scratch: usize,
    /// Elements of the arena, in `f32`.
    pub arena: usize,
    /// Where each of the plan's buffers starts.
    pub buffers: Vec<Address>,
}

impl Lowered {
    /// Every kernel once, in the order of first use.
    pub fn kernels(&self) -> Vec<Arc<Kernel>> {
        let mut seen = rustc_hash::FxHashSet::default();
        let launches = self.steps.iter().flatten().filter_map(|task| match task {
            Task::Launch(launch) => Some(&launch.kernel),
            Task::Product(_) | Task::Copy { .. } => None,
        });
        launches.filter(|kernel| seen.insert(kernel.name.clone())).cloned().collect()
    }
}
