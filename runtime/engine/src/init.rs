//! How a parameter is filled before training.
//!
//! **Fans.** A weight of two dimensions is a linear map `x · w`, stored `[in, out]`; one of three or more is a
//! convolution, stored `[out, in, kernel…]`. Hence
//!
//! | shape | fan-in | fan-out |
//! |---|---|---|
//! | `[in, out]` | in | out |
//! | `[out, in, k₁, …]` | in · k₁ · … | out · k₁ · … |
//!
//! which are PyTorch's numbers for the same layers (PyTorch stores a linear weight as `[out, in]`). For a
//! grouped convolution `in` is the number per group, as in PyTorch.
//!
//! **Reproducibility.** A parameter's values depend on the seed, its name, its shape and its [`Init`] alone:
//! adding, removing or reordering other parameters leaves them as they were.

use std::sync::Arc;

use crate::random::{Stream, stream_id};

#[cfg(test)]
mod tests;

/// The absolute bound of [`Init::TruncatedNormal`].
pub const TRUNCATION: f32 = 2.0;

/// A rule for the initial values of a parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum Init {
    /// The same value everywhere.
    Constant(f32),
    /// Normal with mean 0.
    Normal {
        /// Standard deviation, at least 0.
        std: f32,
    },
    /// Normal with mean 0, drawn again outside [−[`TRUNCATION`], [`TRUNCATION`]]: `trunc_normal_` of PyTorch
    /// and timm, whose default bounds are absolute too, not multiples of `std`.
    TruncatedNormal {
        /// Standard deviation before the cut, in 0 to [`TRUNCATION`].
        std: f32,
    },
    /// Uniform within ±√(6 / (fan-in + fan-out)): Glorot and Bengio 2010, PyTorch's `xavier_uniform_`.
    XavierUniform,
    /// [`Init::XavierUniform`] for each third of a fused `[in, 3 · out]` query-key-value weight: uniform
    /// within ±√(6 / (fan-in + fan-out / 3)). MoCo-v3 starts its ViTs so.
    XavierUniformQkv,
    /// Uniform within ±1 / √fan-in: PyTorch's default for linear and convolution weights
    /// (`kaiming_uniform_` with a = √5).
    KaimingUniform,
    /// Normal with standard deviation √(2 / fan-out): He et al. 2015 with the gain of ReLU, PyTorch's
    /// `kaiming_normal_` with `mode="fan_out"`.
    KaimingNormal,
    /// Uniform in [low, high].
    Uniform {
        /// Smallest value.
        low: f32,
        /// Largest value, at least `low`.
        high: f32,
    },
    /// Given values, in row-major order.
    Values(Arc<[f32]>),
}

impl Init {
    /// The initial values, in row-major order, of the parameter called `name`.
    ///
    /// # Errors
    /// Each case of [`InitProblem`], with the parameter's name and shape.
    pub fn fill(&self, name: &str, shape: &[usize], seed: u64) -> Result<Vec<f32>, InitError> {
        let mut values = zeros(shape).map_err(|problem| problem.of(name, shape))?;
        self.fill_into(name, shape, seed, &mut values)?;
        Ok(values)
    }

    /// Like [`Init::fill`], into memory that is there already.
    ///
    /// # Errors
    /// Each case of [`InitProblem`], with the parameter's name and shape.
    pub fn fill_into(
        &self,
        name: &str,
        shape: &[usize],
        seed: u64,
        values: &mut [f32],
    ) -> Result<(), InitError> {
        self.write(shape, Stream::new(seed, stream_id(name)), values)
            .map_err(|problem| problem.of(name, shape))
    }

    fn write(&self, shape: &[usize], stream: Stream, values: &mut [f32]) -> Result<(), InitProblem> {
        match checked_len(shape)? {
            needed if needed == values.len() => {}
            needed => return Err(InitProblem::Length { given: values.len(), needed }),
        }
        match self {
            Self::Constant(value) => values.fill(*value),
            Self::Normal { std } => draw(values, normal(stream, checked_std(*std, f32::MAX)?)),
            Self::TruncatedNormal { std } => {
                draw(values, truncated_normal(stream, checked_std(*std, TRUNCATION)?));
            }
            Self::XavierUniform => draw(values, symmetric(stream, self.fans(shape)?.xavier_bound(1.0))),
            Self::XavierUniformQkv => draw(values, symmetric(stream, fused_qkv(shape)?.xavier_bound(3.0))),
            Self::KaimingUniform => draw(values, symmetric(stream, self.fans(shape)?.fan_in.sqrt().recip())),
            Self::KaimingNormal => {
                draw(values, normal(stream, (2.0 / self.fans(shape)?.fan_out).sqrt() as f32))
            }
            Self::Uniform { low, high } => {
                let (low, high) = checked_interval(*low, *high)?;
                draw(values, uniform(stream, low, high));
            }
            Self::Values(given) if given.len() == values.len() => values.copy_from_slice(given),
            Self::Values(given) => {
                return Err(InitProblem::Length { given: given.len(), needed: values.len() });
            }
        }
        Ok(())
    }

    fn fans(&self, shape: &[usize]) -> Result<Fans, InitProblem> {
        Fans::of(shape).ok_or_else(|| InitProblem::NoFans { init: self.clone() })
    }
}

/// The number of inputs and of outputs of one position; `f64`, as they are only computed with.
struct Fans {
    fan_in: f64,
    fan_out: f64,
}

impl Fans {
    /// By the convention in the head of this module; `None` below two dimensions.
    fn of(shape: &[usize]) -> Option<Self> {
        match *shape {
            [] | [_] => None,
            [input, output] => Some(Self::linear(input, output)),
            [output, input, ref kernel @ ..] => {
                let taps: f64 = kernel.iter().map(|&k| k as f64).product();
                Some(Self { fan_in: input as f64 * taps, fan_out: output as f64 * taps })
            }
        }
    }

    fn linear(input: usize, output: usize) -> Self {
        Self { fan_in: input as f64, fan_out: output as f64 }
    }

    /// The bound of Xavier's rule for a weight that holds `maps` linear maps side by side.
    fn xavier_bound(&self, maps: f64) -> f64 {
        (6.0 / (self.fan_in + self.fan_out / maps)).sqrt()
    }
}

fn fused_qkv(shape: &[usize]) -> Result<Fans, InitProblem> {
    match *shape {
        [input, output] if output % 3 == 0 => Ok(Fans::linear(input, output)),
        _ => Err(InitProblem::NotFusedQkv),
    }
}

fn checked_len(shape: &[usize]) -> Result<usize, InitProblem> {
    const LARGEST: usize = isize::MAX as usize / size_of::<f32>();
    let len = shape.iter().try_fold(1_usize, |len, &n| len.checked_mul(n));
    len.filter(|&len| len <= LARGEST).ok_or(InitProblem::TooLarge)
}

fn checked_std(std: f32, largest: f32) -> Result<f32, InitProblem> {
    let valid = (0.0..=largest).contains(&std);
    if valid { Ok(std) } else { Err(InitProblem::Std { std, largest }) }
}

fn checked_interval(low: f32, high: f32) -> Result<(f64, f64), InitProblem> {
    let valid = low.is_finite() && high.is_finite() && low <= high;
    if valid { Ok((low.into(), high.into())) } else { Err(InitProblem::Interval { low, high }) }
}

/// Zeros, without an abort where there is no memory for them.
fn zeros(shape: &[usize]) -> Result<Vec<f32>, InitProblem> {
    let len = checked_len(shape)?;
    let mut values = Vec::new();
    values.try_reserve_exact(len).map_err(|_| InitProblem::TooLarge)?;
    values.resize(len, 0.0);
    Ok(values)
}

fn draw(values: &mut [f32], random: impl Iterator<Item = f32>) {
    values.iter_mut().zip(random).for_each(|(value, drawn)| *value = drawn);
}

fn normal(stream: Stream, std: f32) -> impl Iterator<Item = f32> {
    stream.normals().map(move |z| std * z)
}

/// By rejection: with `std` at most the bound, at least 68 % of the draws are kept.
fn truncated_normal(stream: Stream, std: f32) -> impl Iterator<Item = f32> {
    normal(stream, std).filter(|x| x.abs() <= TRUNCATION)
}

fn symmetric(stream: Stream, bound: f64) -> impl Iterator<Item = f32> {
    uniform(stream, -bound, bound)
}

/// In `f64`, where `high − low` cannot overflow and rounding cannot leave the interval.
fn uniform(stream: Stream, low: f64, high: f64) -> impl Iterator<Item = f32> {
    stream.uniforms().map(move |u| (low + (high - low) * f64::from(u)) as f32)
}

/// A parameter that cannot be filled as declared.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("cannot initialise parameter `{parameter}` of shape {shape:?}: {problem}")]
pub struct InitError {
    /// The parameter's name.
    pub parameter: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// What is wrong.
    pub problem: InitProblem,
}

/// Why a parameter cannot be filled.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InitProblem {
    /// A fan-based rule on a shape of fewer than two dimensions, commonly a bias.
    #[error(
        "{init:?} takes a weight of two dimensions ([in, out]) or more ([out, in, kernel…]); give a bias \
         Constant(0.0), or Normal or Uniform with a scale of its own"
    )]
    NoFans {
        /// The rule.
        init: Init,
    },
    /// [`Init::XavierUniformQkv`] on a shape that is not `[in, 3 · out]`.
    #[error("XavierUniformQkv takes a fused query-key-value weight [in, 3 · out]; give others XavierUniform")]
    NotFusedQkv,
    /// Another number of [`Init::Values`] than the shape holds.
    #[error("it holds {needed} values, {given} were given")]
    Length {
        /// How many values were given.
        given: usize,
        /// How many the shape holds.
        needed: usize,
    },
    /// A standard deviation that is negative, not finite or too large.
    #[error("the standard deviation must be from 0 to {largest:?}, not {std:?}")]
    Std {
        /// The standard deviation given.
        std: f32,
        /// The largest one the rule takes.
        largest: f32,
    },
    /// Bounds of [`Init::Uniform`] that are not finite or not in order.
    #[error("the bounds must be finite and in order, not low = {low:?}, high = {high:?}")]
    Interval {
        /// The lower bound given.
        low: f32,
        /// The upper bound given.
        high: f32,
    },
    /// More elements than there is memory for.
    #[error("it has more elements than there is memory for")]
    TooLarge,
}

impl InitProblem {
    fn of(self, name: &str, shape: &[usize]) -> InitError {
        InitError { parameter: name.to_owned(), shape: shape.to_vec(), problem: self }
    }
}
