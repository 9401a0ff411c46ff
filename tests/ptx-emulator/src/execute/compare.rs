//! `setp` and `set`.

use super::float::flush;
use super::registers::Registers;
use super::vector::Vector;
use crate::memory::region::lanes;
use crate::operation::{Compare, Comparison, Integer, Operation, Outcome, Row};

pub(super) fn compare(vector: Vector, registers: &mut Registers, operation: &Operation) {
    let (compare, found) = match operation {
        Operation::CompareInteger { compare, kind, a, b } => {
            (compare, integers(vector, registers, compare.comparison, *kind, (*a, *b)))
        }
        Operation::CompareF32 { compare, a, b } => {
            let flushed = compare.flush;
            let value = move |bits: u32| flush(flushed, f32::from_bits(bits));
            (compare, floats(vector, registers, compare.comparison, (*a, *b), value))
        }
        Operation::CompareF64 { compare, a, b } => {
            (compare, floats(vector, registers, compare.comparison, (*a, *b), f64::from_bits))
        }
        Operation::CompareHalf { compare, kind, a, b } => {
            let value = move |bits: u32| kind.widen(bits as u16);
            (compare, floats(vector, registers, compare.comparison, (*a, *b), value))
        }
        other => unreachable!("{other:?} is not decoded to a comparison"),
    };
    store(vector.mask, registers, compare, found);
}

fn store(mask: u32, registers: &mut Registers, compare: &Compare, found: u32) {
    let combined = |found: u32, registers: &Registers| match compare.combine {
        Some((logic, condition)) => logic.apply(found, registers.holds(condition)),
        None => found,
    };
    let (result, opposite) = (combined(found, registers), combined(!found, registers));
    match compare.outcome {
        Outcome::Predicates(to, other) => {
            registers.set_predicate(to, mask, result);
            if let Some(other) = other {
                registers.set_predicate(other, mask, opposite);
            }
        }
        Outcome::Word(to, value) => {
            let row = registers.row_mut::<u32>(to);
            lanes(mask).for_each(|lane| row[lane] = if result >> lane & 1 == 1 { value } else { 0 });
        }
    }
}

fn integers(
    vector: Vector,
    registers: &Registers,
    comparison: Comparison,
    kind: Integer,
    rows: (Row, Row),
) -> u32 {
    match kind {
        Integer::U16 => ordered(vector, registers, comparison, rows, |bits: u32| bits as u16),
        Integer::S16 => ordered(vector, registers, comparison, rows, |bits: u32| bits as i16),
        Integer::U32 => ordered(vector, registers, comparison, rows, |bits: u32| bits),
        Integer::S32 => ordered(vector, registers, comparison, rows, |bits: u32| bits as i32),
        Integer::U64 => ordered(vector, registers, comparison, rows, |bits: u64| bits),
        Integer::S64 => ordered(vector, registers, comparison, rows, |bits: u64| bits as i64),
    }
}

/// Comparisons of numbers; those of floats are false where one is NaN, except `NotEqual`, which [`floats`] mends.
#[inline(always)]
fn ordered<E: super::registers::Element, T: PartialOrd>(
    vector: Vector,
    registers: &Registers,
    comparison: Comparison,
    rows: (Row, Row),
    value: impl Fn(E) -> T,
) -> u32 {
    match comparison {
        Comparison::Equal | Comparison::EqualUnordered => {
            vector.test(registers, rows, |a, b| value(a) == value(b))
        }
        Comparison::NotEqual | Comparison::NotEqualUnordered => {
            vector.test(registers, rows, |a, b| value(a) != value(b))
        }
        Comparison::Less | Comparison::LessUnordered => {
            vector.test(registers, rows, |a, b| value(a) < value(b))
        }
        Comparison::LessEqual | Comparison::LessEqualUnordered => {
            vector.test(registers, rows, |a, b| value(a) <= value(b))
        }
        Comparison::Greater | Comparison::GreaterUnordered => {
            vector.test(registers, rows, |a, b| value(a) > value(b))
        }
        Comparison::GreaterEqual | Comparison::GreaterEqualUnordered => {
            vector.test(registers, rows, |a, b| value(a) >= value(b))
        }
        Comparison::BothNumbers | Comparison::EitherNan => u32::MAX,
    }
}

#[inline(always)]
fn floats<E: super::registers::Element, T: PartialOrd>(
    vector: Vector,
    registers: &Registers,
    comparison: Comparison,
    rows: (Row, Row),
    value: impl Fn(E) -> T + Copy,
) -> u32 {
    let numbers = vector.test(registers, rows, |a, b| value(a).partial_cmp(&value(b)).is_some());
    let found = ordered(vector, registers, comparison, rows, value);
    match comparison {
        Comparison::BothNumbers => numbers,
        Comparison::EitherNan => !numbers,
        Comparison::EqualUnordered
        | Comparison::NotEqualUnordered
        | Comparison::LessUnordered
        | Comparison::LessEqualUnordered
        | Comparison::GreaterUnordered
        | Comparison::GreaterEqualUnordered => found | !numbers,
        _ => found & numbers,
    }
}
