//! PTX text → decoded instructions. What is not understood is refused.
//!
//! [`lexer`] cuts the text into words, [`cursor`] walks over them, [`file`] reads what is outside kernels, [`body`] a
//! kernel, [`scope`] knows its names and gives registers their rows, [`operand`] and [`modifiers`] read the parts of
//! one instruction, and [`decode`] gives it its meaning.

mod body;
mod cursor;
mod declaration;
mod decode;
mod file;
mod lexer;
mod modifiers;
mod operand;
mod scope;

use crate::module::{Module, VARIABLES_BASE};

/// Why a text is no PTX that the emulator can run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("PTX line {line}: {message}")]
pub struct ParseError {
    /// The line of PTX, counted from 1.
    pub line: u32,
    /// What is wrong there.
    pub message: String,
}

impl ParseError {
    pub(crate) fn new(line: u32, message: impl Into<String>) -> Self {
        Self { line, message: message.into() }
    }
}

/// Parses a module.
///
/// # Errors
/// If the text breaks PTX's grammar, or asks for what the emulator does not do; the message names the line.
pub fn parse(text: &str) -> Result<Module, ParseError> {
    file::parse(text, VARIABLES_BASE)
}

/// As [`parse`], with the module's variables from an address on: modules used together need addresses of their own.
///
/// # Errors
/// As [`parse`].
pub fn parse_at(text: &str, variables: u64) -> Result<Module, ParseError> {
    file::parse(text, variables)
}
