//! Mistakes in a configuration, each with its place.

use std::fmt;
use std::ops::Range;

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong, the valid choices or the nearest, the remedy.
    pub message: String,
    /// Where.
    pub place: Place,
}

/// Where a mistake is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a file.
    File {
        /// Its name.
        file: String,
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
        /// The whole line.
        text: String,
        /// Characters that the caret underlines, at least 1.
        width: usize,
    },
    /// In an argument of the command line.
    Argument(String),
}

impl Place {
    /// The place of bytes `span` of a file's text.
    pub(super) fn in_file(file: &str, text: &str, span: Range<usize>) -> Place {
        let start = floor(text, span.start);
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
        let end = floor(text, span.end).clamp(start, line_end);
        Place::File {
            file: file.into(),
            line: text[..start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            text: text[line_start..line_end].trim_end_matches('\r').into(),
            width: text[start..end].chars().count().max(1),
        }
    }
}

/// The start of the character that a byte belongs to.
fn floor(text: &str, byte: usize) -> usize {
    let byte = byte.min(text.len());
    (0..=byte).rev().find(|&byte| text.is_char_boundary(byte)).unwrap_or(0)
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: {}", self.message)?;
        match &self.place {
            Place::Argument(argument) => write!(f, "  --> argument `{argument}`"),
            Place::File { file, line, column, text, width } => {
                let gutter = " ".repeat(line.to_string().len());
                let tabless = text.replace('\t', " ");
                writeln!(f, "{gutter}--> {file}:{line}:{column}")?;
                writeln!(f, "{gutter} |")?;
                writeln!(f, "{line} | {tabless}")?;
                write!(f, "{gutter} | {}{}", " ".repeat(column - 1), "^".repeat(*width))
            }
        }
    }
}

/// All mistakes of a configuration, in the order they were found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(pub Vec<Diagnostic>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n\n")?;
            }
            diagnostic.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
