//! The functions of one and two operands, each a vectorised loop over rows.

use crate::cpu::math;
use crate::ops::{BinaryKind, UnaryKind};

/// The rows of an operand and of a result.
struct Each<A, R> {
    rows: usize,
    a: A,
    result: R,
}

impl<'v, A: Fn(usize) -> &'v [f32], R: Fn(usize) -> &'v mut [f32]> Each<A, R> {
    #[inline(always)]
    fn map(self, f: impl Fn(f32) -> f32) {
        for row in 0..self.rows {
            map_row((self.a)(row), (self.result)(row), &f);
        }
    }
}

/// The rows of two operands and of a result.
struct Pairs<A, B, R> {
    rows: usize,
    a: A,
    b: B,
    result: R,
}

impl<'v, A, B, R> Pairs<A, B, R>
where
    A: Fn(usize) -> &'v [f32],
    B: Fn(usize) -> &'v [f32],
    R: Fn(usize) -> &'v mut [f32],
{
    #[inline(always)]
    fn map(self, f: impl Fn(f32, f32) -> f32) {
        for row in 0..self.rows {
            map_rows((self.a)(row), (self.b)(row), (self.result)(row), &f);
        }
    }
}

// Slices in arguments of functions: so the compiler knows that a result overlaps no operand, and vectorises.
#[inline(always)]
fn map_row(a: &[f32], result: &mut [f32], f: impl Fn(f32) -> f32) {
    for (result, &a) in result.iter_mut().zip(a) {
        *result = f(a);
    }
}

#[inline(always)]
fn map_rows(a: &[f32], b: &[f32], result: &mut [f32], f: impl Fn(f32, f32) -> f32) {
    for ((result, &a), &b) in result.iter_mut().zip(a).zip(b) {
        *result = f(a, b);
    }
}

/// Applies a function to the rows of an operand.
#[inline(always)]
pub fn unary<'v>(
    kind: UnaryKind,
    rows: usize,
    a: impl Fn(usize) -> &'v [f32],
    result: impl Fn(usize) -> &'v mut [f32],
) {
    let each = Each { rows, a, result };
    match kind {
        UnaryKind::Neg => each.map(|x| -x),
        UnaryKind::Abs => each.map(f32::abs),
        UnaryKind::Sign => each.map(|x| {
            if x > 0.0 {
                1.0
            } else if x < 0.0 {
                -1.0
            } else {
                x
            }
        }),
        UnaryKind::Square => each.map(|x| x * x),
        UnaryKind::Recip => each.map(|x| 1.0 / x),
        UnaryKind::Sqrt => each.map(f32::sqrt),
        UnaryKind::Rsqrt => each.map(|x| 1.0 / x.sqrt()),
        UnaryKind::Exp => each.map(math::exp),
        UnaryKind::Exp2 => each.map(math::exp2),
        UnaryKind::Ln => each.map(math::ln),
        UnaryKind::Log2 => each.map(math::log2),
        UnaryKind::Sin => each.map(math::sin),
        UnaryKind::Cos => each.map(math::cos),
        UnaryKind::Tanh => each.map(math::tanh),
        UnaryKind::Sigmoid => each.map(math::sigmoid),
        UnaryKind::Erf => each.map(math::erf),
        UnaryKind::Gelu => each.map(math::gelu),
        UnaryKind::GeluDerivative => each.map(math::gelu_derivative),
        UnaryKind::Relu => each.map(|x| if x < 0.0 { 0.0 } else { x }),
        UnaryKind::Silu => each.map(math::silu),
        UnaryKind::Softplus => each.map(math::softplus),
        UnaryKind::Floor => each.map(f32::floor),
        UnaryKind::StopGradient => each.map(|x| x),
    }
}

/// Applies a function to the rows of two operands.
#[inline(always)]
pub fn binary<'v>(
    kind: BinaryKind,
    rows: usize,
    a: impl Fn(usize) -> &'v [f32],
    b: impl Fn(usize) -> &'v [f32],
    result: impl Fn(usize) -> &'v mut [f32],
) {
    let pairs = Pairs { rows, a, b, result };
    let truth = |holds: bool| if holds { 1.0 } else { 0.0 };
    match kind {
        BinaryKind::Add => pairs.map(|a, b| a + b),
        BinaryKind::Sub => pairs.map(|a, b| a - b),
        BinaryKind::Mul => pairs.map(|a, b| a * b),
        BinaryKind::Div => pairs.map(|a, b| a / b),
        BinaryKind::Max => pairs.map(|a, b| if a.is_nan() || a > b { a } else { b }),
        BinaryKind::Min => pairs.map(|a, b| if a.is_nan() || a < b { a } else { b }),
        BinaryKind::Pow => pairs.map(|a, b| math::exp2(b * math::log2(a))),
        BinaryKind::Mod => pairs.map(|a, b| a % b),
        BinaryKind::Less => pairs.map(|a, b| truth(a < b)),
        BinaryKind::LessEqual => pairs.map(|a, b| truth(a <= b)),
        BinaryKind::Equal => pairs.map(|a, b| truth(a == b)),
    }
}
