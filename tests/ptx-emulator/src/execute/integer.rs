//! Integers. Each operation is written once, for every type by the trait [`Int`].

use super::registers::{Element, Registers};
use super::vector::Vector;
use super::{Outcome, fault};
use crate::fault::FaultKind;
use crate::memory::region::lanes;
use crate::operation::{Binary, Integer, Operation, Register, Row, Ternary, Unary, WordTernary};

/// An integer type, and how it lies in an element of its bank.
pub(super) trait Int: Copy + Ord + From<bool> + std::ops::Not<Output = Self> {
    type Element: Element;
    const BITS: u32;
    fn read(element: Self::Element) -> Self;
    fn element(self) -> Self::Element;
    fn wrapping(self, operation: Binary, other: Self) -> Self;
    fn negate(self) -> Self;
    fn unsigned(self) -> u64;
    fn of_bits(bits: u64) -> Self;
    fn shift_right(self, amount: u32) -> Self;
}

macro_rules! int {
    ($type:ty, $unsigned:ty, $wide:ty, $element:ty) => {
        impl Int for $type {
            type Element = $element;
            const BITS: u32 = <$type>::BITS;

            #[inline(always)]
            fn read(element: $element) -> Self {
                element as $type
            }

            #[inline(always)]
            fn element(self) -> $element {
                self as $unsigned as $element
            }

            #[inline(always)]
            fn wrapping(self, operation: Binary, other: Self) -> Self {
                match operation {
                    Binary::Add => self.wrapping_add(other),
                    Binary::AddSaturating => self.saturating_add(other),
                    Binary::Subtract => self.wrapping_sub(other),
                    Binary::SubtractSaturating => self.saturating_sub(other),
                    Binary::Multiply => self.wrapping_mul(other),
                    Binary::MultiplyHigh => (self as $wide * other as $wide >> <$type>::BITS) as $type,
                    Binary::Divide => self.wrapping_div(other),
                    Binary::Remainder => self.wrapping_rem(other),
                    Binary::Minimum => self.min(other),
                    Binary::Maximum => self.max(other),
                    Binary::And => self & other,
                    Binary::Or => self | other,
                    Binary::Xor => self ^ other,
                }
            }

            #[inline(always)]
            fn negate(self) -> Self {
                self.wrapping_neg()
            }

            #[inline(always)]
            fn unsigned(self) -> u64 {
                u64::from(self as $unsigned)
            }

            #[inline(always)]
            fn of_bits(bits: u64) -> Self {
                bits as $type
            }

            #[inline(always)]
            fn shift_right(self, amount: u32) -> Self {
                self >> amount
            }
        }
    };
}

int!(u16, u16, u32, u32);
int!(i16, u16, i32, u32);
int!(u32, u32, u64, u32);
int!(i32, u32, i64, u32);
int!(u64, u64, u128, u64);
int!(i64, u64, i128, u64);

/// Calls a function that is generic over the integer type.
macro_rules! for_kind {
    ($kind:expr, $function:ident($($argument:expr),*)) => {
        match $kind {
            Integer::U16 => $function::<u16>($($argument),*),
            Integer::S16 => $function::<i16>($($argument),*),
            Integer::U32 => $function::<u32>($($argument),*),
            Integer::S32 => $function::<i32>($($argument),*),
            Integer::U64 => $function::<u64>($($argument),*),
            Integer::S64 => $function::<i64>($($argument),*),
        }
    };
}

pub(super) fn arithmetic(vector: Vector, registers: &mut Registers, operation: &Operation) -> Outcome {
    match *operation {
        Operation::IntegerBinary { operation, kind, to, a, b } => {
            return for_kind!(kind, binary(vector, registers, operation, to, (a, b)));
        }
        Operation::IntegerUnary { operation, kind, to, a } => {
            for_kind!(kind, unary(vector, registers, operation, to, a));
        }
        Operation::IntegerTernary { operation, kind, to, a, b, c } => {
            for_kind!(kind, ternary(vector, registers, operation, to, (a, b, c)));
        }
        Operation::ShiftLeft { kind, to, a, amount } => {
            for_kind!(kind, shift_left(vector, registers, to, (a, amount)));
        }
        Operation::ShiftRight { kind, to, a, amount } => {
            for_kind!(kind, shift_right(vector, registers, to, (a, amount)));
        }
        Operation::LongToWord { operation, signed: true, to, a } => {
            vector.map1(registers, to, a, |a: u64| bits_of(a as i64, operation) as u32);
        }
        Operation::LongToWord { operation, signed: false, to, a } => {
            vector.map1(registers, to, a, |a: u64| bits_of(a, operation) as u32);
        }
        Operation::ExtractLong { signed, to, a, position, length } => {
            vector.map3(registers, to, (a, position, length), |a: u64, position: u32, length: u32| {
                extract(a, 64, signed, position, length)
            });
        }
        Operation::InsertBits { bits, to, field, into, position, length } => {
            let word = |row| Register::Word(row);
            for lane in lanes(vector.mask) {
                let (position, length) =
                    (registers.get(word(position), lane) & 255, registers.get(word(length), lane) & 255);
                let (field, into) = (registers.get(field, lane), registers.get(into, lane));
                registers.set(to, lane, insert(field, into, bits, position as u32, length as u32));
            }
        }
        Operation::WordTernary { operation, to, a, b, c } => {
            word_ternary(vector, registers, operation, to, (a, b, c));
        }
        Operation::WidenLong { signed, to, a, b, add } => widen(vector, registers, signed, to, (a, b), add),
        Operation::WidenWord { signed, to, a, b, add } => {
            let product = move |a: u32, b: u32| {
                if signed {
                    i32::from(a as i16).wrapping_mul(i32::from(b as i16)) as u32
                } else {
                    (a & 0xffff).wrapping_mul(b & 0xffff)
                }
            };
            match add {
                None => vector.map2(registers, to, (a, b), product),
                Some(c) => {
                    vector.map3(registers, to, (a, b, c), |a, b, c: u32| product(a, b).wrapping_add(c))
                }
            }
        }
        ref other => unreachable!("{other:?} is not decoded to an operation on integers"),
    }
    Ok(())
}

fn binary<T: Int>(
    vector: Vector,
    registers: &mut Registers,
    operation: Binary,
    to: Row,
    (a, b): (Row, Row),
) -> Outcome {
    macro_rules! apply {
        ($($operation:ident),*) => {
            match operation {
                $(Binary::$operation => {
                    vector.map2(registers, to, (a, b), |a: T::Element, b: T::Element| {
                        T::read(a).wrapping(Binary::$operation, T::read(b)).element()
                    });
                })*
                Binary::Divide | Binary::Remainder => {
                    return divide::<T>(registers, vector.mask, operation, to, (a, b));
                }
            }
        };
    }
    apply!(
        Add,
        AddSaturating,
        Subtract,
        SubtractSaturating,
        Multiply,
        MultiplyHigh,
        Minimum,
        Maximum,
        And,
        Or,
        Xor
    );
    Ok(())
}

fn divide<T: Int>(
    registers: &mut Registers,
    mask: u32,
    operation: Binary,
    to: Row,
    (a, b): (Row, Row),
) -> Outcome {
    for lane in lanes(mask) {
        let (a, b) = (T::read(registers.row(a)[lane]), T::read(registers.row(b)[lane]));
        if b == T::from(false) {
            return fault(lane, FaultKind::DivisionByZero);
        }
        registers.row_mut(to)[lane] = a.wrapping(operation, b).element();
    }
    Ok(())
}

fn unary<T: Int>(vector: Vector, registers: &mut Registers, operation: Unary, to: Row, a: Row) {
    match operation {
        Unary::Not => vector.map1(registers, to, a, |a: T::Element| (!T::read(a)).element()),
        Unary::Negate => vector.map1(registers, to, a, |a: T::Element| T::read(a).negate().element()),
        Unary::Abs => vector.map1(registers, to, a, |a: T::Element| {
            let a = T::read(a);
            (if a < T::from(false) { a.negate() } else { a }).element()
        }),
        bits => {
            vector.map1(registers, to, a, |a: T::Element| T::of_bits(bits_of(T::read(a), bits)).element());
        }
    }
}

/// Counts and positions of bits, and their reverse.
#[inline(always)]
fn bits_of<T: Int>(value: T, operation: Unary) -> u64 {
    let above = 64 - T::BITS;
    match operation {
        Unary::CountOnes => u64::from(value.unsigned().count_ones()),
        Unary::LeadingZeros => u64::from(value.unsigned().leading_zeros() - above),
        Unary::Reverse => value.unsigned().reverse_bits() >> above,
        _ => {
            let differing = if value < T::from(false) { !value } else { value }.unsigned();
            match (differing, operation) {
                (0, _) => u64::from(u32::MAX),
                (bits, Unary::FindBit) => u64::from(63 - bits.leading_zeros()),
                (bits, _) => u64::from(bits.leading_zeros() - above),
            }
        }
    }
}

fn ternary<T: Int>(
    vector: Vector,
    registers: &mut Registers,
    operation: Ternary,
    to: Row,
    rows: (Row, Row, Row),
) {
    macro_rules! multiply_add {
        ($product:ident) => {
            vector.map3(registers, to, rows, |a: T::Element, b: T::Element, c: T::Element| {
                T::read(a).wrapping(Binary::$product, T::read(b)).wrapping(Binary::Add, T::read(c)).element()
            })
        };
    }
    match operation {
        Ternary::MultiplyAdd => multiply_add!(Multiply),
        Ternary::MultiplyAddHigh => multiply_add!(MultiplyHigh),
        Ternary::ExtractBits => {
            let signed = T::of_bits(u64::MAX) < T::from(false);
            vector.map3(registers, to, rows, |a: T::Element, position: T::Element, length: T::Element| {
                let (position, length) = (T::read(position).unsigned(), T::read(length).unsigned());
                let bits = extract(T::read(a).unsigned(), T::BITS, signed, position as u32, length as u32);
                T::of_bits(bits).element()
            });
        }
    }
}

/// `bfe`: beyond the top, bits are the sign or zero.
fn extract(value: u64, bits: u32, signed: bool, position: u32, length: u32) -> u64 {
    let (position, length) = (position & 255, length & 255);
    let sign = signed && length > 0 && value >> (position + length - 1).min(bits - 1) & 1 == 1;
    let available = bits.saturating_sub(position).min(length);
    let field = if available == 0 { 0 } else { value >> position & (u64::MAX >> (64 - available)) };
    if sign && available < 64 { field | u64::MAX << available } else { field }
}

/// `bfi`: what does not fit is dropped.
fn insert(field: u64, into: u64, bits: u32, position: u32, length: u32) -> u64 {
    let available = bits.saturating_sub(position).min(length);
    if available == 0 {
        return into;
    }
    let mask = u64::MAX >> (64 - available) << position;
    into & !mask | field << position & mask
}

fn shift_left<T: Int>(vector: Vector, registers: &mut Registers, to: Row, rows: (Row, Row)) {
    vector.map2(registers, to, rows, |a: T::Element, amount: u32| {
        let shifted = T::read(a).unsigned() << (amount & 63);
        T::of_bits(if amount >= T::BITS { 0 } else { shifted }).element()
    });
}

fn shift_right<T: Int>(vector: Vector, registers: &mut Registers, to: Row, rows: (Row, Row)) {
    vector.map2(registers, to, rows, |a: T::Element, amount: u32| {
        let a = T::read(a);
        // One bit at a time at the end: by all bits, a sign stays and the rest goes.
        let most = a.shift_right(amount.min(T::BITS - 1));
        (if amount >= T::BITS { most.shift_right(1) } else { most }).element()
    });
}

fn widen(
    vector: Vector,
    registers: &mut Registers,
    signed: bool,
    to: Row,
    (a, b): (Row, Row),
    add: Option<Row>,
) {
    fn of_signed(a: u32, b: u32) -> u64 {
        i64::from(a as i32).wrapping_mul(i64::from(b as i32)) as u64
    }
    fn of_unsigned(a: u32, b: u32) -> u64 {
        u64::from(a).wrapping_mul(u64::from(b))
    }
    match (signed, add) {
        (true, None) => vector.map2(registers, to, (a, b), of_signed),
        (false, None) => vector.map2(registers, to, (a, b), of_unsigned),
        (true, Some(c)) => {
            vector.map3(registers, to, (a, b, c), |a, b, c: u64| of_signed(a, b).wrapping_add(c));
        }
        (false, Some(c)) => {
            vector.map3(registers, to, (a, b, c), |a, b, c: u64| of_unsigned(a, b).wrapping_add(c));
        }
    }
}

fn word_ternary(
    vector: Vector,
    registers: &mut Registers,
    operation: WordTernary,
    to: Row,
    rows: (Row, Row, Row),
) {
    let amount = |clamp: bool, count: u32| if clamp { count.min(32) } else { count & 31 };
    let joined = |low: u32, high: u32| u64::from(high) << 32 | u64::from(low);
    match operation {
        WordTernary::Permute => vector.map3(registers, to, rows, |a: u32, b: u32, selectors: u32| {
            let bytes = joined(a, b);
            (0..4).fold(0, |result, index| {
                let selector = selectors >> (4 * index) & 15;
                let byte = (bytes >> (8 * (selector & 7))) as u8;
                let byte = if selector & 8 != 0 { ((byte as i8) >> 7) as u8 } else { byte };
                result | u32::from(byte) << (8 * index)
            })
        }),
        WordTernary::FunnelRight { clamp } => {
            vector.map3(registers, to, rows, |low: u32, high: u32, count: u32| {
                (joined(low, high) >> amount(clamp, count)) as u32
            });
        }
        WordTernary::FunnelLeft { clamp } => {
            vector.map3(registers, to, rows, |low: u32, high: u32, count: u32| {
                (joined(low, high) >> (32 - amount(clamp, count))) as u32
            });
        }
        WordTernary::Logic(table) => {
            vector.map3(registers, to, rows, |a: u32, b: u32, c: u32| {
                (0..8).filter(|index| table >> index & 1 == 1).fold(0, |result, index| {
                    let a = if index & 4 != 0 { a } else { !a };
                    let b = if index & 2 != 0 { b } else { !b };
                    let c = if index & 1 != 0 { c } else { !c };
                    result | (a & b & c)
                })
            });
        }
    }
}
