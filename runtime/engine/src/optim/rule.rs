//! The rules: their options, moments, and the coefficients their operators take.

use std::ops::Range;

use super::group::Group;
use crate::ops::{AdamW, Lars, Sgd};
use crate::tensor::Tensor;

/// Options of AdamW (Loshchilov and Hutter 2019).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWOptions {
    /// β₁ and β₂: what the moments keep of themselves in a step, each in [0, 1). 0.9 and 0.999 by default.
    pub betas: [f64; 2],
    /// ε: added to the denominator, above 0. 1e-8 by default.
    pub epsilon: f64,
}

/// Options of SGD, PyTorch's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SgdOptions {
    /// μ: what the buffer keeps of itself in a step, in [0, 1). 0.9 by default.
    pub momentum: f64,
    /// δ: what of the gradient stays out of the buffer from the second step on, in [0, 1]. 0 by default, and without
    /// effect where there is no momentum.
    pub dampening: f64,
    /// Whether the step looks ahead; wants momentum, and no dampening. Off by default.
    pub nesterov: bool,
}

/// Options of LARS (You, Gitman and Ginsburg 2017).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LarsOptions {
    /// μ: what the buffer keeps of itself in a step, in [0, 1). 0.9 by default.
    pub momentum: f64,
    /// κ: the trust coefficient, above 0. 0.001 by default.
    pub trust: f64,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Rule {
    AdamW(AdamWOptions),
    Sgd(SgdOptions),
    Lars(LarsOptions),
}

/// The operator that updates a group's parameters.
enum Kind {
    AdamW,
    Sgd,
    Lars,
}

impl Default for AdamWOptions {
    fn default() -> AdamWOptions {
        AdamWOptions { betas: [0.9, 0.999], epsilon: 1e-8 }
    }
}

impl Default for SgdOptions {
    fn default() -> SgdOptions {
        SgdOptions { momentum: 0.9, dampening: 0.0, nesterov: false }
    }
}

impl Default for LarsOptions {
    fn default() -> LarsOptions {
        LarsOptions { momentum: 0.9, trust: 1e-3 }
    }
}

impl Rule {
    /// Suffixes of the moments' names.
    pub(super) fn moments(&self) -> &'static [&'static str] {
        match self {
            Rule::AdamW(_) => &["adamw.m", "adamw.v"],
            Rule::Sgd(_) => &["sgd.momentum"],
            Rule::Lars(_) => &["lars.momentum"],
        }
    }

    fn kind(&self, group: &Group) -> Kind {
        match self {
            Rule::AdamW(_) => Kind::AdamW,
            Rule::Lars(_) if group.adapts() => Kind::Lars,
            Rule::Sgd(_) | Rule::Lars(_) => Kind::Sgd,
        }
    }

    /// Shape of a group's coefficients.
    pub(super) fn coefficients(&self, group: &Group) -> [usize; 1] {
        match self.kind(group) {
            Kind::AdamW => [AdamW::COEFFICIENTS.len()],
            Kind::Sgd => [Sgd::COEFFICIENTS.len()],
            Kind::Lars => [Lars::COEFFICIENTS.len()],
        }
    }

    /// The parameter and its moments after a step.
    #[track_caller]
    pub(super) fn step(
        &self,
        group: &Group,
        parameter: &Tensor,
        moments: &[Tensor],
        gradient: &Tensor,
        scale: &Tensor,
        coefficients: &Tensor,
    ) -> Vec<Tensor> {
        let nesterov = matches!(self, Rule::Sgd(SgdOptions { nesterov: true, .. }));
        match (self.kind(group), moments) {
            (Kind::AdamW, [m, v]) => parameter.adamw([m, v], gradient, scale, coefficients).to_vec(),
            (Kind::Sgd, [buffer]) => parameter.sgd(buffer, gradient, scale, coefficients, nesterov).to_vec(),
            (Kind::Lars, [buffer]) => parameter.lars(buffer, gradient, scale, coefficients).to_vec(),
            _ => unreachable!("`moments` gives each rule as many as its operator takes"),
        }
    }

    /// A group's coefficients after `step` updates of it.
    pub(super) fn values(&self, group: &Group, step: u64, learning_rate: f64, weight_decay: f64) -> Vec<f32> {
        let values = match *self {
            Rule::AdamW(AdamWOptions { betas, epsilon }) => {
                let [first, second] = betas.map(|beta| 1.0 - libm::pow(beta, step as f64 + 1.0));
                let decay = learning_rate * weight_decay;
                vec![learning_rate / first, decay, 1.0 - betas[0], 1.0 - betas[1], 1.0 / second.sqrt(), epsilon]
            }
            Rule::Sgd(SgdOptions { momentum, dampening, .. }) => {
                // PyTorch's first buffer is the whole gradient, and without momentum it has no buffer to dampen.
                let undamped = if step == 0 || momentum == 0.0 { 1.0 } else { 1.0 - dampening };
                vec![learning_rate, weight_decay, momentum, undamped]
            }
            Rule::Lars(LarsOptions { momentum, trust }) => match self.kind(group) {
                Kind::Lars => vec![learning_rate, weight_decay, momentum, trust, 1.0],
                _ => vec![learning_rate, weight_decay, momentum, 1.0],
            },
        };
        values.into_iter().map(|value| value as f32).collect()
    }

    /// Coefficients that change neither parameter nor moments.
    pub(super) fn at_rest(&self, group: &Group) -> Vec<f32> {
        match self.kind(group) {
            Kind::AdamW => vec![0.0, 0.0, 0.0, 0.0, 1.0, 1.0],
            Kind::Sgd => vec![0.0, 0.0, 1.0, 0.0],
            Kind::Lars => vec![0.0, 0.0, 1.0, 0.0, 0.0],
        }
    }

    /// The first option out of its range, and what would be right.
    pub(super) fn problem(&self) -> Option<(&'static str, String)> {
        match *self {
            Rule::AdamW(AdamWOptions { betas, epsilon }) => share("β₁", betas[0])
                .or_else(|| share("β₂", betas[1]))
                .or_else(|| above_zero("ε", epsilon)),
            Rule::Sgd(SgdOptions { momentum, dampening, nesterov }) => share("momentum", momentum)
                .or_else(|| outside("dampening", dampening, (0.0..=1.0).contains(&dampening), "0 to 1"))
                .or_else(|| {
                    let refused = nesterov && (momentum == 0.0 || dampening != 0.0);
                    refused.then(|| ("nesterov", "wants momentum above 0 and no dampening".into()))
                }),
            Rule::Lars(LarsOptions { momentum, trust }) => {
                share("momentum", momentum).or_else(|| above_zero("trust coefficient", trust))
            }
        }
    }
}

type Problem = Option<(&'static str, String)>;

fn share(name: &'static str, value: f64) -> Problem {
    const VALID: Range<f64> = 0.0..1.0;
    outside(name, value, VALID.contains(&value), "at least 0 and below 1")
}

fn above_zero(name: &'static str, value: f64) -> Problem {
    outside(name, value, value > 0.0 && value.is_finite(), "above 0 and finite")
}

fn outside(name: &'static str, value: f64, valid: bool, range: &str) -> Problem {
    (!valid).then(|| (name, format!("must be {range}, not {value}")))
}
