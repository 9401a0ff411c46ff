//! Instructions that each lane does by itself, and that move none elsewhere.

use super::block::BlockRun;
use super::registers::Registers;
use super::vector::Vector;
use super::warp::Warp;
use super::{Outcome, compare, convert, half, integer};
use crate::memory::region::lanes;
use crate::operation::{Condition, Logic, Operation, Register, Row};

impl BlockRun<'_> {
    pub(super) fn step(&mut self, warp: &mut Warp, operation: &Operation, mask: u32) -> Outcome {
        let vector = Vector { arch: self.arch, mask };
        let registers = &mut warp.registers;
        match operation {
            Operation::MoveWord { to, from } => vector.map1(registers, *to, *from, |value: u32| value),
            Operation::MoveLong { to, from } => vector.map1(registers, *to, *from, |value: u64| value),
            Operation::MovePredicate { to, from } => {
                registers.set_predicate(*to, mask, registers.holds(*from));
            }
            Operation::PredicateLogic { logic, to, a, b } => {
                let value = logic.apply(registers.holds(*a), registers.holds(*b));
                registers.set_predicate(*to, mask, value);
            }
            Operation::SelectPredicate { to, a, b, condition } => {
                let chosen = registers.holds(*condition);
                let value = (registers.holds(*a) & chosen) | (registers.holds(*b) & !chosen);
                registers.set_predicate(*to, mask, value);
            }
            Operation::SelectWord { to, a, b, condition } => {
                select::<u32>(vector, registers, *to, (*a, *b), *condition);
            }
            Operation::SelectLong { to, a, b, condition } => {
                select::<u64>(vector, registers, *to, (*a, *b), *condition);
            }
            Operation::Unpack { to, from, part_bits } => unpack(registers, mask, to, *from, *part_bits),
            Operation::Pack { to, from, part_bits } => pack(registers, mask, *to, from, *part_bits),
            Operation::ConvertAddress { to, from, window, generic } => {
                let window = if *generic { *window } else { window.wrapping_neg() };
                vector.map1(registers, *to, *from, |address: u64| address.wrapping_add(window));
            }
            Operation::ActiveMask { to } => {
                let row = registers.row_mut::<u32>(*to);
                lanes(mask).for_each(|lane| row[lane] = mask);
            }
            Operation::Clock { to } => {
                let now = self.statistics.warp_instructions;
                lanes(mask).for_each(|lane| registers.set(*to, lane, now));
            }
            Operation::Convert { conversion, to, from } => {
                convert::convert(vector, registers, conversion, *to, *from);
            }
            Operation::ConvertPair { kind, rounding, relu, to, high, low } => {
                half::convert_pair(vector, registers, *kind, (*rounding, *relu), *to, (*high, *low));
            }
            Operation::CompareInteger { .. }
            | Operation::CompareF32 { .. }
            | Operation::CompareF64 { .. }
            | Operation::CompareHalf { .. } => compare::compare(vector, registers, operation),
            Operation::F32Unary { .. }
            | Operation::F32Binary { .. }
            | Operation::F32MultiplyAdd { .. }
            | Operation::F32Class { .. }
            | Operation::F64Unary { .. }
            | Operation::F64Binary { .. }
            | Operation::F64MultiplyAdd { .. } => self.float(warp, operation, vector),
            Operation::HalfUnary { .. }
            | Operation::HalfBinary { .. }
            | Operation::HalfMultiplyAdd { .. } => {
                half::arithmetic(vector, registers, operation);
            }
            Operation::LoadParameter { .. }
            | Operation::Load { .. }
            | Operation::Store { .. }
            | Operation::Atomic { .. }
            | Operation::CopyAsync { .. }
            | Operation::CopyCommit
            | Operation::CopyWait { .. }
            | Operation::CopyWaitAll
            | Operation::Fence => return self.memory.access(warp, operation, mask),
            Operation::Trap => {
                return super::fault(mask.trailing_zeros() as usize, crate::fault::FaultKind::Trap);
            }
            _ => return integer::arithmetic(vector, registers, operation),
        }
        Ok(())
    }
}

impl Logic {
    pub(super) fn apply(self, a: u32, b: u32) -> u32 {
        match self {
            Self::And => a & b,
            Self::Or => a | b,
            Self::Xor => a ^ b,
        }
    }
}

fn select<E: super::registers::Element>(
    vector: Vector,
    registers: &mut Registers,
    to: Row,
    (a, b): (Row, Row),
    condition: Condition,
) {
    let chosen = registers.holds(condition);
    let (a, b) = (*registers.row::<E>(a), *registers.row::<E>(b));
    let result = std::array::from_fn(|lane| if chosen >> lane & 1 == 1 { a[lane] } else { b[lane] });
    vector.put(registers.row_mut(to), &result);
}

fn unpack(registers: &mut Registers, mask: u32, to: &[Register], from: Register, part_bits: u32) {
    let part = u64::MAX >> (64 - part_bits);
    for lane in lanes(mask) {
        let value = registers.get(from, lane);
        for (index, to) in to.iter().enumerate() {
            registers.set(*to, lane, value >> (index as u32 * part_bits) & part);
        }
    }
}

fn pack(registers: &mut Registers, mask: u32, to: Register, from: &[Row], part_bits: u32) {
    let part = u64::MAX >> (64 - part_bits);
    for lane in lanes(mask) {
        let value = from.iter().enumerate().fold(0, |value, (index, &row)| {
            value | (registers.get(Register::Word(row), lane) & part) << (index as u32 * part_bits)
        });
        registers.set(to, lane, value);
    }
}
