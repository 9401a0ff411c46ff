//! Errors against `f64` over a sample of all `f32` bit patterns, then limits, symmetries and exact values.

use super::*;

/// Every how many bit patterns one is tried; odd, so that all low mantissa bits come up.
const STRIDE: usize = if cfg!(debug_assertions) { 4999 } else { 199 };

/// All `STRIDE`th finite numbers of both signs with magnitude at most `largest`.
fn sample(largest: f32) -> impl Iterator<Item = f32> {
    let magnitudes = (0..=largest.to_bits()).step_by(STRIDE).map(f32::from_bits);
    magnitudes.flat_map(|x| [x, -x])
}

/// The spacing of `f32` at `exact`.
fn ulp(exact: f64) -> f64 {
    let exponent = exact.abs().max(f64::from(f32::MIN_POSITIVE)).log2().floor();
    (exponent.min(127.0) - 23.0).exp2()
}

/// Asserts |computed − exact| ≤ `bound` · `unit(x, exact)` for the sample of `inputs`; where the exact result
/// is no finite `f32`, the same infinity or NaN.
fn assert_error(
    inputs: impl Iterator<Item = f32>,
    computed: fn(f32) -> f32,
    exact: fn(f64) -> f64,
    unit: fn(f64, f64) -> f64,
    bound: f64,
) {
    for x in inputs {
        let (y, wide) = (computed(x), f64::from(x));
        let expected = exact(wide);
        let rounded = expected as f32;
        if rounded.is_finite() {
            let error = (f64::from(y) - expected).abs() / unit(wide, expected);
            assert!(error <= bound, "at {x:e}: {y:e} instead of {expected:e} is off by {error} > {bound}");
        } else {
            assert!(y == rounded || (y.is_nan() && rounded.is_nan()), "at {x:e}: {y} instead of {rounded}");
        }
    }
}

fn assert_ulps(largest: f32, computed: fn(f32) -> f32, exact: fn(f64) -> f64, bound: f64) {
    assert_error(sample(largest), computed, exact, |_, exact| ulp(exact), bound);
}

fn assert_absolute(largest: f32, computed: fn(f32) -> f32, exact: fn(f64) -> f64, bound: f64) {
    assert_error(sample(largest), computed, exact, |_, _| 1.0, bound);
}

fn exact_sigmoid(x: f64) -> f64 {
    if x < 0.0 { x.exp() / (1.0 + x.exp()) } else { 1.0 / (1.0 + (-x).exp()) }
}

fn exact_normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}

fn exact_normal_density(x: f64) -> f64 {
    (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt()
}

#[test]
fn exponentials() {
    assert_ulps(f32::MAX, exp, f64::exp, 1.01);
    assert_ulps(f32::MAX, exp2, f64::exp2, 1.08);
}

#[test]
fn logarithms() {
    assert_ulps(f32::MAX, ln, f64::ln, 0.86);
    assert_ulps(f32::MAX, log2, f64::log2, 1.33);
}

#[test]
fn sigmoids() {
    assert_ulps(f32::MAX, tanh, f64::tanh, 2.61);
    assert_ulps(f32::MAX, sigmoid, exact_sigmoid, 2.41);
}

#[test]
fn sigmoid_linear_unit() {
    assert_ulps(87.0, silu, |x| x * exact_sigmoid(x), 3.3);
    assert_error(sample(f32::MAX).filter(|&x| x < -87.0), silu, |x| x * exact_sigmoid(x), |_, _| 1.0, 2e-43);
}

#[test]
fn error_function() {
    assert_ulps(f32::MAX, erf, libm::erf, 5.84);
    assert_absolute(f32::MAX, erf, libm::erf, 3.5e-7);
}

#[test]
fn gelu_and_derivative() {
    let exact = |x| x * exact_normal_cdf(x);
    assert_error(sample(f32::MAX), gelu, exact, |x, _| x.abs().max(1.0), 2.6e-7);
    assert_absolute(f32::MAX, gelu_derivative, |x| exact_normal_cdf(x) + x * exact_normal_density(x), 2.8e-7);
}

#[test]
fn circular_functions() {
    assert_ulps(268_435_456.0, sin, f64::sin, 1.59);
    assert_ulps(268_435_456.0, cos, f64::cos, 1.59);
    for x in [268_435_488.0, f32::MAX, f32::INFINITY] {
        assert!(sin(x).is_nan() && cos(-x).is_nan(), "at {x:e}");
    }
}

type Case = (&'static str, fn(f32) -> f32, f32, f32);

/// Name, function, limit at −∞ and limit at ∞.
const LIMITS: [Case; 10] = [
    ("exp", exp, 0.0, f32::INFINITY),
    ("exp2", exp2, 0.0, f32::INFINITY),
    ("ln", ln, f32::NAN, f32::INFINITY),
    ("log2", log2, f32::NAN, f32::INFINITY),
    ("tanh", tanh, -1.0, 1.0),
    ("sigmoid", sigmoid, 0.0, 1.0),
    ("silu", silu, 0.0, f32::INFINITY),
    ("erf", erf, -1.0, 1.0),
    ("gelu", gelu, 0.0, f32::INFINITY),
    ("gelu_derivative", gelu_derivative, 0.0, 1.0),
];

#[test]
fn limits_at_infinity() {
    let same = |a: f32, b: f32| a == b || (a.is_nan() && b.is_nan());
    for (name, function, below, above) in LIMITS {
        for (x, limit) in [(f32::NEG_INFINITY, below), (f32::INFINITY, above)] {
            assert!(same(function(x), limit), "{name}({x}) is {}, not {limit}", function(x));
        }
    }
}

#[test]
fn nan_stays_nan() {
    for (name, function, ..) in LIMITS {
        assert!(function(f32::NAN).is_nan(), "{name}");
    }
    assert!(sin(f32::NAN).is_nan() && cos(f32::NAN).is_nan());
}

#[test]
fn odd_functions_are_odd_and_bounded() {
    for x in sample(f32::MAX) {
        for (name, function) in [("tanh", tanh as fn(f32) -> f32), ("erf", erf)] {
            assert_eq!(function(-x).to_bits(), (-function(x)).to_bits(), "{name} at {x:e}");
            assert!(function(x).abs() <= 1.0, "{name} at {x:e}");
        }
    }
}

#[test]
fn logarithm_at_and_below_zero() {
    for function in [ln, log2] {
        assert_eq!(function(0.0), f32::NEG_INFINITY);
        assert_eq!(function(-0.0), f32::NEG_INFINITY);
        assert!(function(-1e-45).is_nan() && function(f32::MIN).is_nan());
        assert_eq!(function(1.0), 0.0);
    }
}

#[test]
fn powers_of_two_are_exact() {
    for n in -149..=127 {
        let power = (f64::from(n)).exp2() as f32;
        assert_eq!(exp2(n as f32), power);
        assert_eq!(log2(power), n as f32);
    }
    assert_eq!(exp(0.0), 1.0);
}
