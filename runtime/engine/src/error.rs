//! Everything that can go wrong between building a graph and reading its results.

use std::fmt;
use std::panic::Location;

use crate::shape::Shape;

/// What the engine reports instead of panicking.
#[derive(Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// Operands an operator cannot take. Recorded where the operator was called; see [`crate::Graph::check`].
    #[error("{operator}: {detail}; operands {}; at {location}", list(.operands))]
    Operand {
        /// The operator.
        operator: &'static str,
        /// What is wrong, and what would be right.
        detail: String,
        /// Shapes of all operands.
        operands: Vec<Shape>,
        /// The user's line that called the operator.
        location: &'static Location<'static>,
    },
    /// Several recorded errors, in the order they were made.
    #[error("{} errors while the graph was built:\n{}", .0.len(), lines(.0))]
    Several(Vec<Error>),
    /// A name that is taken, missing or misused.
    #[error("{kind} `{name}`: {detail}")]
    Name {
        /// "parameter", "input", "output" or "state".
        kind: &'static str,
        /// The name as given.
        name: String,
        /// What is wrong, with the valid names or the remedy.
        detail: String,
    },
    /// A gradient that does not exist.
    #[error("gradient: {0}")]
    Gradient(String),
    /// Initial values that cannot be made.
    #[error(transparent)]
    Init(#[from] crate::init::InitError),
    /// More memory than there is, or than was allowed.
    #[error(
        "out of memory: the plan needs {needed} bytes for {what}, {available}; use a smaller batch or model"
    )]
    OutOfMemory {
        /// "the arena" or the state's name.
        what: String,
        /// Bytes asked for.
        needed: usize,
        /// What stood against it, in words.
        available: String,
    },
    /// A value that is not finite, found because the check was asked for.
    #[error(
        "{count} of {elements} values of {operator} are not finite (the first is {value} at index {index}); {place}"
    )]
    NotFinite {
        /// The operator that made it first, or "input" and its name.
        operator: String,
        /// How many.
        count: usize,
        /// Of how many.
        elements: usize,
        /// The first such value, printed.
        value: String,
        /// Its flat index.
        index: usize,
        /// Where in the graph: step number, shape and scope.
        place: String,
    },
    /// Something of luminal's that has no counterpart here.
    #[error("luminal: {0}")]
    Luminal(String),
    /// A GPU that is not there, or stopped.
    #[cfg(feature = "cuda")]
    #[error(transparent)]
    Device(#[from] crate::cuda::DeviceError),
    /// An executor that cannot run this plan.
    #[error("{0}")]
    Executor(String),
}

impl Error {
    /// One error for all that were recorded, each said once; nothing for none. A layer that is wrong is wrong on every
    /// pass through it.
    pub fn from_recorded(errors: Vec<Error>) -> Option<Error> {
        let mut distinct: Vec<Error> = Vec::with_capacity(errors.len());
        for error in errors {
            if !distinct.contains(&error) {
                distinct.push(error);
            }
        }
        match distinct.len() {
            0 | 1 => distinct.pop(),
            _ => Some(Error::Several(distinct)),
        }
    }
}

/// The message itself: it is what a `main` that returns the error prints.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn list(shapes: &[Shape]) -> String {
    match shapes {
        [] => "none".into(),
        _ => shapes.iter().map(Shape::to_string).collect::<Vec<_>>().join(" and "),
    }
}

fn lines(errors: &[Error]) -> String {
    errors.iter().map(|error| format!("  {error}")).collect::<Vec<_>>().join("\n")
}

/// The name among `valid` that `name` was probably meant to be: at most two edits away.
pub fn nearest<'a>(name: &str, valid: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let scored = valid.into_iter().map(|candidate| (edits(name, candidate), candidate));
    scored
        .filter(|&(distance, _)| distance <= 2)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, &y) in b.iter().enumerate() {
            let fewest = (diagonal + usize::from(x != y)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], fewest);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_made_on_every_pass_is_said_once_and_reads_the_same_from_main() {
        let error = |text: &str| Error::Executor(text.into());
        let one = Error::from_recorded(vec![error("a"), error("a")]).expect("an error");
        assert_eq!((one.clone(), format!("{one:?}")), (error("a"), "a".into()));
        let two = Error::from_recorded(vec![error("a"), error("b"), error("a")]).expect("two errors");
        assert_eq!(two.to_string(), "2 errors while the graph was built:\n  a\n  b");
        assert_eq!(Error::from_recorded(Vec::new()), None);
    }

    #[test]
    fn the_nearest_name_is_found_and_strangers_are_not() {
        let names = ["fc1.weight", "fc2.bias"];
        assert_eq!(nearest("fc1.wieght", names), Some("fc1.weight"));
        assert_eq!(nearest("head", names), None);
    }
}
