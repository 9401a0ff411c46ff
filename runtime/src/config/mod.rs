//! Configurations: TOML files whose every key is typed, documented and checked, all mistakes at once.
//!
//! A [`Document`] is a file and the overrides of the command line, parsed but not understood. Parts of the program read
//! their own [`Section`]s of it, key by key, each with a default and a sentence of documentation. Whatever no part asked
//! for is a mistake, reported with the nearest key that some part did ask for. What was read is kept, so that the
//! *resolved* configuration, with every default, can be written down ([`Document::resolved`]).
//!
//! ```
//! use equilayer::config::Document;
//!
//! let document = Document::parse("ser.toml", "[train]\nepoch = 3\n")?;
//! let mut train = document.section("train");
//! let epochs: usize = train.read("epochs", 10, "Passes over the training set.");
//! train.finish();
//! let error = document.finish().unwrap_err().to_string();
//! assert!(error.contains("ser.toml:2:1"), "{error}");
//! assert!(error.contains("did you mean `epochs`?"), "{error}");
//! # Ok::<(), equilayer::config::ConfigError>(())
//! ```

mod difference;
mod document;
mod error;
mod member;
mod method;
mod node;
mod schema;
mod section;
#[cfg(test)]
mod tests;

pub use difference::Difference;
pub use document::Document;
pub use error::{ConfigError, Diagnostic};
pub use method::{read_method, report_problems};
pub use node::{FromNode, Scalar};
pub use schema::schema;
pub use section::Section;

pub use equilayer_grammar::text::TextMistake;
