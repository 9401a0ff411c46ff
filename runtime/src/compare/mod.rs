//! Runs side by side: where their configurations differ, and what was measured of each.
//!
//! A [`ComparedRun`] is read from a run's folder and holds what a comparison needs of it. A [`Comparison`] of several is a
//! table for the terminal, JSON, or a page with charts. Nothing is written into the runs, and a run that is being trained
//! can be compared as far as it is.
//!
//! All runs have the same [measures](measure), by name: one that a run does not have is left blank, never guessed.

mod comparison;
pub mod measure;
mod page;
mod run;
#[cfg(test)]
mod tests;
mod text;

pub use comparison::{Comparison, ConfigDifference};
pub use measure::{Measure, Unit};
pub use run::{CompareError, ComparedRun};
pub(crate) use text::aligned;
