//! The difference between the states of a file and those of a program.

use std::fmt;

use equilayer_engine::{Shape, nearest};

use super::StateShapes;

/// How many of each kind a message lists before it counts.
const LISTED: usize = 6;

/// What a checkpoint and a program do not agree on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mismatch {
    /// States of the program that the file lacks.
    pub missing: Vec<Unmatched>,
    /// States of the file that the program lacks.
    pub unexpected: Vec<Unmatched>,
    /// States of both, with different shapes.
    pub reshaped: Vec<Reshaped>,
}

/// A state that only one side has.
#[derive(Clone, Debug, PartialEq)]
pub struct Unmatched {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Shape,
    /// The most similar name that only the other side has: perhaps the same state, renamed.
    pub nearest: Option<String>,
}

/// A state with two shapes.
#[derive(Clone, Debug, PartialEq)]
pub struct Reshaped {
    /// Its name.
    pub name: String,
    /// Its shape in the file.
    pub in_file: Shape,
    /// Its shape in the program.
    pub in_program: Shape,
}

impl Mismatch {
    /// The difference; nothing if there is none.
    pub fn between(file: &StateShapes, program: &StateShapes) -> Option<Mismatch> {
        let (missing, unexpected) = (only_in(program, file), only_in(file, program));
        let mismatch = Mismatch {
            missing: unmatched(&missing, &unexpected),
            unexpected: unmatched(&unexpected, &missing),
            reshaped: program
                .iter()
                .filter_map(|(name, &in_program)| Some((name, *file.get(name)?, in_program)))
                .filter(|(_, in_file, in_program)| in_file != in_program)
                .map(|(name, in_file, in_program)| Reshaped { name: name.clone(), in_file, in_program })
                .collect(),
        };
        (mismatch != Mismatch::default()).then_some(mismatch)
    }
}

fn only_in<'a>(one: &'a StateShapes, other: &StateShapes) -> Vec<(&'a str, Shape)> {
    let alone = one.iter().filter(|(name, _)| !other.contains_key(*name));
    alone.map(|(name, shape)| (name.as_str(), *shape)).collect()
}

fn unmatched(alone: &[(&str, Shape)], others: &[(&str, Shape)]) -> Vec<Unmatched> {
    let similar = |name: &str| nearest(name, others.iter().map(|(other, _)| *other)).map(String::from);
    alone
        .iter()
        .map(|&(name, shape)| Unmatched { name: name.into(), shape, nearest: similar(name) })
        .collect()
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(f, "missing in the file", &self.missing)?;
        list(f, "unknown to the program", &self.unexpected)?;
        list(f, "of another shape", &self.reshaped)?;
        f.write_str("\nuse the configuration that the run was started with")
    }
}

fn list(f: &mut fmt::Formatter<'_>, title: &str, states: &[impl fmt::Display]) -> fmt::Result {
    if states.is_empty() {
        return Ok(());
    }
    write!(f, "\n  {} {title}:", states.len())?;
    states.iter().take(LISTED).try_for_each(|state| write!(f, "\n    {state}"))?;
    match states.len().saturating_sub(LISTED) {
        0 => Ok(()),
        more => write!(f, "\n    and {more} more"),
    }
}

impl fmt::Display for Unmatched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.shape)?;
        self.nearest.iter().try_for_each(|nearest| write!(f, " (the other side has {nearest})"))
    }
}

impl fmt::Display for Reshaped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} in the file, {} in the program", self.name, self.in_file, self.in_program)
    }
}
