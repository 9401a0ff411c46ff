//! Moments, bounds, independence of order, and refusals.

use super::*;

const SEED: u64 = 42;

fn fill(init: Init, shape: &[usize]) -> Vec<f32> {
    init.fill("block.0.weight", shape, SEED).expect("valid parameter")
}

fn problem(init: Init, shape: &[usize]) -> InitProblem {
    init.fill("block.0.bias", shape, SEED).expect_err("invalid parameter").problem
}

/// Asserts mean 0 and the given standard deviation within five standard errors. `kurtosis` is E[x⁴]/σ⁴.
fn assert_centred(values: &[f32], std: f64, kurtosis: f64) {
    let n = values.len() as f64;
    let mean = values.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
    let variance = values.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / n;
    assert!(mean.abs() < 5.0 * std / n.sqrt(), "mean {mean}");
    let relative = variance / (std * std) - 1.0;
    assert!(relative.abs() < 5.0 * ((kurtosis - 1.0) / n).sqrt(), "variance off by {relative} of itself");
}

/// Asserts a uniform distribution that fills ±bound and stays inside.
fn assert_uniform(values: &[f32], bound: f64) {
    let largest = values.iter().fold(0.0_f32, |m, x| m.max(x.abs()));
    assert!(f64::from(largest) <= bound * (1.0 + 1e-7), "{largest} is beyond {bound}");
    assert!(f64::from(largest) > bound * 0.999, "{largest} does not reach {bound}");
    assert_centred(values, bound / f64::sqrt(3.0), 1.8);
}

#[test]
fn constant_and_values_are_taken_as_given() {
    assert_eq!(fill(Init::Constant(0.5), &[2, 3]), [0.5; 6]);
    assert_eq!(fill(Init::Constant(0.5), &[]), [0.5]);
    assert_eq!(fill(Init::Values([1.0, 2.0].into()), &[1, 2]), [1.0, 2.0]);
}

#[test]
fn xavier_uses_both_fans() {
    assert_uniform(&fill(Init::XavierUniform, &[200, 600]), f64::sqrt(6.0 / 800.0));
    assert_uniform(&fill(Init::XavierUniform, &[64, 32, 7, 9]), f64::sqrt(6.0 / (96.0 * 63.0)));
}

#[test]
fn fused_qkv_is_bounded_as_its_thirds_are() {
    assert_uniform(&fill(Init::XavierUniformQkv, &[200, 600]), f64::sqrt(6.0 / 400.0));
}

#[test]
fn kaiming_uniform_uses_fan_in() {
    assert_uniform(&fill(Init::KaimingUniform, &[200, 600]), f64::sqrt(1.0 / 200.0));
    assert_uniform(&fill(Init::KaimingUniform, &[64, 32, 7, 9]), f64::sqrt(1.0 / (32.0 * 63.0)));
}

#[test]
fn kaiming_normal_uses_fan_out() {
    assert_centred(&fill(Init::KaimingNormal, &[64, 32, 7, 9]), f64::sqrt(2.0 / (64.0 * 63.0)), 3.0);
    assert_centred(&fill(Init::KaimingNormal, &[200, 600]), f64::sqrt(2.0 / 600.0), 3.0);
}

#[test]
fn normal_has_its_standard_deviation() {
    assert_centred(&fill(Init::Normal { std: 0.02 }, &[400, 300]), 0.02, 3.0);
    assert_eq!(fill(Init::Normal { std: 0.0 }, &[3]), [0.0; 3]);
}

#[test]
fn truncation_is_absolute() {
    // At std 0.02 the bound is 100 σ away: nothing is cut. At std 1 it cuts at 2 σ, which leaves the
    // variance 0.773 741 and the kurtosis 2.366.
    let narrow = fill(Init::TruncatedNormal { std: 0.02 }, &[400, 300]);
    assert_eq!(narrow, fill(Init::Normal { std: 0.02 }, &[400, 300]));
    let wide = fill(Init::TruncatedNormal { std: 1.0 }, &[400, 300]);
    assert!(wide.iter().all(|x| x.abs() <= TRUNCATION));
    assert_centred(&wide, f64::sqrt(0.773_741), 2.366);
}

#[test]
fn uniform_keeps_to_its_interval() {
    let values = fill(Init::Uniform { low: -1.0, high: 3.0 }, &[400, 300]);
    assert_uniform(&values.iter().map(|x| x - 1.0).collect::<Vec<_>>(), 2.0);
    let widest = fill(Init::Uniform { low: f32::MIN, high: f32::MAX }, &[1000]);
    assert!(widest.iter().all(|x| x.is_finite()));
    assert_eq!(fill(Init::Uniform { low: 2.0, high: 2.0 }, &[2]), [2.0; 2]);
}

#[test]
fn values_depend_on_name_and_seed_and_on_nothing_else() {
    let draw = |name, seed| Init::XavierUniform.fill(name, &[8, 8], seed).expect("valid parameter");
    let first = (draw("a", 1), draw("b", 1));
    let swapped = (draw("b", 1), draw("a", 1));
    assert_eq!(first, (swapped.1, swapped.0));
    assert_ne!(draw("a", 1), draw("b", 1));
    assert_ne!(draw("a", 1), draw("a", 2));
    let prefix = Init::Normal { std: 1.0 }.fill("a", &[5], 1).expect("valid parameter");
    let longer = Init::Normal { std: 1.0 }.fill("a", &[64], 1).expect("valid parameter");
    assert_eq!(prefix, longer[..5]);
}

/// The bits are part of the file format: a change here breaks every recorded run. The values were computed apart
/// from this code, by a few lines of Python over the published algorithms.
#[test]
fn values_never_change() {
    assert_eq!(
        fill(Init::XavierUniform, &[2, 2]),
        [-0.635_421_75, -0.383_072_23, -0.358_424_04, -0.552_572_3]
    );
    assert_eq!(
        fill(Init::Normal { std: 1.0 }, &[4]),
        [-0.936_576_55, 1.404_330_7, -0.220_294_64, 1.424_861_2]
    );
}

#[test]
fn a_bias_under_a_fan_rule_is_refused_with_the_remedy() {
    for init in [Init::XavierUniform, Init::KaimingUniform, Init::KaimingNormal] {
        assert_eq!(problem(init.clone(), &[384]), InitProblem::NoFans { init });
    }
    let error = Init::XavierUniform.fill("block.0.bias", &[384], SEED).expect_err("no fans");
    let message = error.to_string();
    for part in ["`block.0.bias`", "[384]", "XavierUniform", "Constant(0.0)"] {
        assert!(message.contains(part), "{part} is missing from: {message}");
    }
}

#[test]
fn invalid_parameters_are_refused() {
    let values = Init::Values([0.0; 5].into());
    assert_eq!(problem(values, &[2, 3]), InitProblem::Length { given: 5, needed: 6 });
    assert_eq!(problem(Init::XavierUniformQkv, &[4, 8]), InitProblem::NotFusedQkv);
    assert_eq!(problem(Init::XavierUniformQkv, &[12]), InitProblem::NotFusedQkv);
    assert_eq!(problem(Init::Constant(0.0), &[usize::MAX, 2]), InitProblem::TooLarge);
    assert_eq!(problem(Init::Constant(0.0), &[usize::MAX / 4]), InitProblem::TooLarge);
    let too_wide = Init::TruncatedNormal { std: 2.5 };
    assert_eq!(problem(too_wide, &[4]), InitProblem::Std { std: 2.5, largest: TRUNCATION });
    for std in [-1.0, f32::NAN, f32::INFINITY] {
        assert!(matches!(problem(Init::Normal { std }, &[4]), InitProblem::Std { .. }), "std {std}");
    }
    for (low, high) in [(1.0, 0.0), (f32::NAN, 0.0), (0.0, f32::INFINITY)] {
        let refused = problem(Init::Uniform { low, high }, &[4]);
        assert!(matches!(refused, InitProblem::Interval { .. }), "{low}..{high}");
    }
}
