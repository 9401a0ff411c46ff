//! Random numbers for elements, and what else an element may be made of.
//!
//! Every number is a function of (seed, purpose, step, view, factor, global sample index), so that neither the number of
//! workers nor the order of samples changes an element.

use std::fmt;
use std::ops::RangeInclusive;

use equilayer_engine::random::{Stream, stream_id};

use super::displacement::Flow;

/// One of the two views of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum View {
    /// View 0.
    First,
    /// View 1.
    Second,
}

impl View {
    /// Both, in order.
    pub const BOTH: [View; 2] = [View::First, View::Second];

    /// The one that this is not.
    pub fn other(self) -> View {
        match self {
            View::First => View::Second,
            View::Second => View::First,
        }
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            View::First => "first",
            View::Second => "second",
        })
    }
}

/// What randomness is keyed by, beside view, factor and sample.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DrawKey {
    /// The run's seed.
    pub seed: u64,
    /// The training step.
    pub step: u64,
    /// What the elements are for, commonly the plugin's name: two plugins in one run draw apart.
    pub purpose: String,
}

impl DrawKey {
    /// A key.
    pub fn new(seed: u64, step: u64, purpose: impl Into<String>) -> DrawKey {
        DrawKey { seed, step, purpose: purpose.into() }
    }

    /// The numbers of one factor's element. `sample` is the global index, or nothing for one element a batch.
    fn stream(&self, view: View, factor: usize, sample: Option<u64>) -> Stream {
        let DrawKey { seed, step, purpose } = self;
        let whom = sample.map_or("batch".into(), |sample| sample.to_string());
        let view = view as usize;
        Stream::new(*seed, stream_id(&format!("action/{purpose}/{step}/{view}/{factor}/{whom}")))
    }
}

/// A sample to draw elements for.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Its global index: over all workers and devices.
    pub index: u64,
    /// The displacement between its two frames, where the data has one.
    pub flow: Option<Flow>,
}

impl Sample {
    /// A sample by its global index.
    pub fn new(index: u64) -> Sample {
        Sample { index, flow: None }
    }

    /// With the displacement that makes its second frame from its first.
    pub fn with_flow(self, flow: Flow) -> Sample {
        Sample { flow: Some(flow), ..self }
    }

    /// Samples with these indices and nothing else.
    pub fn all(indices: impl IntoIterator<Item = u64>) -> Vec<Sample> {
        indices.into_iter().map(Sample::new).collect()
    }
}

/// The source of one element: random numbers, which view it is for, and what the sample brings along.
#[derive(Debug)]
pub struct Draw<'a> {
    stream: Stream,
    view: View,
    flow: Option<&'a Flow>,
    missed_flow: bool,
}

impl<'a> Draw<'a> {
    /// Numbers for the element of the `factor`-th factor from the left. Without a sample, the element is one for the batch.
    pub fn new(key: &DrawKey, view: View, factor: usize, sample: Option<&'a Sample>) -> Draw<'a> {
        let stream = key.stream(view, factor, sample.map(|sample| sample.index));
        Draw { stream, view, flow: sample.and_then(|sample| sample.flow.as_ref()), missed_flow: false }
    }

    /// The view the element is for.
    pub fn view(&self) -> View {
        self.view
    }

    /// A number from [0, 1).
    pub fn unit(&mut self) -> f64 {
        f64::from(equilayer_engine::random::uniform(self.stream.next_word()))
    }

    /// A number from `range`, uniformly.
    pub fn uniform(&mut self, range: RangeInclusive<f64>) -> f64 {
        let (low, high) = range.into_inner();
        low + self.unit() * (high - low)
    }

    /// A number from a range of positive numbers, uniformly in its logarithm.
    pub fn log_uniform(&mut self, range: RangeInclusive<f64>) -> f64 {
        let (low, high) = range.into_inner();
        self.uniform(low.ln()..=high.ln()).exp()
    }

    /// A whole number below `count`, or 0 where there is none.
    pub fn below(&mut self, count: usize) -> usize {
        // The unit has 24 bits: each of a few choices has the same chance but for 2⁻²⁴.
        (self.unit() * count as f64) as usize
    }

    /// The displacement between the sample's two frames. Where there is none, drawing for a batch fails in words.
    pub fn flow(&mut self) -> Option<&'a Flow> {
        self.missed_flow |= self.flow.is_none();
        self.flow
    }

    pub(super) fn missed_flow(&self) -> bool {
        self.missed_flow
    }
}
