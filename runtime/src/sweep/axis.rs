//! A key and the values that it takes.

use serde::Serialize;

use super::SEED;

/// A key of the configuration with its values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Axis {
    /// With its section.
    pub key: String,
    /// As they are written, each once; at least one.
    pub values: Vec<String>,
}

/// Most runs of a sweep: more are a mistyped range.
pub(super) const MOST_RUNS: usize = 10_000;

/// A sweep that cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SweepError {
    /// An argument that is no key with values.
    #[error(
        "`{0}` is no key with values; write KEY=VALUE,VALUE,.. such as method.ser.at=none,1..=4 or seed=0,1,2"
    )]
    NotAnAxis(String),
    /// Nothing between two commas, or behind the equals sign.
    #[error("`{0}` has an empty value; write KEY=VALUE,VALUE,.. such as seed=0,1,2")]
    EmptyValue(String),
    /// The same run twice.
    #[error("`{key}` has the value `{value}` twice; give each once")]
    ValueTwice {
        /// The key.
        key: String,
        /// The value.
        value: String,
    },
    /// A key in two arguments.
    #[error("`{0}` is given twice; list all of its values behind one: {0}=VALUE,VALUE,..")]
    KeyTwice(String),
    /// A range from more to less, or of too many.
    #[error("`{0}` is no range of values: write FIRST..=LAST, from less to more and at most {MOST_RUNS}")]
    Range(String),
    /// One run, or none.
    #[error(
        "nothing varies; give at least one key several values, such as seed=0,1,2, or `train` a single run"
    )]
    NothingVaries,
    /// More runs than anybody waits for.
    #[error("the values combine to more than {MOST_RUNS} runs; vary fewer keys, or in several sweeps")]
    TooMany,
    /// The folder of a run, which is the sweep's to name.
    #[error(
        "`train.directory` is not for a sweep: each run's folder is in the sweep's, named after its values"
    )]
    Directory,
    /// `none` for what is not there.
    #[error("`{key}={}`: {problem}", super::NONE)]
    NotLeftOut {
        /// The key.
        key: String,
        /// Why, and what can be left out.
        problem: String,
    },
}

impl Axis {
    /// From `KEY=V1,V2,..`.
    ///
    /// # Errors
    /// No key or no values; a value twice; a range that is none.
    pub fn parse(argument: &str) -> Result<Axis, SweepError> {
        let not_an_axis = || SweepError::NotAnAxis(argument.into());
        let (key, text) = argument.split_once('=').ok_or_else(not_an_axis)?;
        let key = match key.trim() {
            "" => return Err(not_an_axis()),
            "seed" => SEED.to_owned(),
            "train.directory" => return Err(SweepError::Directory),
            key => match key.strip_suffix(".layer").filter(|_| key.starts_with("method.")) {
                Some(member) => format!("{member}.at"), // which takes layers here
                None => key.to_owned(),
            },
        };
        let mut values: Vec<String> = Vec::new();
        for value in split(text) {
            if value.is_empty() {
                return Err(SweepError::EmptyValue(argument.into()));
            }
            for value in range(value)?.unwrap_or_else(|| vec![value.to_owned()]) {
                if values.contains(&value) {
                    return Err(SweepError::ValueTwice { key, value });
                }
                values.push(value);
            }
        }
        Ok(Axis { key, values })
    }

    /// Several, each with a key of its own.
    ///
    /// # Errors
    /// A key twice, besides those of [`Axis::parse`].
    pub fn parse_all(arguments: &[String]) -> Result<Vec<Axis>, SweepError> {
        let mut axes: Vec<Axis> = Vec::new();
        for argument in arguments {
            let axis = Axis::parse(argument)?;
            if axes.iter().any(|other| other.key == axis.key) {
                return Err(SweepError::KeyTwice(axis.key));
            }
            axes.push(axis);
        }
        Ok(axes)
    }

    /// Whether it has several values.
    pub fn varies(&self) -> bool {
        self.values.len() > 1
    }
}

/// What is between commas that are in no quotes or brackets.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth, mut quote) = (Vec::new(), 0, 0_usize, None);
    for (index, c) in text.char_indices() {
        match (c, quote) {
            ('"' | '\'', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            (_, Some(_)) => {}
            ('(' | '[' | '{', None) => depth += 1,
            (')' | ']' | '}', None) => depth = depth.saturating_sub(1),
            (',', None) if depth == 0 => {
                parts.push(text[start..index].trim());
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    parts
}

/// The numbers of `1..=4` or `1..5`; nothing where the value is no such text.
fn range(value: &str) -> Result<Option<Vec<String>>, SweepError> {
    let Some((first, last)) = value.split_once("..") else { return Ok(None) };
    let (last, inclusive) = last.strip_prefix('=').map_or((last, 0), |last| (last, 1));
    let (Ok(first), Ok(last)) = (first.parse::<u64>(), last.parse::<u64>()) else { return Ok(None) };
    let end = last.saturating_add(inclusive);
    match end.checked_sub(first) {
        Some(count) if (1..=MOST_RUNS as u64).contains(&count) => {
            Ok(Some((first..end).map(|number| number.to_string()).collect()))
        }
        _ => Err(SweepError::Range(value.into())),
    }
}
