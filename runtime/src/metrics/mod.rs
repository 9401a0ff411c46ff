//! What a run measured, for people and for programs: `metrics.jsonl`, and TensorBoard's event files.
//!
//! `metrics.jsonl` has one JSON object a line, in the order of steps:
//!
//! ```json
//! {"step":40,"epoch":1,"seconds":12.5,"values":{"loss":0.71,"loss/ser":0.2,"gradient_norm/ser":null}}
//! ```
//!
//! | key | meaning |
//! |---|---|
//! | `step` | optimizer steps done when it was measured, as in a checkpoint |
//! | `epoch` | epochs finished |
//! | `seconds` | since the start of training, over all resumptions; may be missing |
//! | `values` | number by name; `null` for a value that is not finite, which JSON cannot write. Parts of a name are separated by `/` |
//!
//! Several lines may have the same step. A line is written at once, so a process that is killed leaves at most one that
//! is torn, the last. [`MetricsWriter::resume`] drops it, and every line after the checkpoint's step: the resumed run
//! writes those again.

mod jsonl;
mod tensorboard;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;

use serde::{Deserialize, Serialize};

pub use jsonl::{MetricsWriter, read};
pub use tensorboard::EventWriter;

/// What was measured at one moment of training: a line of `metrics.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Optimizer steps done.
    pub step: u64,
    /// Epochs finished.
    pub epoch: u64,
    /// Wall-clock time since the start of training, over all resumptions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Numbers by name. NaN when a value that is not finite was read back.
    #[serde(deserialize_with = "nulls_as_nan")]
    pub values: BTreeMap<String, f64>,
}

fn nulls_as_nan<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, f64>, D::Error> {
    let values = BTreeMap::<String, Option<f64>>::deserialize(deserializer)?;
    Ok(values.into_iter().map(|(name, value)| (name, value.unwrap_or(f64::NAN))).collect())
}

/// Metrics that cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MetricsError {
    /// The file system refused.
    #[error("{file}: cannot be {action}: {source}")]
    Io {
        /// The file.
        file: String,
        /// "read", "written", …
        action: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// A line is no record, and it is not one that a killed process left.
    #[error("{file}, line {line}: not a record of metrics: {detail}; repair or remove the line")]
    Line {
        /// The file.
        file: String,
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        detail: String,
    },
}

impl MetricsError {
    fn io(file: impl ToString, action: &'static str) -> impl Fn(io::Error) -> MetricsError {
        move |source| MetricsError::Io { file: file.to_string(), action, source }
    }
}
