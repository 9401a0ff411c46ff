//! A block: its warps take turns until all are done, and barriers are released when all threads wait.

use pulp::Arch;

use super::launch::{Launch, Shuffle, Statistics};
use super::memory::Memory;
use super::registers::{Place, Registers};
use super::warp::Warp;
use super::{LaneFault, Outcome};
use crate::fault::{Fault, FaultKind};
use crate::memory::race::Clock;
use crate::memory::region::lanes;
use crate::module::Kernel;
use crate::operation::{BarrierReduction, Operation};

/// What runs the blocks of a launch, one after another.
pub(super) struct BlockRun<'a> {
    pub kernel: &'a Kernel,
    pub memory: Memory<'a>,
    pub arch: Arch,
    pub step_limit: u64,
    pub noise: bool,
    pub shuffle: Shuffle,
    shuffled: bool,
    pub statistics: Statistics,
    place: Place,
    warps: Vec<Warp>,
}

impl<'a> BlockRun<'a> {
    pub fn new(launch: Launch<'a>, shuffle: Shuffle) -> Self {
        let threads = launch.block.iter().product::<u32>();
        let warps = threads.div_ceil(32);
        let (kernel, options) = (launch.kernel, launch.options);
        let place = Place {
            block_size: launch.block,
            grid_size: launch.grid,
            block: [0; 3],
            warp: 0,
            warps,
            dynamic_shared: launch.dynamic_shared,
        };
        Self {
            kernel,
            memory: Memory::new(launch),
            arch: Arch::new(),
            step_limit: options.step_limit,
            noise: options.noise,
            shuffle,
            shuffled: options.seed != 0,
            statistics: Statistics::default(),
            place,
            warps: (0..warps)
                .map(|warp| {
                    let left = threads - warp * 32;
                    let exists = if left >= 32 { u32::MAX } else { (1 << left) - 1 };
                    Warp::new(kernel, warp, exists, Registers::new(kernel))
                })
                .collect(),
        }
    }

    pub fn statistics(&self) -> Statistics {
        self.statistics
    }

    /// Runs one block.
    pub fn block(&mut self, index: [u32; 3]) -> Result<(), Box<Fault>> {
        self.place.block = index;
        let start = self.memory.begin_block();
        let mut warps = std::mem::take(&mut self.warps);
        for warp in &mut warps {
            self.place.warp = warp.index;
            warp.begin(self.kernel, &self.place, start);
        }
        let result = self.take_turns(&mut warps);
        self.warps = warps;
        result
    }

    fn take_turns(&mut self, warps: &mut [Warp]) -> Result<(), Box<Fault>> {
        loop {
            let first = if self.shuffled { self.shuffle.below(warps.len() as u64) as usize } else { 0 };
            for turn in 0..warps.len() {
                let index = (turn + first) % warps.len();
                let warp = &mut warps[index];
                if warp.live & !warp.at_barrier != 0 {
                    self.warp(warp).map_err(|fault| self.report(warp, *fault))?;
                }
            }
            if warps.iter().all(|warp| warp.live == 0) {
                return Ok(());
            }
            self.release_barrier(warps)?;
        }
    }

    /// All threads that live wait at a barrier: lets them go on, if they are all of the block and wait at one barrier.
    fn release_barrier(&mut self, warps: &mut [Warp]) -> Result<(), Box<Fault>> {
        let Some(waiting) = warps.iter().position(|warp| warp.live != 0) else { return Ok(()) };
        let at = warps[waiting].barrier;
        if let Some(warp) = warps.iter().find(|warp| warp.live != warp.exists) {
            let gone = warp.exists & !warp.live;
            let explanation = format!(
                "{} threads of warp {} have returned, and never reach the barrier at PTX line {}",
                gone.count_ones(),
                warp.index,
                self.kernel.code[at as usize].line
            );
            return Err(self.report_barrier(&mut warps[waiting], at, explanation));
        }
        if let Some(other) = warps.iter().position(|warp| warp.barrier != at) {
            let line = |barrier: u32| self.kernel.code[barrier as usize].line;
            let explanation = format!(
                "warp {} waits at PTX line {}, warp {} at PTX line {}",
                warps[waiting].index,
                line(at),
                warps[other].index,
                line(warps[other].barrier)
            );
            let at = warps[other].barrier;
            return Err(self.report_barrier(&mut warps[other], at, explanation));
        }
        self.reduce_at_barrier(warps, at);
        let now = self.memory.next_stamp();
        for warp in warps {
            warp.at_barrier = 0;
            warp.clock = Clock { interval: now, warp: now, ..warp.clock };
        }
        Ok(())
    }

    fn report_barrier(&mut self, warp: &mut Warp, at: u32, explanation: String) -> Box<Fault> {
        warp.current = at;
        let lane = warp.live.trailing_zeros() as usize;
        self.report(warp, LaneFault { lane, kind: FaultKind::BarrierDivergence { explanation } })
    }

    /// `bar.red`: what a barrier computes of all threads' predicates.
    fn reduce_at_barrier(&self, warps: &mut [Warp], at: u32) {
        let Operation::Barrier { reduction: Some((reduction, condition)) } =
            self.kernel.code[at as usize].operation
        else {
            return;
        };
        let (mut count, mut all) = (0, true);
        for warp in &*warps {
            let held = warp.registers.holds(condition) & warp.exists;
            count += held.count_ones();
            all &= held == warp.exists;
        }
        let mask = |value: bool| if value { u32::MAX } else { 0 };
        for warp in warps {
            let exists = warp.exists;
            match reduction {
                BarrierReduction::Count(to) => {
                    let row = warp.registers.row_mut::<u32>(to);
                    lanes(exists).for_each(|lane| row[lane] = count);
                }
                BarrierReduction::And(to) => warp.registers.set_predicate(to, exists, mask(all)),
                BarrierReduction::Or(to) => warp.registers.set_predicate(to, exists, mask(count > 0)),
            }
        }
    }

    fn report(&self, warp: &Warp, fault: LaneFault) -> Box<Fault> {
        let instruction = &self.kernel.code[warp.current as usize];
        let source = (instruction.source as usize).checked_sub(1);
        Box::new(Fault {
            kind: fault.kind,
            kernel: self.kernel.name.clone(),
            block: self.place.block,
            thread: Place { warp: warp.index, ..self.place }.thread(fault.lane),
            ptx_line: instruction.line,
            source: source.map(|index| self.kernel.sources[index].clone()),
        })
    }

    /// # Errors
    /// If the launch took more instructions than it may.
    pub fn count(&mut self, mask: u32) -> Outcome {
        self.statistics.warp_instructions += 1;
        self.statistics.lane_instructions += u64::from(mask.count_ones());
        if self.statistics.warp_instructions > self.step_limit {
            let lane = mask.trailing_zeros().min(31) as usize;
            return super::fault(lane, FaultKind::StepLimit { steps: self.step_limit });
        }
        Ok(())
    }
}
