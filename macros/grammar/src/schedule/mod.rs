//! The text form of schedules: numbers that change over a run.
//!
//! The grammar is in the documentation of `equilayer::schedule`, which also says what a schedule is worth at a step. The
//! macros check schedules in declarations with it, and configurations are read with it.

mod parse;

use std::error::Error;
use std::fmt;

pub use parse::parse;

/// A part of a schedule: a curve, and how long it takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Phase {
    /// What happens.
    pub curve: Curve,
    /// How long it takes; until the end of training if not given.
    pub span: Option<Span>,
}

/// How a value moves within a phase.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Curve {
    /// It stays.
    Constant(f64),
    /// It moves in a straight line.
    Linear {
        /// First value.
        from: f64,
        /// Value when the phase has ended.
        to: f64,
    },
    /// It moves along half a cosine: slowly at both ends.
    Cosine {
        /// First value.
        from: f64,
        /// Value when the phase has ended.
        to: f64,
    },
    /// It rises in a straight line from 0 to the first value of the next phase.
    Warmup,
}

/// A stretch of training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Span {
    /// Passes over the training set; fractions allowed.
    Epochs(f64),
    /// Optimizer steps.
    Steps(f64),
    /// Hundredths of the whole run.
    Percent(f64),
}

/// A text that is no schedule: where it stops being one, and what could stand there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleError {
    /// The whole text.
    pub text: String,
    /// The character it is about, counted from 1.
    pub column: usize,
    /// What is wrong, and what would be right.
    pub detail: String,
}

impl fmt::Display for ScheduleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "schedule `{}`, column {}: {}", self.text, self.column, self.detail)
    }
}

impl Error for ScheduleError {}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = match self.curve {
            Curve::Warmup => "warmup(",
            Curve::Constant(value) => {
                write!(f, "{}", Number(value))?;
                " for "
            }
            Curve::Linear { from, to } => {
                write!(f, "{} -> {}", Number(from), Number(to))?;
                " over "
            }
            Curve::Cosine { from, to } => {
                write!(f, "cosine({} -> {})", Number(from), Number(to))?;
                " over "
            }
        };
        if let Some(span) = self.span {
            write!(f, "{joined}{span}")?;
        }
        f.write_str(if self.curve == Curve::Warmup { ")" } else { "" })
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = |f: &mut fmt::Formatter<'_>, count: f64, unit| {
            write!(f, "{} {unit}{}", Number(count), if count == 1.0 { "" } else { "s" })
        };
        match *self {
            Span::Epochs(epochs) => counted(f, epochs, "epoch"),
            Span::Steps(steps) => counted(f, steps, "step"),
            Span::Percent(percent) => write!(f, "{}%", Number(percent)),
        }
    }
}

/// A number as one would write it: with an exponent where zeros would have to be counted.
struct Number(f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.abs() {
            size if size == 0.0 || (1e-3..1e6).contains(&size) => write!(f, "{}", self.0),
            _ => write!(f, "{:e}", self.0),
        }
    }
}
