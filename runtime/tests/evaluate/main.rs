//! Evaluation: every measure against values computed elsewhere.
//!
//! Reference numbers come from NumPy and SciPy in `f64`, by `reference.py` beside this file, from the definitions in
//! the modules' documentation.

mod classifiers;
mod collapse;
mod corruption;
mod equivariance;
mod measurement;

use equilayer::evaluate::{EvaluateError, Features};

/// Values that fill [−1, 1] without repeating: sin(0.9 i + 0.013 i²), from `offset` on.
fn wave(count: usize, offset: usize) -> Vec<f32> {
    let value = |i: f64| (0.9 * i + 0.013 * i * i).sin() as f32;
    (0..count).map(|index| value((index + offset) as f64)).collect()
}

fn features(count: usize, width: usize, offset: usize) -> Features {
    Features::new(wave(count * width, offset), width).expect("finite values")
}

fn refusal<T: std::fmt::Debug>(result: Result<T, EvaluateError>) -> String {
    result.expect_err("refused").to_string()
}

#[track_caller]
fn assert_close(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "{found}, not {expected}");
}
