//! f16 and bf16, alone and in pairs: computed in f64, where sums and products of two are exact, and rounded once.

use half::f16;

use super::float::{maximum, minimum, round_directed, two_sum, unit};
use super::registers::Registers;
use super::vector::Vector;
use crate::memory::region::lanes;
use crate::operation::{FloatBinary, FloatMode, FloatUnary, Half, Operation, Rounding, Row};

impl Half {
    pub(crate) fn widen(self, bits: u16) -> f32 {
        match self {
            Self::F16 => f16::from_bits(bits).to_f32(),
            Self::Bf16 => f32::from_bits(u32::from(bits) << 16),
        }
    }

    /// Rounds an f32.
    pub(crate) fn narrow(self, value: f32, rounding: Rounding) -> u16 {
        match self {
            _ if value.is_nan() => 0x7fff,
            Self::F16 if rounding == Rounding::Nearest => f16::from_f32(value).to_bits(),
            Self::F16 => {
                let nearest = f16::from_f32(value);
                directed(nearest.to_bits(), nearest.to_f32(), value, rounding)
            }
            Self::Bf16 if rounding == Rounding::Nearest => {
                let bits = value.to_bits();
                // To even: half an ulp less one, and one more if the last bit kept is odd.
                ((bits + 0x7fff + (bits >> 16 & 1)) >> 16) as u16
            }
            Self::Bf16 => {
                let truncated = (value.to_bits() >> 16) as u16;
                directed(truncated, self.widen(truncated), value, rounding)
            }
        }
    }

    /// Rounds a number given as `sum + error` once, to nearest.
    ///
    /// In between it is rounded to f32 *to odd*, which keeps what a second rounding has to know (Boldo and Melquiond,
    /// "Emulation of FMA and correctly rounded sums", 2008).
    pub(super) fn narrow_exactly(self, sum: f64, error: f64) -> u16 {
        let down = round_directed(sum, error, Rounding::Zero);
        let exact = f64::from(down) == sum && error == 0.0;
        let odd = if exact || !down.is_finite() { down } else { f32::from_bits(down.to_bits() | 1) };
        self.narrow(odd, Rounding::Nearest)
    }
}

/// Of two neighbours the one on the side that `rounding` asks for, given one of them.
fn directed(bits: u16, widened: f32, value: f32, rounding: Rounding) -> u16 {
    let away = |bits: u16| bits + 1;
    let toward = |bits: u16| bits - 1;
    let negative = value < 0.0;
    let magnitude = widened.abs().partial_cmp(&value.abs());
    let grow = match rounding {
        Rounding::Up => !negative,
        Rounding::Down => negative,
        Rounding::Zero | Rounding::Nearest | Rounding::NearestAway => false,
    };
    match (magnitude, grow) {
        (Some(std::cmp::Ordering::Less), true) => away(bits),
        (Some(std::cmp::Ordering::Greater), false) => toward(bits),
        _ => bits,
    }
}

/// Applies a function to the one or two halves of a word.
fn each(pair: bool, f: impl Fn(u32) -> u16) -> u32 {
    let low = u32::from(f(0));
    if pair { low | u32::from(f(16)) << 16 } else { low }
}

pub(super) fn arithmetic(vector: Vector, registers: &mut Registers, operation: &Operation) {
    match *operation {
        Operation::HalfUnary { operation, kind, pair, to, a } => {
            for lane in lanes(vector.mask) {
                let a = registers.row::<u32>(a)[lane];
                let result = each(pair, |shift| unary(operation, kind, (a >> shift) as u16));
                registers.row_mut::<u32>(to)[lane] = result;
            }
        }
        Operation::HalfBinary { operation, mode, kind, pair, to, a, b } => {
            for lane in lanes(vector.mask) {
                let (a, b) = (registers.row::<u32>(a)[lane], registers.row::<u32>(b)[lane]);
                let result = each(pair, |shift| {
                    let (a, b) = (kind.widen((a >> shift) as u16), kind.widen((b >> shift) as u16));
                    finish(mode, kind, binary(operation, mode, kind, a, b))
                });
                registers.row_mut::<u32>(to)[lane] = result;
            }
        }
        Operation::HalfMultiplyAdd { mode, kind, pair, to, a, b, c } => {
            for lane in lanes(vector.mask) {
                let values = [a, b, c].map(|row| registers.row::<u32>(row)[lane]);
                let result = each(pair, |shift| {
                    let [a, b, c] = values.map(|value| f64::from(kind.widen((value >> shift) as u16)));
                    let (sum, error) = two_sum(a * b, c);
                    finish(mode, kind, kind.narrow_exactly(sum, error))
                });
                registers.row_mut::<u32>(to)[lane] = result;
            }
        }
        ref other => unreachable!("{other:?} is not decoded to an operation on halves"),
    }
}

fn unary(operation: FloatUnary, kind: Half, bits: u16) -> u16 {
    match operation {
        FloatUnary::Abs => bits & 0x7fff,
        FloatUnary::Negate => bits ^ 0x8000,
        FloatUnary::Exp2 => kind.narrow(kind.widen(bits).exp2(), Rounding::Nearest),
        _ => kind.narrow(kind.widen(bits).tanh(), Rounding::Nearest),
    }
}

fn binary(operation: FloatBinary, mode: FloatMode, kind: Half, a: f32, b: f32) -> u16 {
    let (wide_a, wide_b) = (f64::from(a), f64::from(b));
    let exactly = |(sum, error)| kind.narrow_exactly(sum, error);
    match operation {
        FloatBinary::Add => exactly(two_sum(wide_a, wide_b)),
        FloatBinary::Subtract => exactly(two_sum(wide_a, -wide_b)),
        FloatBinary::Multiply => exactly((wide_a * wide_b, 0.0)),
        _ if mode.nan && (a.is_nan() || b.is_nan()) => 0x7fff,
        FloatBinary::Minimum => kind.narrow(minimum(a, b), Rounding::Nearest),
        _ => kind.narrow(maximum(a, b), Rounding::Nearest),
    }
}

/// Clamps a result as its mode says.
fn finish(mode: FloatMode, kind: Half, bits: u16) -> u16 {
    let value = kind.widen(bits);
    if mode.saturate {
        return kind.narrow(unit(value), Rounding::Nearest);
    }
    if mode.relu && value <= 0.0 { 0 } else { bits }
}

pub(super) fn convert_pair(
    vector: Vector,
    registers: &mut Registers,
    kind: Half,
    (rounding, relu): (Rounding, bool),
    to: Row,
    rows: (Row, Row),
) {
    let one = |bits: u32| {
        let value = f32::from_bits(bits);
        u32::from(kind.narrow(if relu && value <= 0.0 { 0.0 } else { value }, rounding))
    };
    vector.map2(registers, to, rows, |high: u32, low: u32| one(high) << 16 | one(low));
}
