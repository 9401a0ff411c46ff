//! One step being lowered: its operands, and the tasks it becomes.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::cuda::task::{Address, Kernel, Launch, Number, Region, Task};
use crate::device::Precision;
use crate::layout::Layout;
use crate::random::fnv1a;
use crate::shape::Shape;

/// Threads of a block where each makes one element.
pub const THREADS: u32 = 256;

/// An input.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// Its first element.
    pub address: Address,
    /// Where its elements lie, counted from the first.
    pub layout: Layout,
}

/// An output: row-major.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its first element.
    pub address: Address,
    /// Its shape.
    pub shape: Shape,
}

impl Source {
    /// A row-major tensor.
    pub fn dense(address: Address, shape: Shape) -> Source {
        Source { address, layout: Layout::contiguous(shape) }
    }

    /// Its shape.
    pub fn shape(&self) -> Shape {
        *self.layout.shape()
    }
}

impl Target {
    /// The same memory, to be read.
    pub fn source(&self) -> Source {
        Source::dense(self.address, self.shape)
    }
}

/// A step's operands and what becomes of it.
pub struct Call {
    /// What is read.
    pub inputs: Vec<Source>,
    /// What is written.
    pub outputs: Vec<Target>,
    /// What products are made of.
    pub precision: Precision,
    /// The tasks so far.
    pub tasks: Vec<Task>,
    /// Elements of scratch memory taken so far, in `f32`.
    pub scratch: usize,
}

impl Call {
    /// Scratch memory for this step, from a cache line on.
    pub fn scratch(&mut self, elements: usize) -> Address {
        self.scratch_of(Number::F32, elements)
    }

    /// The same for numbers of any kind.
    pub fn scratch_of(&mut self, number: Number, elements: usize) -> Address {
        let (bytes, wide) = (number.bytes(), Number::F32.bytes());
        let address = Address { region: Region::Scratch, offset: self.scratch * wide / bytes, number };
        self.scratch += (elements * bytes).div_ceil(wide).next_multiple_of(64);
        address
    }

    /// A kernel in the making.
    pub fn kernel(&mut self, operator: &str) -> KernelBuilder<'_> {
        KernelBuilder {
            call: self,
            operator: operator.into(),
            parameters: Vec::new(),
            arguments: Vec::new(),
            threads: THREADS,
            resident: None,
            tensor_cores: false,
        }
    }

    /// Fills memory with zeros.
    pub fn clear(&mut self, address: Address, elements: usize) {
        self.kernel("clear").writes("y", address).each(elements, "y[i] = 0.0f;\n");
    }
}

/// A kernel that is given its parameters, then its body.
pub struct KernelBuilder<'c> {
    call: &'c mut Call,
    operator: String,
    parameters: Vec<String>,
    arguments: Vec<Address>,
    threads: u32,
    resident: Option<u32>,
    tensor_cores: bool,
}

impl KernelBuilder<'_> {
    /// A pointer to what is only read, and written by nobody meanwhile.
    pub fn reads(mut self, name: &str, address: Address) -> Self {
        self.parameters.push(format!("const {}* __restrict__ {name}", address.number.name()));
        self.arguments.push(address);
        self
    }

    /// A pointer to what is only written.
    pub fn writes(mut self, name: &str, address: Address) -> Self {
        self.parameters.push(format!("{}* __restrict__ {name}", address.number.name()));
        self.arguments.push(address);
        self
    }

    /// A pointer to memory that another parameter may point to as well.
    pub fn shares(mut self, name: &str, address: Address) -> Self {
        self.parameters.push(format!("{}* {name}", address.number.name()));
        self.arguments.push(address);
        self
    }

    /// Threads of a block.
    pub fn threads(mut self, threads: u32) -> Self {
        self.threads = threads;
        self
    }

    /// Blocks that a multiprocessor shall have room for: the compiler gives threads the registers that this leaves, where
    /// it would rather spill some to make room for more.
    pub fn resident(mut self, blocks: u32) -> Self {
        self.resident = Some(blocks);
        self
    }

    /// Its operations are the tensor cores', on bfloat16.
    pub fn tensor_cores(mut self) -> Self {
        self.tensor_cores = true;
        self
    }

    /// Runs `body` for every `i` below `elements`.
    pub fn each(self, elements: usize, body: &str) {
        let threads = self.threads;
        let head = format!(
            "    const unsigned i = blockIdx.x * {threads}u + threadIdx.x;\n    if (i >= {elements}u) return;\n"
        );
        self.launch(elements.div_ceil(threads as usize), &(head + body));
    }

    /// Runs `body` in every thread of this many blocks; nothing where there are none.
    pub fn launch(self, blocks: usize, body: &str) {
        if blocks == 0 {
            return;
        }
        let (threads, tensor_cores, parameters) =
            (self.threads, self.tensor_cores, self.parameters.join(", "));
        let bounds = self.resident.map_or(threads.to_string(), |blocks| format!("{threads}, {blocks}"));
        let identity = format!("{bounds} {parameters} {body}");
        let name = format!("{}_{:016x}", identifier(&self.operator), fnv1a(identity.as_bytes()));
        let mut source = String::new();
        // Writing to a string does not fail.
        let _ = writeln!(
            source,
            "extern \"C\" __global__ void __launch_bounds__({bounds}) {name}({parameters}) {{"
        );
        source.push_str(body);
        source.push_str("}\n");
        self.call.tasks.push(Task::Launch(Launch {
            kernel: Arc::new(Kernel { name, source, threads, tensor_cores }),
            blocks: blocks as u32,
            arguments: self.arguments,
        }));
    }
}

fn identifier(operator: &str) -> String {
    operator.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect()
}
