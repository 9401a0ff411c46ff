//! A warp: which lanes go on, control flow, and waiting for lanes to do something together.

use super::block::BlockRun;
use super::copy::Copies;
use super::registers::{Place, Registers};
use super::{Outcome, fault};
use crate::fault::FaultKind;
use crate::memory::race::Clock;
use crate::memory::region::{Lanes, Region, lanes};
use crate::module::Kernel;
use crate::operation::{Instruction, Members, Operation};

#[derive(Debug)]
pub(super) struct Warp {
    pub index: u32,
    /// The lanes that have a thread.
    pub exists: u32,
    /// Those that have not returned.
    pub live: u32,
    /// Those that wait at a barrier of the block, and at which instruction.
    pub at_barrier: u32,
    pub barrier: u32,
    /// Those that wait for other lanes of the warp, at the instruction their counter names.
    waiting: u32,
    /// Where each lane goes on; up to date only of lanes that do not run.
    counters: Lanes<u32>,
    /// The instruction being done, for reports.
    pub current: u32,
    pub clock: Clock,
    pub registers: Registers,
    /// All lanes' local memory, lane by lane.
    pub local: Region,
    pub copies: Copies,
}

impl Warp {
    pub fn new(kernel: &Kernel, index: u32, exists: u32, registers: Registers) -> Self {
        Self {
            index,
            exists,
            live: 0,
            at_barrier: 0,
            barrier: 0,
            waiting: 0,
            counters: [0; 32],
            current: 0,
            clock: Clock { launch: 0, block: 0, interval: 0, warp: 0 },
            registers,
            local: Region::new(kernel.local_bytes.next_multiple_of(16) * 32),
            copies: Copies::default(),
        }
    }

    /// Ready to run a new block.
    pub fn begin(&mut self, kernel: &Kernel, place: &Place, clock: Clock) {
        self.live = self.exists;
        self.at_barrier = 0;
        self.waiting = 0;
        self.counters = [0; 32];
        self.clock = clock;
        self.local.reset();
        self.copies = Copies::default();
        self.registers.fill_specials(kernel, place);
    }

    fn set_counters(&mut self, mask: u32, counter: u32) {
        if mask == u32::MAX {
            self.counters = [counter; 32];
        } else {
            lanes(mask).for_each(|lane| self.counters[lane] = counter);
        }
    }

    /// Of the lanes in `mask`, those at the lowest instruction, which that is, and which one the next lanes are at.
    fn lowest(&self, mask: u32) -> (u32, u32, u32) {
        let lowest = lanes(mask).map(|lane| self.counters[lane]).min().unwrap_or(0);
        let (mut active, mut next) = (0, u32::MAX);
        for lane in lanes(mask) {
            if self.counters[lane] == lowest {
                active |= 1 << lane;
            } else {
                next = next.min(self.counters[lane]);
            }
        }
        (active, lowest, next)
    }
}

/// Where the lanes that ran together go on.
enum Next {
    /// Together, at this instruction.
    At(u32),
    /// Where their counters say.
    Parted,
}

impl<'a> BlockRun<'a> {
    /// Runs a warp until all its lanes have returned or wait at a barrier of the block.
    pub fn warp(&mut self, warp: &mut Warp) -> Outcome {
        let kernel: &'a Kernel = self.kernel;
        loop {
            let ready = warp.live & !warp.at_barrier & !warp.waiting;
            if ready == 0 {
                if warp.waiting == 0 {
                    return Ok(());
                }
                self.resume_waiting(warp, kernel)?;
                continue;
            }
            let (mut active, mut counter, next_others) = warp.lowest(ready);
            loop {
                let instruction = &kernel.code[counter as usize];
                warp.current = counter;
                match self.instruction(warp, instruction, counter, &mut active)? {
                    Next::At(next) if active != 0 && next < next_others => counter = next,
                    Next::At(next) => {
                        warp.set_counters(active, next);
                        break;
                    }
                    Next::Parted => break,
                }
            }
        }
    }

    fn instruction(
        &mut self,
        warp: &mut Warp,
        instruction: &Instruction,
        counter: u32,
        active: &mut u32,
    ) -> Outcome<Next> {
        let mask = match instruction.guard {
            Some(condition) => warp.registers.holds(condition) & *active,
            None => *active,
        };
        self.count(mask)?;
        match &instruction.operation {
            Operation::Branch { target } if mask == *active => Ok(Next::At(*target)),
            Operation::Branch { target } if mask != 0 => {
                self.statistics.divergent_branches += 1;
                warp.set_counters(mask, *target);
                warp.set_counters(*active & !mask, counter + 1);
                Ok(Next::Parted)
            }
            Operation::Return => {
                warp.live &= !mask;
                *active &= !mask;
                Ok(Next::At(counter + 1))
            }
            Operation::Barrier { .. } if mask != 0 => self.enter_barrier(warp, mask, *active, counter),
            operation if mask != 0 => match operation.members() {
                None => {
                    self.step(warp, operation, mask)?;
                    Ok(Next::At(counter + 1))
                }
                Some(members) => self.together(warp, operation, members, mask, *active, counter),
            },
            _ => Ok(Next::At(counter + 1)),
        }
    }

    fn enter_barrier(&mut self, warp: &mut Warp, mask: u32, active: u32, counter: u32) -> Outcome<Next> {
        if mask != active {
            let explanation = "its condition differs between the threads of a warp".to_owned();
            return fault(mask.trailing_zeros() as usize, FaultKind::BarrierDivergence { explanation });
        }
        if warp.at_barrier != 0 && warp.barrier != counter {
            let explanation = "threads of one warp wait at different barriers".to_owned();
            return fault(mask.trailing_zeros() as usize, FaultKind::BarrierDivergence { explanation });
        }
        warp.at_barrier |= mask;
        warp.barrier = counter;
        warp.set_counters(mask, counter + 1);
        Ok(Next::Parted)
    }

    /// An operation that the lanes of its member mask do together: does it if all have come, else lets these wait.
    fn together(
        &mut self,
        warp: &mut Warp,
        operation: &Operation,
        members: Members,
        mask: u32,
        active: u32,
        counter: u32,
    ) -> Outcome<Next> {
        warp.set_counters(active & !mask, counter + 1);
        warp.set_counters(mask, counter);
        let here = lanes(warp.waiting).filter(|&lane| warp.counters[lane] == counter);
        let arrived = here.fold(mask, |all, lane| all | 1 << lane);
        let named = member_mask(warp, members, arrived)?;
        if mask & !named != 0 {
            let lane = (mask & !named).trailing_zeros();
            let explanation = format!("lane {lane} is not in the member mask {named:#010x} it names");
            return fault(lane as usize, FaultKind::WarpDivergence { explanation });
        }
        if named & warp.live & !arrived != 0 {
            warp.waiting |= mask;
            return Ok(Next::Parted);
        }
        warp.waiting &= !arrived;
        self.collective(warp, operation, arrived)?;
        if arrived == active && mask == active {
            return Ok(Next::At(counter + 1));
        }
        warp.set_counters(arrived, counter + 1);
        Ok(Next::Parted)
    }

    /// Only lanes that wait for others are left: they go on if those others have returned since, else never.
    fn resume_waiting(&mut self, warp: &mut Warp, kernel: &'a Kernel) -> Outcome {
        let (arrived, counter, _) = warp.lowest(warp.waiting);
        let operation = &kernel.code[counter as usize].operation;
        warp.current = counter;
        let named = match operation.members() {
            Some(members) => member_mask(warp, members, arrived)?,
            None => 0,
        };
        let missing = named & warp.live & !arrived;
        if missing != 0 {
            let explanation =
                format!("lanes {missing:#010x} of the member mask {named:#010x} never arrive (a deadlock)");
            return fault(arrived.trailing_zeros() as usize, FaultKind::WarpDivergence { explanation });
        }
        warp.waiting &= !arrived;
        self.collective(warp, operation, arrived)?;
        warp.set_counters(arrived, counter + 1);
        Ok(())
    }
}

/// The lanes that an operation names; all that arrived have to name the same.
fn member_mask(warp: &Warp, members: Members, arrived: u32) -> Outcome<u32> {
    let Members::Row(row) = members else { return Ok(warp.exists) };
    let row = warp.registers.row::<u32>(row);
    let first = arrived.trailing_zeros() as usize;
    if let Some(lane) = lanes(arrived).find(|&lane| row[lane] != row[first]) {
        let explanation = format!(
            "lane {first} names the member mask {:#010x}, lane {lane} {:#010x}",
            row[first], row[lane]
        );
        return fault(lane, FaultKind::WarpDivergence { explanation });
    }
    Ok(row[first])
}
