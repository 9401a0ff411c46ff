//! Atomics: one lane after another.

use super::Outcome;
use super::float::two_sum;
use super::memory::{Memory, addresses, check_alignment};
use super::registers::Registers;
use super::warp::Warp;
use crate::memory::region::{Access, lanes};
use crate::operation::{AtomicOperation, AtomicType, Half, Integer, Operation};

impl Memory<'_> {
    pub(super) fn atomic(&mut self, warp: &mut Warp, operation: &Operation, mask: u32) -> Outcome {
        let Operation::Atomic { operation, kind, space, to, address, value, new } = *operation else {
            unreachable!("{operation:?} is no atomic")
        };
        let at = addresses(&warp.registers, address);
        let bytes = kind.bytes();
        check_alignment(&at, bytes, Access::Atomic, mask)?;
        let rules = self.rules(warp, false);
        let mut left = mask;
        while left != 0 {
            let group = self.group(space, &at, bytes, Access::Atomic, left, warp.local.len() as u64 / 32)?;
            let rules = rules.in_space(group.space);
            for lane in lanes(group.mask) {
                let offset = group.offsets[lane] as usize;
                let region = self.region(&group, &mut warp.local);
                if let Err(violation) = region.check_one(lane, offset, bytes, Access::Atomic, &rules) {
                    return self.violation(violation, &group, &at, bytes, Access::Atomic, &warp.clock);
                }
                let mut old = [0; 8];
                old[..bytes].copy_from_slice(region.read(offset, bytes));
                let old = u64::from_le_bytes(old);
                let given = |registers: &Registers, register| registers.get(register, lane);
                let (value, new) = (given(&warp.registers, value), given(&warp.registers, new));
                let result = combine(operation, kind, old, value, new);
                region.write(offset, &result.to_le_bytes()[..bytes]);
                warp.registers.set(to, lane, old);
            }
            left &= !group.mask;
        }
        Ok(())
    }
}

/// The value that an atomic leaves.
fn combine(operation: AtomicOperation, kind: AtomicType, old: u64, value: u64, new: u64) -> u64 {
    match kind {
        AtomicType::F32 => u64::from((f32::from_bits(old as u32) + f32::from_bits(value as u32)).to_bits()),
        AtomicType::F64 => (f64::from_bits(old) + f64::from_bits(value)).to_bits(),
        AtomicType::Half(half) => u64::from(add_halves(half, old as u16, value as u16)),
        AtomicType::HalfPair(half) => {
            u64::from(add_halves(half, old as u16, value as u16))
                | u64::from(add_halves(half, (old >> 16) as u16, (value >> 16) as u16)) << 16
        }
        AtomicType::Integer(kind) => integers(operation, kind, old, value, new),
    }
}

fn add_halves(half: Half, a: u16, b: u16) -> u16 {
    let (sum, error) = two_sum(f64::from(half.widen(a)), f64::from(half.widen(b)));
    half.narrow_exactly(sum, error)
}

fn integers(operation: AtomicOperation, kind: Integer, old: u64, value: u64, new: u64) -> u64 {
    let above = 64 - kind.bits();
    // Compared at the top of 64 bits, with or without sign.
    let (top_old, top_value) = (old << above, value << above);
    let value = top_value >> above;
    let less = if kind.signed() { (top_value as i64) < top_old as i64 } else { top_value < top_old };
    match operation {
        AtomicOperation::Add => old.wrapping_add(value),
        AtomicOperation::Minimum => {
            if less {
                value
            } else {
                old
            }
        }
        AtomicOperation::Maximum => {
            if less {
                old
            } else {
                value
            }
        }
        AtomicOperation::Exchange => value,
        AtomicOperation::CompareAndSwap => {
            if old == value {
                new
            } else {
                old
            }
        }
        AtomicOperation::And => old & value,
        AtomicOperation::Or => old | value,
        AtomicOperation::Xor => old ^ value,
        AtomicOperation::Increment => {
            if old >= value {
                0
            } else {
                old + 1
            }
        }
        AtomicOperation::Decrement => {
            if old == 0 || old > value {
                value
            } else {
                old - 1
            }
        }
    }
}
