//! Weights from and for others: safetensors files in timm's and torchvision's names and shapes.
//!
//! A file is taken whole or not at all. All that differs from the encoder is said at once, by name and shape; what
//! belongs to no encoder ([classifiers and batch counters](FOREIGN)) is passed over.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io;
use std::path::Path;

use equilayer_engine::{Error, Executor, Graph, Shape, nearest};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensorError, SafeTensors};

use super::EncoderConfig;
use crate::atomic_file;
use crate::nn::Parameters;

/// Key of the file's metadata that holds the encoder's configuration as JSON. There is one key only: a file of several
/// would not have the same bytes each time.
const CONFIG_KEY: &str = "equilayer.encoder";

/// Beginnings and ends of names in others' files that are no part of an encoder.
const FOREIGN: ([&str; 2], &str) = (["head.", "fc."], ".num_batches_tracked");

/// Differences of one kind that are listed before they are counted.
const LISTED: usize = 8;

/// Why weights cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The operating system could not read the file.
    #[error("{file}: cannot be read: {source}")]
    Read {
        /// The file.
        file: String,
        /// The operating system's reason.
        source: io::Error,
    },
    /// The operating system could not write the file.
    #[error("{file}: cannot be written: {source}")]
    Write {
        /// The file.
        file: String,
        /// The operating system's reason.
        source: io::Error,
    },
    /// The file is torn, or of another format.
    #[error("{file}: no whole safetensors file ({source}); fetch or copy it again")]
    Format {
        /// The file.
        file: String,
        /// The reader's reason.
        source: SafeTensorError,
    },
    /// The file holds another encoder.
    #[error(
        "{file}: not the weights of this encoder; change its configuration or give another file\n{differences}"
    )]
    Mismatch {
        /// The file.
        file: String,
        /// All that differs.
        differences: Differences,
    },
    /// No tensor of the file has the prefix that was asked for.
    #[error("{file}: none of its names starts with `{prefix}`; the first is {first}")]
    Prefix {
        /// The file.
        file: String,
        /// The prefix.
        prefix: String,
        /// A name to learn the right one from.
        first: String,
    },
    /// The configuration is refused, or the weights are not in the executor.
    #[error(transparent)]
    Engine(#[from] Error),
    /// The configuration does not serialize.
    #[error("the encoder's configuration cannot be written as JSON: {0}")]
    Config(#[from] serde_json::Error),
}

/// How a file differs from the encoder it should hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Differences {
    /// Tensors the file lacks, each with its shape and, if there is one, the name that may have been meant.
    pub missing: Vec<String>,
    /// Tensors that the encoder has no place for.
    pub unexpected: Vec<String>,
    /// Tensors of another shape or element type, with both.
    pub misshapen: Vec<String>,
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds =
            [("missing", &self.missing), ("unexpected", &self.unexpected), ("wrong", &self.misshapen)];
        for (kind, lines) in kinds.iter().filter(|(_, lines)| !lines.is_empty()) {
            for line in lines.iter().take(LISTED) {
                writeln!(f, "  {kind}: {line}")?;
            }
            if lines.len() > LISTED {
                writeln!(f, "  {kind}: {} more", lines.len() - LISTED)?;
            }
        }
        Ok(())
    }
}

/// Writes an encoder's weights from an executor: under the names they have behind `prefix` ("teacher.") in the graph,
/// in PyTorch's shapes. The file is replaced at once or left as it was.
///
/// # Errors
/// Weights that the executor does not hold, or a file that cannot be written.
pub fn export(
    path: &Path,
    config: &dyn EncoderConfig,
    prefix: &str,
    executor: &dyn Executor,
) -> Result<(), WeightsError> {
    let mut tensors = Vec::new();
    for slot in slots(config)? {
        let values = slot.outward(executor.state(&format!("{prefix}{}", slot.name))?);
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        tensors.push((slot, bytes));
    }
    let written = |source| WeightsError::Write { file: path.display().to_string(), source };
    let views = tensors.iter().map(|(slot, bytes)| {
        TensorView::new(Dtype::F32, slot.shape_in_file(), bytes).map(|view| (slot.name.as_str(), view))
    });
    let metadata = HashMap::from([(CONFIG_KEY.to_string(), serde_json::to_string(config)?)]);
    let file = views
        .collect::<Result<Vec<_>, _>>()
        .and_then(|views| safetensors::serialize(views, Some(metadata)))
        .map_err(|error| written(io::Error::other(error)))?;
    atomic_file::replace(path, written, |output| output.write_all(&file).map_err(written))
}

/// Reads an encoder's weights: their names behind the graph's prefix, and values to give to
/// [`Executor::set_state`]. Of the file's tensors those count whose names start with `prefix`, which is taken off.
///
/// # Errors
/// A file that cannot be read, is torn, or holds anything but this encoder's weights.
pub fn import(
    path: &Path,
    config: &dyn EncoderConfig,
    prefix: &str,
) -> Result<Vec<(String, Vec<f32>)>, WeightsError> {
    let file = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|source| WeightsError::Read { file: file.clone(), source })?;
    let tensors = match SafeTensors::deserialize(&bytes) {
        Ok(tensors) => tensors,
        Err(source) => return Err(WeightsError::Format { file, source }),
    };
    let mut found: BTreeMap<&str, TensorView<'_>> =
        tensors.iter().filter_map(|(name, view)| Some((name.strip_prefix(prefix)?, view))).collect();
    if found.is_empty() {
        let first = tensors
            .names()
            .into_iter()
            .min()
            .map_or("missing: it is empty".into(), |name| format!("`{name}`"));
        return Err(WeightsError::Prefix { file, prefix: prefix.into(), first });
    }
    let slots = slots(config)?;
    found.retain(|name, _| slots.iter().any(|slot| slot.name == *name) || !is_foreign(name));
    let differences = differences(&slots, &found);
    if differences != Differences::default() {
        return Err(WeightsError::Mismatch { file, differences });
    }
    let values = |slot: Slot| {
        let values = found.get(slot.name.as_str()).map_or_else(Vec::new, floats);
        (slot.name.clone(), slot.inward(values))
    };
    Ok(slots.into_iter().map(values).collect())
}

fn is_foreign(name: &str) -> bool {
    FOREIGN.0.iter().any(|start| name.starts_with(start)) || name.ends_with(FOREIGN.1)
}

fn floats(view: &TensorView<'_>) -> Vec<f32> {
    view.data().as_chunks().0.iter().map(|&word| f32::from_le_bytes(word)).collect()
}

/// A state of the encoder and its place in a file.
struct Slot {
    name: String,
    shape: Shape,
    transposed: Option<Vec<usize>>,
}

impl Slot {
    fn shape_in_file(&self) -> Vec<usize> {
        self.transposed.clone().unwrap_or_else(|| self.shape.to_vec())
    }

    fn outward(&self, values: Vec<f32>) -> Vec<f32> {
        match self.transposed {
            Some(_) => transposed(&values, self.shape[1]),
            None => values,
        }
    }

    fn inward(&self, values: Vec<f32>) -> Vec<f32> {
        match self.transposed {
            Some(_) => transposed(&values, self.shape[0]),
            None => values,
        }
    }
}

/// Row-major values of a matrix with this many columns as those of its transpose.
fn transposed(values: &[f32], columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|column| values.iter().skip(column).step_by(columns)).copied().collect()
}

/// All states of an encoder, by building it aside.
fn slots(config: &dyn EncoderConfig) -> Result<Vec<Slot>, Error> {
    let graph = Graph::new();
    let states = config.build(&graph, "")?.states();
    graph.check()?;
    let mut slots = Vec::with_capacity(states.len());
    for state in states {
        let Some(name) = graph.state_name(&state) else { continue };
        let shape = *state.shape();
        let transposed = config.linear_in_file(&name, &shape);
        if let Some(other) = transposed.as_ref().filter(|other| !holds_transposed(other, &shape)) {
            return Err(Error::Executor(format!(
                "`{name}`: {other:?} in a file is no transpose of the shape {shape} that it has here"
            )));
        }
        slots.push(Slot { name, shape, transposed });
    }
    Ok(slots)
}

fn holds_transposed(in_file: &[usize], shape: &Shape) -> bool {
    match (in_file, &shape[..]) {
        ([first, rest @ ..], [inputs, outputs]) => {
            first == outputs && rest.iter().product::<usize>() == *inputs
        }
        _ => false,
    }
}

fn differences(slots: &[Slot], found: &BTreeMap<&str, TensorView<'_>>) -> Differences {
    let strangers: Vec<&str> =
        found.keys().copied().filter(|name| !slots.iter().any(|slot| slot.name == *name)).collect();
    let mut differences = Differences::default();
    for slot in slots {
        let (name, shape) = (&slot.name, slot.shape_in_file());
        match found.get(name.as_str()) {
            None => {
                let close = nearest(name, strangers.iter().copied());
                let hint = close.map_or_else(String::new, |close| format!("; the file has `{close}`"));
                differences.missing.push(format!("`{name}` {shape:?}{hint}"));
            }
            Some(view) if view.shape() != shape => {
                let detail = format!("`{name}` is {:?}, this encoder has {shape:?}", view.shape());
                differences.misshapen.push(detail);
            }
            Some(view) if view.dtype() != Dtype::F32 => {
                let detail = format!("`{name}` holds {:?}; convert it to F32", view.dtype());
                differences.misshapen.push(detail);
            }
            Some(_) => {}
        }
    }
    differences.unexpected =
        strangers.iter().map(|name| format!("`{name}` {:?}", found[name].shape())).collect();
    differences
}
