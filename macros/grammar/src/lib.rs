//! The words of equilayer's declarations: their names, the rules they keep, and what is said when one is broken.
//!
//! A plugin can be declared with an attribute, with the builder, or be configured in a file. All three read the same
//! words and break the same rules, so they must say the same. This crate has what they share and nothing else: tables
//! of names ([`vocabulary`]), the nearest name to a mistyped one ([`nearest`], [`unknown`]), number ranges
//! ([`Range`]), and one function per rule that returns its message. Where an error is shown (a token, a builder call,
//! a line of a file) is the caller's.
//!
//! A message says what is wrong, then, after a semicolon, the remedy or the valid choices. It quotes the user's words
//! in backticks, starts in lower case and has no final full stop, as the compiler's own.
//!
//! The crate depends on nothing, for every program that only *uses* a plugin builds it twice.

pub mod actions;
pub mod heads;
pub mod knobs;
pub mod methods;
pub mod names;
mod nearest;
pub mod placement;
mod range;
pub mod schedule;
pub mod text;
pub mod vocabulary;

pub use nearest::{list, nearest, unknown};
pub use range::{Bound, Range};
