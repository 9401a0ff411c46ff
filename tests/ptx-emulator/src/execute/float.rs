//! f32 and f64.
//!
//! Sums, products, quotients and roots are IEEE's, which the host's are too. Approximate functions are the host's of
//! the same width, good to about an ulp; [`Options::noise`](crate::Options::noise) adds what NVIDIA allows them.

use super::block::BlockRun;
use super::registers::Registers;
use super::vector::Vector;
use super::warp::Warp;
use crate::memory::region::lanes;
use crate::operation::{FloatBinary, FloatClass, FloatMode, FloatUnary, Operation, Rounding, Row};

/// The NaN that arithmetic of f32 gives.
const CANONICAL_NAN: u32 = 0x7fff_ffff;

/// Relative errors of approximate f32 functions: PTX ISA, at `ex2` 2^-22.5, `lg2` 2^-22, `rcp`, `sqrt`, `rsqrt` and
/// `div.full` 1 to 2.4 ulp, `sin` and `cos` 2^-20.5, `tanh` 2^-11.
fn allowed_error(operation: FloatUnary) -> f64 {
    match operation {
        FloatUnary::Exp2 | FloatUnary::Log2 => 2f64.powf(-22.5),
        FloatUnary::Sine | FloatUnary::Cosine => 2f64.powf(-20.9),
        FloatUnary::Tanh => 2f64.powi(-11),
        _ => 2f64.powi(-23),
    }
}

#[inline(always)]
pub(super) fn flush(flush: bool, value: f32) -> f32 {
    if flush && value.abs() < f32::MIN_POSITIVE {
        f32::from_bits(value.to_bits() & 0x8000_0000)
    } else {
        value
    }
}

#[inline(always)]
fn operand(mode: FloatMode, bits: u32) -> f32 {
    flush(mode.flush, f32::from_bits(bits))
}

/// A number clamped to [0, 1]; NaN becomes 0.
#[inline(always)]
pub(super) fn unit<T: From<f32> + PartialOrd>(value: T) -> T {
    if value >= T::from(1.0) {
        T::from(1.0)
    } else if value > T::from(0.0) {
        value
    } else {
        T::from(0.0)
    }
}

/// A result, flushed and clamped as its mode says.
#[inline(always)]
fn finish(mode: FloatMode, value: f32) -> u32 {
    let value = flush(mode.flush, value);
    (if mode.saturate { unit(value) } else { value }).to_bits()
}

/// Rounds to f32 the number `sum + error`, where `error` is below half an ulp of `sum` (in f64).
pub(super) fn round_directed(sum: f64, error: f64, rounding: Rounding) -> f32 {
    let nearest = sum as f32;
    if nearest.is_infinite() && sum.is_finite() {
        let toward_zero = match rounding {
            Rounding::Zero => true,
            Rounding::Down => sum > 0.0,
            Rounding::Up => sum < 0.0,
            Rounding::Nearest | Rounding::NearestAway => false,
        };
        return if toward_zero { f32::MAX.copysign(nearest) } else { nearest };
    }
    let wide = f64::from(nearest);
    let above = wide > sum || (wide == sum && error < 0.0);
    let below = wide < sum || (wide == sum && error > 0.0);
    match rounding {
        Rounding::Down if above => nearest.next_down(),
        Rounding::Up if below => nearest.next_up(),
        Rounding::Zero if above && sum > 0.0 => nearest.next_down(),
        Rounding::Zero if below && sum < 0.0 => nearest.next_up(),
        _ => nearest,
    }
}

/// a + b as a sum in f64 and what it lacks (Knuth's two-sum).
pub(super) fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let from_b = sum - a;
    (sum, (a - (sum - from_b)) + (b - from_b))
}

/// The smaller of two numbers, the other if one is NaN; -0 is below +0.
#[inline(always)]
pub(super) fn minimum(a: f32, b: f32) -> f32 {
    let equal = f32::from_bits(a.to_bits() | b.to_bits());
    if a < b {
        a
    } else if b < a {
        b
    } else if a.is_nan() {
        if b.is_nan() { f32::from_bits(CANONICAL_NAN) } else { b }
    } else if b.is_nan() {
        a
    } else {
        equal
    }
}

#[inline(always)]
pub(super) fn maximum(a: f32, b: f32) -> f32 {
    let negated = |value: f32| f32::from_bits(value.to_bits() ^ 0x8000_0000);
    if a.is_nan() && b.is_nan() {
        f32::from_bits(CANONICAL_NAN)
    } else {
        negated(minimum(negated(a), negated(b)))
    }
}

impl BlockRun<'_> {
    pub(super) fn float(&mut self, warp: &mut Warp, operation: &Operation, vector: Vector) {
        let registers = &mut warp.registers;
        match *operation {
            Operation::F32Binary { operation: FloatBinary::Divide, mode, approximate: true, to, a, b } => {
                let mask = vector.mask;
                for lane in lanes(mask) {
                    let (a, b) = (registers.row::<u32>(a)[lane], registers.row::<u32>(b)[lane]);
                    let quotient = operand(mode, a) / operand(mode, b);
                    let noisy = self.noisy(quotient, FloatUnary::Reciprocal);
                    registers.row_mut::<u32>(to)[lane] = finish(mode, noisy);
                }
            }
            Operation::F32Binary { operation, mode, to, a, b, .. } => {
                f32_binary(vector, registers, operation, mode, to, (a, b));
            }
            Operation::F32MultiplyAdd { mode, to, a, b, c } => {
                f32_multiply_add(vector, registers, mode, to, (a, b, c));
            }
            Operation::F32Unary { operation, mode, to, a, approximate } => {
                self.f32_unary(registers, vector, operation, mode, to, a, approximate);
            }
            Operation::F32Class { class, to, a } => {
                let found = vector.test(registers, (a, a), |a: u32, _| is_of(class, f32::from_bits(a)));
                registers.set_predicate(to, vector.mask, found);
            }
            Operation::F64Unary { operation, to, a } => f64_unary(vector, registers, operation, to, a),
            Operation::F64Binary { operation, to, a, b } => {
                f64_binary(vector, registers, operation, to, (a, b));
            }
            Operation::F64MultiplyAdd { to, a, b, c } => {
                vector.fused(registers, to, (a, b, c), |a: u64, b: u64, c: u64| {
                    f64::from_bits(a).mul_add(f64::from_bits(b), f64::from_bits(c)).to_bits()
                });
            }
            ref other => unreachable!("{other:?} is not decoded to an operation on floats"),
        }
    }

    /// An approximate result, as it may come out. Exact ones stay so: CUDA's own library relies on it of `ex2`.
    fn noisy(&mut self, value: f32, operation: FloatUnary) -> f32 {
        if !self.noise || !value.is_finite() || value.to_bits() & 0xfff == 0 {
            return value;
        }
        (f64::from(value) * (1.0 + self.shuffle.signed_unit() * allowed_error(operation))) as f32
    }

    fn f32_unary(
        &mut self,
        registers: &mut Registers,
        vector: Vector,
        operation: FloatUnary,
        mode: FloatMode,
        to: Row,
        a: Row,
        approximate: bool,
    ) {
        let apply = |operation, a| finish(mode, function(operation, operand(mode, a)));
        match operation {
            FloatUnary::Abs => vector.map1(registers, to, a, |a| apply(FloatUnary::Abs, a)),
            FloatUnary::Negate => vector.map1(registers, to, a, |a| apply(FloatUnary::Negate, a)),
            _ if mode.rounding != Rounding::Nearest => {
                for lane in lanes(vector.mask) {
                    let a = operand(mode, registers.row::<u32>(a)[lane]);
                    let result = directed_function(operation, a, mode.rounding);
                    registers.row_mut::<u32>(to)[lane] = finish(mode, result);
                }
            }
            _ if approximate && self.noise => {
                for lane in lanes(vector.mask) {
                    let a = operand(mode, registers.row::<u32>(a)[lane]);
                    let result = self.noisy(function(operation, a), operation);
                    registers.row_mut::<u32>(to)[lane] = finish(mode, result);
                }
            }
            FloatUnary::SquareRoot => vector.map1(registers, to, a, |a| apply(FloatUnary::SquareRoot, a)),
            FloatUnary::Reciprocal => vector.map1(registers, to, a, |a| apply(FloatUnary::Reciprocal, a)),
            FloatUnary::ReciprocalSquareRoot => {
                vector.map1(registers, to, a, |a| apply(FloatUnary::ReciprocalSquareRoot, a));
            }
            _ => {
                for lane in lanes(vector.mask) {
                    let a = registers.row::<u32>(a)[lane];
                    registers.row_mut::<u32>(to)[lane] = apply(operation, a);
                }
            }
        }
    }
}

#[inline(always)]
pub(super) fn function(operation: FloatUnary, a: f32) -> f32 {
    match operation {
        FloatUnary::Abs => a.abs(),
        FloatUnary::Negate => -a,
        FloatUnary::SquareRoot => a.sqrt(),
        FloatUnary::Reciprocal => 1.0 / a,
        FloatUnary::ReciprocalSquareRoot => (1.0 / f64::from(a).sqrt()) as f32,
        FloatUnary::Exp2 => a.exp2(),
        FloatUnary::Log2 => a.log2(),
        FloatUnary::Sine => a.sin(),
        FloatUnary::Cosine => a.cos(),
        FloatUnary::Tanh => a.tanh(),
    }
}

/// `sqrt` and `rcp` rounded otherwise than to nearest: what the result lacks is found by an exact product.
fn directed_function(operation: FloatUnary, a: f32, rounding: Rounding) -> f32 {
    let wide = f64::from(a);
    let (result, lack) = match operation {
        FloatUnary::SquareRoot => (wide.sqrt(), (-wide.sqrt()).mul_add(wide.sqrt(), wide)),
        FloatUnary::Reciprocal => (1.0 / wide, (-1.0 / wide).mul_add(wide, 1.0) * wide.signum()),
        _ => (f64::from(function(operation, a)), 0.0),
    };
    round_directed(result, lack, rounding)
}

fn f32_binary(
    vector: Vector,
    registers: &mut Registers,
    operation: FloatBinary,
    mode: FloatMode,
    to: Row,
    rows: (Row, Row),
) {
    let plain = !mode.flush && !mode.saturate;
    macro_rules! apply {
        ($f:expr) => {{
            let f = $f;
            if plain {
                vector.map2(registers, to, rows, |a: u32, b: u32| {
                    f(f32::from_bits(a), f32::from_bits(b)).to_bits()
                });
            } else {
                vector.map2(registers, to, rows, |a: u32, b: u32| {
                    finish(mode, f(operand(mode, a), operand(mode, b)))
                });
            }
        }};
    }
    let nan = f32::from_bits(CANONICAL_NAN);
    match operation {
        FloatBinary::Minimum if mode.nan => {
            apply!(|a: f32, b: f32| if a.is_nan() || b.is_nan() { nan } else { minimum(a, b) })
        }
        FloatBinary::Maximum if mode.nan => {
            apply!(|a: f32, b: f32| if a.is_nan() || b.is_nan() { nan } else { maximum(a, b) })
        }
        FloatBinary::Minimum => apply!(minimum),
        FloatBinary::Maximum => apply!(maximum),
        FloatBinary::CopySign => apply!(|a: f32, b: f32| b.copysign(a)),
        _ if mode.rounding != Rounding::Nearest => {
            for lane in lanes(vector.mask) {
                let a = operand(mode, registers.row::<u32>(rows.0)[lane]);
                let b = operand(mode, registers.row::<u32>(rows.1)[lane]);
                registers.row_mut::<u32>(to)[lane] = finish(mode, directed(operation, a, b, mode.rounding));
            }
        }
        FloatBinary::Add => apply!(|a: f32, b: f32| a + b),
        FloatBinary::Subtract => apply!(|a: f32, b: f32| a - b),
        FloatBinary::Multiply => apply!(|a: f32, b: f32| a * b),
        FloatBinary::Divide => apply!(|a: f32, b: f32| a / b),
    }
}

fn directed(operation: FloatBinary, a: f32, b: f32, rounding: Rounding) -> f32 {
    let (a, b) = (f64::from(a), f64::from(b));
    let (result, lack) = match operation {
        FloatBinary::Add => two_sum(a, b),
        FloatBinary::Subtract => two_sum(a, -b),
        FloatBinary::Divide => (a / b, (-(a / b)).mul_add(b, a) * b.signum()),
        _ => (a * b, 0.0),
    };
    round_directed(result, lack, rounding)
}

fn f32_multiply_add(
    vector: Vector,
    registers: &mut Registers,
    mode: FloatMode,
    to: Row,
    rows: (Row, Row, Row),
) {
    if mode.rounding != Rounding::Nearest {
        for lane in lanes(vector.mask) {
            let value = |row| f64::from(operand(mode, registers.row::<u32>(row)[lane]));
            let (sum, lack) = two_sum(value(rows.0) * value(rows.1), value(rows.2));
            registers.row_mut::<u32>(to)[lane] = finish(mode, round_directed(sum, lack, mode.rounding));
        }
    } else if mode.flush || mode.saturate {
        vector.fused(registers, to, rows, |a: u32, b: u32, c: u32| {
            finish(mode, operand(mode, a).mul_add(operand(mode, b), operand(mode, c)))
        });
    } else {
        vector.fused(registers, to, rows, |a: u32, b: u32, c: u32| {
            f32::from_bits(a).mul_add(f32::from_bits(b), f32::from_bits(c)).to_bits()
        });
    }
}

#[inline(always)]
fn is_of(class: FloatClass, value: f32) -> bool {
    match class {
        FloatClass::Finite => value.is_finite(),
        FloatClass::Infinite => value.is_infinite(),
        FloatClass::Number => !value.is_nan(),
        FloatClass::NotANumber => value.is_nan(),
        FloatClass::Normal => value.is_normal(),
        FloatClass::Subnormal => value.is_subnormal(),
    }
}

fn f64_unary(vector: Vector, registers: &mut Registers, operation: FloatUnary, to: Row, a: Row) {
    for lane in lanes(vector.mask) {
        let a = f64::from_bits(registers.row::<u64>(a)[lane]);
        let result = match operation {
            FloatUnary::Abs => a.abs(),
            FloatUnary::Negate => -a,
            FloatUnary::SquareRoot => a.sqrt(),
            FloatUnary::Reciprocal => 1.0 / a,
            FloatUnary::ReciprocalSquareRoot => 1.0 / a.sqrt(),
            FloatUnary::Exp2 => a.exp2(),
            FloatUnary::Log2 => a.log2(),
            FloatUnary::Sine => a.sin(),
            FloatUnary::Cosine => a.cos(),
            FloatUnary::Tanh => a.tanh(),
        };
        registers.row_mut::<u64>(to)[lane] = result.to_bits();
    }
}

fn f64_binary(vector: Vector, registers: &mut Registers, operation: FloatBinary, to: Row, rows: (Row, Row)) {
    macro_rules! apply {
        ($f:expr) => {{
            let f = $f;
            vector
                .map2(registers, to, rows, |a: u64, b: u64| f(f64::from_bits(a), f64::from_bits(b)).to_bits())
        }};
    }
    match operation {
        FloatBinary::Add => apply!(|a: f64, b: f64| a + b),
        FloatBinary::Subtract => apply!(|a: f64, b: f64| a - b),
        FloatBinary::Multiply => apply!(|a: f64, b: f64| a * b),
        FloatBinary::Divide => apply!(|a: f64, b: f64| a / b),
        FloatBinary::Minimum => apply!(f64::min),
        FloatBinary::Maximum => apply!(f64::max),
        FloatBinary::CopySign => apply!(|a: f64, b: f64| b.copysign(a)),
    }
}
