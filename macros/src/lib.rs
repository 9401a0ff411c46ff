//! Procedural macros of equilayer.
//!
//! There are none yet: this crate holds the place and the rule it will keep. It is where a plain Rust function
//! becomes a plugin, through three attributes (`objective`, `regularizer`, `group_action`) and one expression macro
//! (`method!`), each of which parses to spanned syntax, checks it, collects every error, and expands into calls of
//! `equilayer`'s public builders. Whatever the macros do can be written by hand.
//!
//! The rule: this crate reads and writes tokens. It depends on no tensor crate and on no other crate of the
//! workspace.
