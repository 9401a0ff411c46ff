//! Reading parity files, and asking them for what a case needs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use equilayer_engine::Error;
use equilayer_grammar::{list, nearest};
use safetensors::{Dtype, SafeTensorError, SafeTensors};
use serde_json::Value;

use crate::action::Grid;
use crate::encoder::WeightsError;

/// Why a file cannot be compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParityError {
    /// The operating system could not read the file.
    #[error("cannot be read: {0}")]
    Read(#[from] std::io::Error),
    /// Torn, or of another format.
    #[error("no whole safetensors file ({0}); fetch or copy it again")]
    Format(#[from] SafeTensorError),
    /// No metadata of this name.
    #[error("no parity file: its metadata lack `{0}`; a parity file has `case`, `params` and `source`")]
    Metadata(&'static str),
    /// The parameters are no JSON object.
    #[error("the metadata `params` hold no JSON object: {0}")]
    Json(String),
    /// Another element type.
    #[error("`{name}` holds {found:?}; convert it to F32")]
    ElementType {
        /// The tensor.
        name: String,
        /// Its type.
        found: Dtype,
    },
    /// A case that nobody here computes.
    #[error("unknown case `{case}`{} Known cases: {}", hint(.case, .known), .known.join(", "))]
    Case {
        /// As the file has it.
        case: String,
        /// All.
        known: Vec<String>,
    },
    /// A parameter that is missing or of no use.
    #[error("the case's parameter `{name}` {problem}")]
    Parameter {
        /// Its name.
        name: String,
        /// What is wrong.
        problem: String,
    },
    /// A tensor that the case needs.
    #[error("`{name}` is missing, which the case needs; the file has {}", list(.found.iter().map(String::as_str)))]
    Missing {
        /// The tensor.
        name: String,
        /// What is there.
        found: Vec<String>,
    },
    /// A tensor that the case has no use for.
    #[error("`{name}` is no part of the case; it has {}", list(.known.iter().map(String::as_str)))]
    Surplus {
        /// The tensor.
        name: String,
        /// What the case has.
        known: Vec<String>,
    },
    /// A tensor of another shape than the case's.
    #[error("`{name}` is {found:?}; from this file's inputs it comes out as {expected:?}")]
    Shape {
        /// The tensor.
        name: String,
        /// In the file.
        found: Vec<usize>,
        /// Computed.
        expected: Vec<usize>,
    },
    /// Nothing to compare.
    #[error("holds no `out.` tensor, so there is nothing to compare")]
    Empty,
    /// The inputs do not fit the case.
    #[error("the case cannot be computed from this file: {0}")]
    Engine(#[from] Error),
    /// Weights that do not fit the encoder.
    #[error(transparent)]
    Weights(#[from] WeightsError),
}

fn hint(case: &str, known: &[String]) -> String {
    nearest(case, known.iter().map(String::as_str))
        .map_or_else(|| ".".into(), |near| format!("; did you mean `{near}`?"))
}

/// A tensor of a file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Values {
    pub shape: Vec<usize>,
    pub data: Vec<f32>,
}

/// A computation made by others' code.
pub(super) struct ParityFile {
    path: PathBuf,
    case: String,
    params: serde_json::Map<String, Value>,
    tensors: BTreeMap<String, Values>,
}

impl ParityFile {
    /// Reads a file whole.
    pub fn read(path: &Path) -> Result<ParityFile, ParityError> {
        let bytes = std::fs::read(path)?;
        let (_, header) = SafeTensors::read_metadata(&bytes)?;
        let metadata = |key: &'static str| {
            let found = header.metadata().as_ref().and_then(|all| all.get(key));
            found.cloned().ok_or(ParityError::Metadata(key))
        };
        let (case, params) = (metadata("case")?, metadata("params")?);
        metadata("source")?;
        let params = serde_json::from_str(&params).map_err(|error| ParityError::Json(error.to_string()))?;
        let mut tensors = BTreeMap::new();
        for (name, view) in SafeTensors::deserialize(&bytes)?.iter() {
            if view.dtype() != Dtype::F32 {
                return Err(ParityError::ElementType { name: name.into(), found: view.dtype() });
            }
            let data = view.data().as_chunks().0.iter().map(|&word| f32::from_le_bytes(word)).collect();
            tensors.insert(name.to_owned(), Values { shape: view.shape().to_vec(), data });
        }
        if !tensors.keys().any(|name| name.starts_with("out.")) {
            return Err(ParityError::Empty);
        }
        Ok(ParityFile { path: path.into(), case, params, tensors })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn case(&self) -> &str {
        &self.case
    }

    /// Tensors whose names start with `prefix`, by name without it.
    pub fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a Values)> {
        self.tensors.iter().filter_map(move |(name, values)| Some((name.strip_prefix(prefix)?, values)))
    }

    /// A tensor by its whole name.
    pub fn tensor(&self, name: &str) -> Result<&Values, ParityError> {
        let found = || self.tensors.keys().cloned().collect();
        self.tensors.get(name).ok_or_else(|| ParityError::Missing { name: name.into(), found: found() })
    }

    /// Whether there is an output or gradient of this name.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// A parameter, if there is one.
    pub fn parameter(&self, name: &str) -> Option<&Value> {
        self.params.get(name)
    }

    /// Names of all parameters.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.params.keys().map(String::as_str)
    }

    fn read_parameter<T>(
        &self,
        name: &str,
        kind: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<T, ParityError> {
        let problem = match self.parameter(name) {
            None => format!("is missing; it is {kind}"),
            Some(value) => match read(value) {
                Some(value) => return Ok(value),
                None => format!("is {value}; it is {kind}"),
            },
        };
        Err(ParityError::Parameter { name: name.into(), problem })
    }

    /// A number.
    pub fn number(&self, name: &str) -> Result<f64, ParityError> {
        self.read_parameter(name, "a number", Value::as_f64)
    }

    /// A number from 0 on without fraction, also where it is written with one (`4.0`).
    pub fn whole(&self, name: &str) -> Result<usize, ParityError> {
        let whole = |value: &Value| {
            let number = value.as_f64()?;
            (number >= 0.0 && number.fract() == 0.0 && number < 1e9).then_some(number as usize)
        };
        self.read_parameter(name, "a whole number from 0 on", whole)
    }

    /// Two numbers.
    pub fn pair(&self, name: &str) -> Result<[f64; 2], ParityError> {
        let pair = |value: &Value| match value.as_array()?.as_slice() {
            [a, b] => Some([a.as_f64()?, b.as_f64()?]),
            _ => None,
        };
        self.read_parameter(name, "a list of two numbers", pair)
    }

    /// Rows and columns of a grid.
    pub fn grid(&self, name: &str) -> Result<Grid, ParityError> {
        const LARGEST: u64 = 1 << 15;
        let side = |value: &Value| value.as_u64().filter(|side| (1..=LARGEST).contains(side));
        let grid = |value: &Value| match value.as_array()?.as_slice() {
            [rows, columns] => Some(Grid::new(side(rows)? as usize, side(columns)? as usize)),
            _ => None,
        };
        self.read_parameter(name, "rows and columns, whole numbers from 1 on", grid)
    }

    /// One of some words.
    pub fn choice<T: Clone>(&self, name: &str, choices: &[(&str, T)]) -> Result<T, ParityError> {
        let chosen = |value: &Value| {
            let word = value.as_str()?;
            choices.iter().find(|(name, _)| *name == word).map(|(_, choice)| choice.clone())
        };
        let words: Vec<String> = choices.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        self.read_parameter(name, &format!("one of {}", words.join(", ")), chosen)
    }
}
