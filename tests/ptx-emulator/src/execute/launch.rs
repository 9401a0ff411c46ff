//! A launch: blocks in order, or shuffled.

use super::block::BlockRun;
use crate::fault::{Fault, FaultKind};
use crate::memory::Heap;
use crate::module::Kernel;

/// What is checked, and how what CUDA leaves open is decided.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Reads of memory that nothing wrote are faults.
    pub initialisation: bool,
    /// Data races are faults.
    pub races: bool,
    /// Shuffles the order of blocks, and which warp goes first; 0 keeps the order of their indices.
    pub seed: u64,
    /// Inexact results of approximate instructions are off by as much as NVIDIA says they may be.
    pub noise: bool,
    /// Instructions of warps after which a launch is taken for endless.
    pub step_limit: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { initialisation: true, races: true, seed: 0, noise: false, step_limit: 2_000_000_000 }
    }
}

/// What a launch took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Blocks run.
    pub blocks: u64,
    /// Instructions, counted once for each warp.
    pub warp_instructions: u64,
    /// Instructions, counted for each lane that took part.
    pub lane_instructions: u64,
    /// Branches on which a warp parted.
    pub divergent_branches: u64,
}

/// A kernel with what it is launched on.
pub struct Launch<'a> {
    /// The kernel.
    pub kernel: &'a Kernel,
    /// Blocks along x, y and z.
    pub grid: [u32; 3],
    /// Threads of a block along x, y and z.
    pub block: [u32; 3],
    /// Bytes of dynamic shared memory.
    pub dynamic_shared: u32,
    /// Values of the parameters, laid out as [`Kernel::parameters`] says.
    pub parameters: &'a [u8],
    /// Device memory.
    pub heap: &'a mut Heap,
    /// What is checked.
    pub options: &'a Options,
}

/// Numbers in an order that looks random (Marsaglia's xorshift).
#[derive(Clone, Copy, Debug)]
pub(super) struct Shuffle(u64);

impl Shuffle {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }

    /// In [-1, 1).
    pub fn signed_unit(&mut self) -> f64 {
        self.below(1 << 53) as f64 / (1u64 << 52) as f64 - 1.0
    }
}

impl Launch<'_> {
    /// Runs all blocks.
    ///
    /// # Errors
    /// The first mistake found. Memory then is as it was left.
    pub fn run(self) -> Result<Statistics, Box<Fault>> {
        self.check_configuration()?;
        let [x, y, z] = self.grid.map(u64::from);
        let blocks = x * y * z;
        let mut shuffle = Shuffle(self.options.seed | 1);
        let mut order: Vec<u64> = Vec::new();
        if self.options.seed != 0 {
            order = (0..blocks).collect();
            for index in (1..blocks).rev() {
                order.swap(index as usize, shuffle.below(index + 1) as usize);
            }
        }
        begin_stamps(self.heap);
        let mut run = BlockRun::new(self, shuffle);
        for index in 0..blocks {
            let index = order.get(index as usize).copied().unwrap_or(index);
            run.block([(index % x) as u32, (index / x % y) as u32, (index / (x * y)) as u32])?;
        }
        Ok(Statistics { blocks, ..run.statistics() })
    }

    /// The limits of every device since compute capability 3.0.
    fn check_configuration(&self) -> Result<(), Box<Fault>> {
        let refuse = |why: String| {
            Err(Box::new(Fault {
                kind: FaultKind::Configuration(why),
                kernel: self.kernel.name.clone(),
                block: [0; 3],
                thread: [0; 3],
                ptx_line: 0,
                source: None,
            }))
        };
        let [x, y, z] = self.block.map(u64::from);
        let threads = x * y * z;
        if threads == 0 || threads > 1024 || z > 64 {
            return refuse(format!("a block of ({x},{y},{z}) threads"));
        }
        if let Some(most) = self.kernel.max_threads.filter(|&most| threads > u64::from(most)) {
            return refuse(format!("a block of {threads} threads, {most} allowed by __launch_bounds__"));
        }
        let [x, y, z] = self.grid;
        if x == 0 || y == 0 || z == 0 || x > i32::MAX as u32 || y > 65535 || z > 65535 {
            return refuse(format!("a grid of ({x},{y},{z}) blocks"));
        }
        Ok(())
    }
}

/// Before stamps run out, all that was is forgotten, which a new launch does anyway.
fn begin_stamps(heap: &mut Heap) {
    if heap.stamp > u32::MAX / 2 {
        heap.forget_races();
        heap.stamp = 0;
    }
    heap.stamp += 1;
}
