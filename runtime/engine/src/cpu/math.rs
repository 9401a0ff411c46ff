//! Elementary functions for the CPU kernels: scalar `f32` code that LLVM turns into SIMD.
//!
//! Every function is branch-free (an `if` only selects between two computed values), inlined into its caller
//! and free of calls, so a plain loop over it inside `simd::dispatch` vectorises to the full register width.
//!
//! All is made of additions, multiplications, divisions and bit operations, each rounded on its own as
//! IEEE 754 asks: **results are the same bits on every instruction set**. A fused multiply-add would break
//! that, and without hardware support it is a library call.
//!
//! Error bounds are against the exact value, for all finite inputs unless a range is stated, in ulp (the
//! spacing of `f32` at the exact result) or absolute. They are maxima measured over every input from 2⁻³⁰ to
//! 2²⁸ in magnitude, rounded up; `tests` asserts them on a sample of all inputs. NaN gives NaN, and subnormal
//! inputs and results are treated like any other.
//!
//! Polynomials are minimax fits with `f32` coefficients (Sollya's `fpminimax`), constant term first. They miss
//! the function by less than 2⁻²⁵, so rounding, not the fit, sets the bounds.

use std::f32::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, LN_2, LOG2_E};
use std::f64::consts::FRAC_2_PI;

#[cfg(test)]
mod tests;

/// ln 2 in two pieces; the high one has 9 significant bits, so its product with any exponent is exact.
const LN_2_HIGH: f32 = 355.0 / 512.0;
const LN_2_LOW: f32 = -2.121_944_4e-4;

/// `eˣ`, within 1.01 ulp: 0 below −103.98, ∞ above 88.73.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    let (n, r) = split_exponent(x.clamp(-104.0, 89.0));
    // e^−103.97208 is half the smallest subnormal.
    scale_by_power_of_two(1.0 + expm1_reduced(r), n, x < -103.972_08)
}

/// `2ˣ` = 1 + x · P(x) on [−½, ½].
const EXP2: [f32; 6] = [LN_2, 0.240_226_45, 5.550_358_4e-2, 9.618_829e-3, 1.339_147_3e-3, 1.524_339_6e-4];

/// `2ˣ`, within 1.08 ulp and exact for integers: 0 from −150 down, ∞ from 128 up.
#[inline(always)]
pub fn exp2(x: f32) -> f32 {
    let bounded = x.clamp(-150.0, 128.0);
    let (n, nearest) = round_to_integer(bounded);
    let r = bounded - nearest;
    scale_by_power_of_two(1.0 + r * polynomial(r, EXP2), n, x <= -150.0)
}

/// `ln(1 + f)` = f − f²/2 + f³ · P(f) on [√½ − 1, √2 − 1].
const LN_1P: [f32; 8] = [
    0.333_333_8,
    -0.250_008_43,
    0.199_986_68,
    -0.166_208_9,
    0.142_442_45,
    -0.132_199_18,
    0.125_378_22,
    -7.235_845e-2,
];

/// Natural logarithm, within 0.86 ulp: −∞ at ±0, ∞ at ∞, NaN below zero.
#[inline(always)]
pub fn ln(x: f32) -> f32 {
    let (e, f) = split_mantissa(x);
    let square = f * f;
    let correction = f * square * polynomial(f, LN_1P) + e * LN_2_LOW - 0.5 * square;
    with_logarithm_limits(x, (f + correction) + e * LN_2_HIGH)
}

/// `log₂(1 + f)` = f + f · P(f) on [√½ − 1, √2 − 1]; the f outside the polynomial is free of rounding.
const LOG2_1P: [f32; 10] = [
    0.442_695_05,
    -0.721_347_33,
    0.480_896_77,
    -0.360_697_24,
    0.288_623_45,
    -0.239_644_94,
    0.203_792_45,
    -0.190_139_55,
    0.190_134_45,
    -0.116_413_29,
];

/// Base-2 logarithm, within 1.33 ulp and exact for powers of two; limits as for [`ln`].
#[inline(always)]
pub fn log2(x: f32) -> f32 {
    let (e, f) = split_mantissa(x);
    with_logarithm_limits(x, (f + f * polynomial(f, LOG2_1P)) + e)
}

/// Hyperbolic tangent, within 2.61 ulp, odd, never outside [−1, 1].
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    // From |x| = 9.02 on the result rounds to 1.
    let (n, r) = split_exponent((2.0 * x.abs()).clamp(0.0, 20.0));
    let power = power_of_two(n);
    // e^(2|x|) − 1 term by term: subtracting from the finished exponential would cost small x its digits.
    let expm1 = power * expm1_reduced(r) + (power - 1.0);
    (expm1 / (expm1 + 2.0)).copysign(x)
}

/// Logistic function `1 / (1 + e⁻ˣ)`, within 2.41 ulp, also where it is tiny.
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    let e = exp(-x.abs());
    let numerator = if x < 0.0 { e } else { 1.0 };
    numerator / (1.0 + e)
}

/// Sigmoid-weighted linear unit `x · sigmoid(x)`, within 3.3 ulp down to −87 and 2e-43 below: −0 at −∞.
#[inline(always)]
pub fn silu(x: f32) -> f32 {
    let x = finite_below(x);
    x * sigmoid(x)
}

/// `2 artanh(s)` = 2s + s³ · P(s²) on [0, ⅓].
const TWICE_ARTANH: [f32; 5] = [0.666_666_75, 0.399_989_52, 0.286_150_9, 0.214_454_56, 0.242_388_28];

/// `ln(1 + eˣ)`, within 2.8 ulp, also where it is tiny.
#[inline(always)]
pub fn softplus(x: f32) -> f32 {
    let e = exp(-x.abs());
    // ln(1 + e) = 2 artanh(e / (2 + e)), without the rounding of 1 + e.
    let s = e / (2.0 + e);
    let square = s * s;
    let ln_1p = 2.0 * s + s * square * polynomial(square, TWICE_ARTANH);
    let linear = if x < 0.0 { 0.0 } else { x };
    linear + ln_1p
}

/// `erf(x)` = x · P(x²) / Q(x²) on [−4, 4], within 2.5e-8 relative: an own rational fit, minimax by Lawson's
/// iteration. No coefficient is negative, so nothing cancels.
const ERF_P: [f32; 6] =
    [FRAC_2_SQRT_PI, 0.193_537_58, 5.310_074_6e-2, 3.883_030_5e-3, 2.845_598e-4, 1.986_851_9e-6];
const ERF_Q: [f32; 6] = [1.0, 0.504_850_8, 0.115_346_916, 1.520_660_8e-2, 1.185_497_3e-3, 3.742_058_5e-5];

/// Error function, within 5.84 ulp and 3.5e-7, odd, never outside [−1, 1].
#[inline(always)]
pub fn erf(x: f32) -> f32 {
    // From |x| = 3.84 on the result rounds to 1; at the bounds the fit gives exactly that, so that Φ(−∞) = 0.
    let x = x.clamp(-4.0, 4.0);
    let square = x * x;
    (x * polynomial(square, ERF_P) / polynomial(square, ERF_Q)).clamp(-1.0, 1.0)
}

/// Exact Gaussian error linear unit `x · Φ(x)`, within 2.6e-7 · max(1, |x|): −0 at −∞.
#[inline(always)]
pub fn gelu(x: f32) -> f32 {
    let x = finite_below(x);
    x * normal_cdf(x)
}

/// `gelu'(x)` = ½ + x · P(x²) / Q(x²) on [−6.2, 6.2], within 7e-9: one rational fit, made as [`ERF_P`], takes
/// half the time of Φ and the density apart. Its `f32` values at the bounds are 0 and 1 exactly.
const GELU_DERIVATIVE_P: [f32; 7] = [
    0.797_884_5,
    -0.018_236_533,
    0.013_698_823,
    0.000_277_599_58,
    3.416_204_7e-5,
    1.125_394_4e-6,
    1.873_485_2e-8,
];
const GELU_DERIVATIVE_Q: [f32; 8] = [
    1.0,
    0.310_476_63,
    0.045_662_794,
    0.004_185_691,
    0.000_264_341_77,
    1.129_957_6e-5,
    3.964_265_4e-7,
    1.376_355_6e-9,
];

/// Derivative of [`gelu`], `Φ(x) + x · φ(x)`, within 2.8e-7: exactly 0 below −6.2 and 1 above 6.2.
#[inline(always)]
pub fn gelu_derivative(x: f32) -> f32 {
    let x = x.clamp(-6.2, 6.2);
    let square = x * x;
    0.5 + x * polynomial(square, GELU_DERIVATIVE_P) / polynomial(square, GELU_DERIVATIVE_Q)
}

/// Sine, within 1.59 ulp for |x| ≤ 2²⁸; NaN beyond, where neighbouring inputs are several turns apart.
#[inline(always)]
pub fn sin(x: f32) -> f32 {
    let (quadrant, r) = split_quadrant(x);
    sine_in_quadrant(quadrant, r)
}

/// Cosine, with the error and the range of [`sin`].
#[inline(always)]
pub fn cos(x: f32) -> f32 {
    let (quadrant, r) = split_quadrant(x);
    sine_in_quadrant(quadrant.wrapping_add(1), r)
}

/// Standard normal distribution function Φ.
#[inline(always)]
fn normal_cdf(x: f32) -> f32 {
    0.5 + 0.5 * erf(x * FRAC_1_SQRT_2)
}

/// Bounds x from below where the caller's result is 0 anyway: −∞ · 0 would be NaN. NaN stays.
#[inline(always)]
fn finite_below(x: f32) -> f32 {
    if x < -128.0 { -128.0 } else { x }
}

/// Horner's rule, constant term first.
#[inline(always)]
fn polynomial<const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    let mut sum = coefficients[N - 1];
    for i in (0..N - 1).rev() {
        sum = sum * x + coefficients[i];
    }
    sum
}

/// The nearest integer (ties to even) as `i32` and `f32`, for |x| < 2²².
#[inline(always)]
fn round_to_integer(x: f32) -> (i32, f32) {
    // At 1.5 · 2²³ the spacing of f32 is 1: the addition rounds, and the low bits hold the integer.
    const SHIFT: f32 = 12_582_912.0;
    let shifted = x + SHIFT;
    (shifted.to_bits().wrapping_sub(SHIFT.to_bits()) as i32, shifted - SHIFT)
}

/// 2ⁿ for n in −126..=127.
#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) as u32) << 23)
}

/// n and r with eˣ = 2ⁿ · eʳ and |r| ≤ ½ ln 2, for |x| < 2¹⁶ (Cody and Waite).
#[inline(always)]
fn split_exponent(x: f32) -> (i32, f32) {
    let (n, nearest) = round_to_integer(x * LOG2_E);
    (n, (x - nearest * LN_2_HIGH) - nearest * LN_2_LOW)
}

/// `eʳ − 1` = r + r² · P(r) on [−½ ln 2, ½ ln 2].
const EXPM1: [f32; 5] = [0.499_999_97, 0.166_665_42, 4.166_75e-2, 8.366_742e-3, 1.386_521_7e-3];

/// `eʳ − 1` for |r| ≤ ½ ln 2.
#[inline(always)]
fn expm1_reduced(r: f32) -> f32 {
    r + r * r * polynomial(r, EXPM1)
}

/// `x · 2ⁿ` rounded once, for x in [½, 2] and n in −150..=128; 0 where `vanishes`.
#[inline(always)]
fn scale_by_power_of_two(x: f32, n: i32, vanishes: bool) -> f32 {
    let half = n >> 1;
    // A zero factor, not a product that underflows: those trap into microcode on Intel, at over 100 cycles,
    // and a masked softmax is full of them.
    let rest = if vanishes { 0.0 } else { power_of_two(n.wrapping_sub(half)) };
    x * power_of_two(half) * rest
}

/// e and f with x = 2ᵉ · (1 + f) and 1 + f in [√½, √2), for positive finite x.
#[inline(always)]
fn split_mantissa(x: f32) -> (f32, f32) {
    const SQRT_HALF_BITS: u32 = 0x3f35_04f3;
    let subnormal = x < f32::MIN_POSITIVE;
    let normal = if subnormal { x * 16_777_216.0 } else { x };
    let bits = normal.to_bits();
    let exponent = (bits.wrapping_sub(SQRT_HALF_BITS) as i32) >> 23;
    let mantissa = f32::from_bits(bits.wrapping_sub((exponent as u32) << 23));
    let e = exponent as f32 - if subnormal { 24.0 } else { 0.0 };
    (e, mantissa - 1.0)
}

/// Replaces a logarithm's computed value by its limit where x is not positive and finite.
#[inline(always)]
fn with_logarithm_limits(x: f32, computed: f32) -> f32 {
    let at_least_zero = if x == 0.0 { f32::NEG_INFINITY } else { f32::NAN };
    let below_infinity = if x > 0.0 { computed } else { at_least_zero };
    if x == f32::INFINITY { x } else { below_infinity }
}

/// The quarter turn nearest to x, modulo 2³², and the rest in [−π/4, π/4]; NaN where |x| > 2²⁸.
#[inline(always)]
fn split_quadrant(x: f32) -> (u32, f32) {
    // π/2 in two pieces; the high one has 25 significant bits, so 2²⁸ quarter turns of it are exact in f64.
    const QUARTER_TURN_HIGH: f64 = 1.570_796_310_901_641_8;
    const QUARTER_TURN_LOW: f64 = 1.589_325_477_352_819_7e-8;
    const SHIFT: f64 = 6_755_399_441_055_744.0; // 1.5 · 2⁵², as in `round_to_integer`.
    let wide = f64::from(x);
    let shifted = wide * FRAC_2_PI + SHIFT;
    let turns = shifted - SHIFT;
    let r = (wide - turns * QUARTER_TURN_HIGH) - turns * QUARTER_TURN_LOW;
    let in_range = x.abs() <= 268_435_456.0;
    (shifted.to_bits() as u32, if in_range { r as f32 } else { f32::NAN })
}

/// `sin(r)` = r + r³ · P(r²) on [−π/4, π/4].
const SIN: [f32; 3] = [-0.166_666_55, 8.332_189e-3, -1.951_828_5e-4];
/// `cos(r)` = 1 − r²/2 + r⁴ · P(r²) on [−π/4, π/4].
const COS: [f32; 3] = [4.166_664_6e-2, -1.388_731_1e-3, 2.443_256_4e-5];

/// Sine of `quadrant` quarter turns plus r, for |r| ≤ π/4.
#[inline(always)]
fn sine_in_quadrant(quadrant: u32, r: f32) -> f32 {
    let square = r * r;
    let sine = r + r * square * polynomial(square, SIN);
    let cosine = 1.0 - 0.5 * square + square * square * polynomial(square, COS);
    let magnitude = if quadrant & 1 == 0 { sine } else { cosine };
    let sign = (quadrant & 2) << 30;
    f32::from_bits(magnitude.to_bits() ^ sign)
}
