//! `cvt`: between any two scalar types.

use super::float::{flush, round_directed, unit};
use super::registers::Registers;
use super::vector::Vector;
use crate::memory::region::lanes;
use crate::operation::{Conversion, Half, Integer, Register, Rounding, Scalar};

pub(super) fn convert(
    vector: Vector,
    registers: &mut Registers,
    conversion: &Conversion,
    to: Register,
    from: Register,
) {
    if fast(vector, registers, conversion, to, from) {
        return;
    }
    for lane in lanes(vector.mask) {
        let value = one(conversion, registers.get(from, lane));
        registers.set(to, lane, value);
    }
}

/// The conversions that kernels are full of, as loops over lanes; says no to all others.
fn fast(
    vector: Vector,
    registers: &mut Registers,
    conversion: &Conversion,
    to: Register,
    from: Register,
) -> bool {
    use Integer::{S32, S64, U32, U64};
    use Scalar::F32;
    let plain = *conversion
        == Conversion {
            rounding: Rounding::Nearest,
            whole: false,
            flush: false,
            saturate: false,
            relu: false,
            ..*conversion
        };
    match (conversion.to, conversion.from, to, from) {
        _ if !plain => return false,
        (Scalar::Integer(S64 | U64), Scalar::Integer(S32), Register::Long(to), Register::Word(from)) => {
            vector.map1(registers, to, from, |value: u32| i64::from(value as i32) as u64);
        }
        (Scalar::Integer(S64 | U64), Scalar::Integer(U32), Register::Long(to), Register::Word(from)) => {
            vector.map1(registers, to, from, |value: u32| u64::from(value));
        }
        (
            Scalar::Integer(S32 | U32),
            Scalar::Integer(S64 | U64),
            Register::Word(to),
            Register::Long(from),
        ) => {
            vector.map1(registers, to, from, |value: u64| value as u32);
        }
        (F32, Scalar::Integer(S32), Register::Word(to), Register::Word(from)) => {
            vector.map1(registers, to, from, |value: u32| (value as i32 as f32).to_bits());
        }
        (F32, Scalar::Integer(U32), Register::Word(to), Register::Word(from)) => {
            vector.map1(registers, to, from, |value: u32| (value as f32).to_bits());
        }
        (F32, Scalar::Half(Half::Bf16), Register::Word(to), Register::Word(from)) => {
            vector.map1(registers, to, from, |value: u32| value << 16);
        }
        (Scalar::Half(half), F32, Register::Word(to), Register::Word(from)) => {
            vector.map1(registers, to, from, |value: u32| {
                u32::from(half.narrow(f32::from_bits(value), Rounding::Nearest))
            });
        }
        _ => return false,
    }
    true
}

/// A value on its way from one type to another.
enum Value {
    Integer(i128),
    Float(f64),
}

fn one(conversion: &Conversion, bits: u64) -> u64 {
    let value = match conversion.from {
        Scalar::U8 => Value::Integer(i128::from(bits as u8)),
        Scalar::S8 => Value::Integer(i128::from(bits as i8)),
        Scalar::Integer(Integer::U16) => Value::Integer(i128::from(bits as u16)),
        Scalar::Integer(Integer::S16) => Value::Integer(i128::from(bits as i16)),
        Scalar::Integer(Integer::U32) => Value::Integer(i128::from(bits as u32)),
        Scalar::Integer(Integer::S32) => Value::Integer(i128::from(bits as i32)),
        Scalar::Integer(Integer::U64) => Value::Integer(i128::from(bits)),
        Scalar::Integer(Integer::S64) => Value::Integer(i128::from(bits as i64)),
        Scalar::Half(half) => Value::Float(f64::from(half.widen(bits as u16))),
        Scalar::F32 | Scalar::Tf32 => {
            Value::Float(f64::from(flush(conversion.flush, f32::from_bits(bits as u32))))
        }
        Scalar::F64 => Value::Float(f64::from_bits(bits)),
    };
    match (integer_range(conversion.to), value) {
        (Some((bits, signed)), Value::Integer(value)) => integer(value, bits, signed, conversion.saturate),
        (Some((bits, signed)), Value::Float(value)) => {
            float_to_integer(round_whole(value, conversion.rounding), bits, signed)
        }
        (None, Value::Integer(value)) => integer_to_float(conversion, value),
        (None, Value::Float(value)) => float(conversion, value),
    }
}

/// Bits and sign, if it is an integer type.
fn integer_range(kind: Scalar) -> Option<(u32, bool)> {
    match kind {
        Scalar::U8 => Some((8, false)),
        Scalar::S8 => Some((8, true)),
        Scalar::Integer(kind) => Some((kind.bits(), kind.signed())),
        _ => None,
    }
}

/// An integer in its type, with its sign continued to the top of the register.
fn integer(value: i128, bits: u32, signed: bool, saturate: bool) -> u64 {
    if saturate {
        let (low, high) =
            if signed { (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) } else { (0, (1 << bits) - 1) };
        return in_register(value.clamp(low, high) as u64, bits, signed);
    }
    in_register(value as u64, bits, signed)
}

fn in_register(value: u64, bits: u32, signed: bool) -> u64 {
    let above = 64 - bits;
    if signed { (((value << above) as i64) >> above) as u64 } else { value << above >> above }
}

fn round_whole(value: f64, rounding: Rounding) -> f64 {
    match rounding {
        Rounding::Nearest => value.round_ties_even(),
        Rounding::NearestAway => value.round(),
        Rounding::Zero => value.trunc(),
        Rounding::Down => value.floor(),
        Rounding::Up => value.ceil(),
    }
}

/// Values out of range become the nearest in it; NaN zero, or the top bit alone in 64 bits.
fn float_to_integer(value: f64, bits: u32, signed: bool) -> u64 {
    if value.is_nan() {
        return if bits == 64 { 1 << 63 } else { 0 };
    }
    integer(value as i128, bits, signed, true)
}

fn integer_to_float(conversion: &Conversion, value: i128) -> u64 {
    match conversion.to {
        Scalar::F64 => (value as f64).to_bits(),
        Scalar::F32 if conversion.rounding == Rounding::Nearest => u64::from((value as f32).to_bits()),
        kind => {
            let wide = value as f64;
            let rounded = round_directed(wide, (value - wide as i128) as f64, conversion.rounding);
            match kind {
                Scalar::Half(half) => u64::from(half.narrow(value as f32, conversion.rounding)),
                _ => u64::from(rounded.to_bits()),
            }
        }
    }
}

fn float(conversion: &Conversion, value: f64) -> u64 {
    let mut value = if conversion.whole { round_whole(value, conversion.rounding) } else { value };
    if conversion.saturate {
        value = unit(value);
    }
    if conversion.relu && value <= 0.0 {
        value = 0.0;
    }
    // A result that was rounded to a whole number, or came from a narrower type, is exact from here on.
    let rounding = if conversion.whole { Rounding::Nearest } else { conversion.rounding };
    match conversion.to {
        Scalar::F64 => value.to_bits(),
        Scalar::Half(half) => u64::from(half.narrow(value as f32, rounding)),
        Scalar::Tf32 => u64::from(tf32((value as f32).to_bits(), rounding)),
        _ => u64::from(flush(conversion.flush, round_directed(value, 0.0, rounding)).to_bits()),
    }
}

/// An f32 with 10 bits of fraction.
fn tf32(bits: u32, rounding: Rounding) -> u32 {
    if f32::from_bits(bits).is_nan() {
        return 0x7fff_ffff;
    }
    let half = match rounding {
        Rounding::NearestAway => 0x1000,
        Rounding::Nearest => 0xfff + (bits >> 13 & 1),
        _ => 0,
    };
    (bits + half) & !0x1fff
}
