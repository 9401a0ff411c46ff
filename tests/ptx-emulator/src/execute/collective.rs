//! What the lanes of a warp do together.

use super::block::BlockRun;
use super::warp::Warp;
use super::{Outcome, fault};
use crate::fault::FaultKind;
use crate::memory::race::Clock;
use crate::memory::region::{Lanes, lanes};
use crate::operation::{Binary, Integer, Operation, ShuffleMode, VoteMode};

impl BlockRun<'_> {
    pub(super) fn collective(&mut self, warp: &mut Warp, operation: &Operation, active: u32) -> Outcome {
        let registers = &mut warp.registers;
        match operation {
            Operation::WarpBarrier { .. } => {
                warp.clock = Clock { warp: self.memory.next_stamp(), ..warp.clock };
            }
            Operation::Vote { mode, to, condition, .. } => {
                let held = registers.holds(*condition) & active;
                let result = match mode {
                    VoteMode::All => held == active,
                    VoteMode::Any => held != 0,
                    VoteMode::Uniform => held == active || held == 0,
                };
                registers.set_predicate(*to, active, if result { u32::MAX } else { 0 });
            }
            Operation::Ballot { to, condition, .. } => {
                let held = registers.holds(*condition) & active;
                let row = registers.row_mut::<u32>(*to);
                lanes(active).for_each(|lane| row[lane] = held);
            }
            Operation::Reduce { operation, kind, to, from, .. } => {
                let row = *registers.row::<u32>(*from);
                let result =
                    lanes(active).map(|lane| row[lane]).reduce(|a, b| reduce(*operation, *kind, a, b));
                let row = registers.row_mut::<u32>(*to);
                lanes(active).for_each(|lane| row[lane] = result.unwrap_or_default());
            }
            Operation::Shuffle { .. } => return shuffle(warp, operation, active),
            _ if active != u32::MAX => {
                let explanation = format!("a matrix instruction with only lanes {active:#010x} of a warp");
                let lane = active.trailing_zeros() as usize;
                return fault(lane, FaultKind::WarpDivergence { explanation });
            }
            Operation::LoadMatrix { to, address, transpose } => {
                return self.memory.load_matrix(warp, to, *address, *transpose);
            }
            _ => super::matrix::multiply(registers, operation),
        }
        Ok(())
    }
}

fn reduce(operation: Binary, kind: Integer, a: u32, b: u32) -> u32 {
    match (operation, kind.signed()) {
        (Binary::Add, _) => a.wrapping_add(b),
        (Binary::Minimum, true) => (a as i32).min(b as i32) as u32,
        (Binary::Minimum, false) => a.min(b),
        (Binary::Maximum, true) => (a as i32).max(b as i32) as u32,
        (Binary::Maximum, false) => a.max(b),
        (Binary::And, _) => a & b,
        (Binary::Or, _) => a | b,
        _ => a ^ b,
    }
}

/// `shfl.sync`: the clamp's upper byte cuts the warp into segments, its lower one bounds the lanes that are read.
fn shuffle(warp: &mut Warp, operation: &Operation, active: u32) -> Outcome {
    let Operation::Shuffle { mode, to, valid, from, lane: by, clamp, .. } = *operation else {
        unreachable!("{operation:?} is no shuffle")
    };
    let registers = &mut warp.registers;
    let (from, by, clamp) =
        (*registers.row::<u32>(from), *registers.row::<u32>(by), *registers.row::<u32>(clamp));
    let (mut result, mut in_range): (Lanes<u32>, u32) = ([0; 32], 0);
    for lane in lanes(active) {
        let own = lane as i32;
        let (by, bound) = ((by[lane] & 31) as i32, (clamp[lane] & 31) as i32);
        let segment = (clamp[lane] >> 8 & 31) as i32;
        let most = own & segment | bound & !segment;
        let (source, valid) = match mode {
            ShuffleMode::Up => (own - by, own - by >= most),
            ShuffleMode::Down => (own + by, own + by <= most),
            ShuffleMode::Butterfly => (own ^ by, (own ^ by) <= most),
            ShuffleMode::Index => {
                let source = own & segment | by & !segment;
                (source, source <= most)
            }
        };
        let source = if valid { source as usize } else { lane };
        if active >> source & 1 == 0 {
            let explanation =
                format!("a shuffle reads lane {source}, which does not take part ({active:#010x} do)");
            return fault(lane, FaultKind::WarpDivergence { explanation });
        }
        result[lane] = from[source];
        in_range |= u32::from(valid) << lane;
    }
    for lane in lanes(active) {
        registers.set(to, lane, u64::from(result[lane]));
    }
    if let Some(valid) = valid {
        registers.set_predicate(valid, active, in_range);
    }
    Ok(())
}
