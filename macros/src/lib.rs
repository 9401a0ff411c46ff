//! Procedural macros of equilayer: a plain Rust function becomes a plugin or a group action.
//!
//! Three attributes (`objective`, `regularizer`, `group_action`) and one expression macro (`method!`). Each goes
//! through the same steps, and each step has a module:
//!
//! ```text
//! tokens ──▶ parse ──▶ spanned syntax ──▶ check ──▶ expand ──▶ calls of equilayer's public builders
//!               └── errors, all of them ──┘
//! ```
//!
//! - **All errors at once.** `errors::collect` hands back what was found; there is no other way to record an error.
//! - **The user's item stays.** With errors, the function is still there and so is a stand-in for the plugin's struct:
//!   code that uses them has no errors of its own, and editors keep working.
//! - **The body is not parsed.** The compiler reports what is wrong in it, where it is.
//! - **Words.** Rules that a builder or a configuration file can break too are worded in `equilayer-grammar`, the rest
//!   in `words`.
//!
//! This crate reads and writes tokens. It depends on no tensor crate, does no I/O and has no state, and whatever it
//! expands to could be written by hand.

mod check;
mod entry;
mod errors;
mod expand;
mod parse;
#[cfg(test)]
mod snapshots;
mod words;

use parse::Kind;
use proc_macro::TokenStream;

#[doc = include_str!("../docs/objective.md")]
#[proc_macro_attribute]
pub fn objective(keys: TokenStream, item: TokenStream) -> TokenStream {
    entry::plugin(Kind::Objective, keys.into(), item.into()).into()
}

#[doc = include_str!("../docs/regularizer.md")]
#[proc_macro_attribute]
pub fn regularizer(keys: TokenStream, item: TokenStream) -> TokenStream {
    entry::plugin(Kind::Regularizer, keys.into(), item.into()).into()
}

#[doc = include_str!("../docs/group_action.md")]
#[proc_macro_attribute]
pub fn group_action(keys: TokenStream, item: TokenStream) -> TokenStream {
    entry::action(keys.into(), item.into()).into()
}

#[doc = include_str!("../docs/method.md")]
#[proc_macro]
pub fn method(input: TokenStream) -> TokenStream {
    entry::method(input.into()).into()
}
