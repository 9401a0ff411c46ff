//! Numbers that say which evaluation made them.

use equilayer_engine::random::{Stream, stream_id};
use serde::{Deserialize, Serialize};

use super::error::EvaluateError;

/// Which evaluation makes a number: what a reader needs to make it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The samples measured, such as "digits test".
    pub split: String,
    /// The method with the settings that change its result.
    pub protocol: String,
    /// The seed of all that is drawn; nothing where nothing is.
    pub seed: Option<u64>,
}

/// A number with the evaluation that made it. There is no way to print one without the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// What it is: "accuracy", "RankMe".
    pub name: String,
    /// The number.
    pub value: f64,
    /// What made it.
    #[serde(flatten)]
    pub evaluation: Evaluation,
    /// How far it is to be trusted, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
}

/// The uncertainty of a number from the samples it was measured on. It says nothing of other training runs: for that,
/// compare seeds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Interval {
    /// The standard deviation of the mean over samples.
    StandardError {
        /// In the number's unit.
        error: f64,
    },
    /// The middle 95 % of means over resampled samples.
    Bootstrap {
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
        /// How often was resampled.
        resamples: usize,
    },
}

impl Evaluation {
    /// An evaluation that draws nothing.
    pub fn new(split: impl Into<String>, protocol: impl Into<String>) -> Evaluation {
        Evaluation { split: split.into(), protocol: protocol.into(), seed: None }
    }

    /// The same evaluation, drawing from `seed`.
    pub fn seeded(self, seed: u64) -> Evaluation {
        Evaluation { seed: Some(seed), ..self }
    }

    /// A number that this evaluation made.
    pub fn measured(&self, name: impl Into<String>, value: f64) -> Measurement {
        Measurement { name: name.into(), value, evaluation: self.clone(), interval: None }
    }

    /// The mean over samples, with its standard error.
    ///
    /// # Errors
    /// No samples.
    pub fn mean(&self, name: impl Into<String>, samples: &[f64]) -> Result<Measurement, EvaluateError> {
        let (value, error) = mean_and_error(samples).ok_or(EvaluateError::Empty { what: "samples" })?;
        Ok(Measurement {
            interval: error.map(|error| Interval::StandardError { error }),
            ..self.measured(name, value)
        })
    }
}

impl Measurement {
    /// The same number with another interval.
    pub fn within(self, interval: Interval) -> Measurement {
        Measurement { interval: Some(interval), ..self }
    }
}

impl Interval {
    /// Both ends of the 95 % interval about `value`: 1.96 standard errors either way, or the bootstrap's ends.
    pub fn ends(&self, value: f64) -> [f64; 2] {
        match *self {
            Interval::StandardError { error } => [value - 1.96 * error, value + 1.96 * error],
            Interval::Bootstrap { low, high, .. } => [low, high],
        }
    }
}

/// The mean, and its standard error if there are two samples or more.
pub(super) fn mean_and_error(samples: &[f64]) -> Option<(f64, Option<f64>)> {
    if samples.is_empty() {
        return None;
    }
    let count = samples.len() as f64;
    let mean = samples.iter().sum::<f64>() / count;
    let squares: f64 = samples.iter().map(|sample| (sample - mean).powi(2)).sum();
    Some((mean, (samples.len() > 1).then(|| (squares / (count - 1.0) / count).sqrt())))
}

/// The percentile bootstrap of the mean (Efron 1979): the 2.5 and 97.5 % quantiles of the means of `resamples` samples
/// drawn with replacement.
///
/// # Errors
/// No samples, or no resamples.
pub fn bootstrap(samples: &[f64], resamples: usize, seed: u64) -> Result<Interval, EvaluateError> {
    if samples.is_empty() {
        return Err(EvaluateError::Empty { what: "samples" });
    }
    if resamples == 0 {
        return Err(EvaluateError::Empty { what: "resamples" });
    }
    let mut stream = Stream::new(seed, stream_id("bootstrap"));
    let count = samples.len();
    let mut means: Vec<f64> = (0..resamples)
        .map(|_| (0..count).map(|_| samples[draw_below(&mut stream, count)]).sum::<f64>() / count as f64)
        .collect();
    means.sort_by(f64::total_cmp);
    // Linear between order statistics, as NumPy's quantiles.
    let quantile = |share: f64| {
        let place = share * (resamples - 1) as f64;
        let (low, high) = (means[place.floor() as usize], means[place.ceil() as usize]);
        low + (high - low) * place.fract()
    };
    Ok(Interval::Bootstrap { low: quantile(0.025), high: quantile(0.975), resamples })
}

/// A number in 0..`count`: the upper half of word × count.
fn draw_below(stream: &mut Stream, count: usize) -> usize {
    ((u64::from(stream.next_word()) * count as u64) >> 32) as usize
}

/// An order of `0..count`, drawn from `(seed, id)`: by a random word each, ties by number.
pub(super) fn permutation(count: usize, seed: u64, id: u64) -> Vec<usize> {
    let mut stream = Stream::new(seed, id);
    let mut order: Vec<(u32, usize)> = (0..count).map(|index| (stream.next_word(), index)).collect();
    order.sort_unstable();
    order.into_iter().map(|(_, index)| index).collect()
}
