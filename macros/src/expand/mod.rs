//! Checked syntax to tokens: calls of `equilayer`'s public builders, which could be written by hand.
//!
//! A call carries the place of the word it comes from (`.gelu()` that of `gelu`), so that an editor shows the builder's
//! documentation there and a type error points there.

mod action;
mod knob;
mod layers;
mod method;
mod plugin;
mod tap;

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::Path;

pub use action::{action, stand_in_action};
pub use method::{method, stand_in_method};
pub use plugin::{plugin, stand_in};

/// Where `equilayer` is: the `crate` key's path, or `::equilayer`.
pub fn root(krate: Option<&Path>) -> TokenStream {
    krate.map_or_else(|| quote! { ::equilayer }, |path| quote! { #path })
}

/// `root` at the place of a user's token, so that an error about the path that starts with it points there.
fn root_at(root: &TokenStream, span: Span) -> TokenStream {
    let placed = root.clone().into_iter().map(|mut token| {
        token.set_span(span);
        token
    });
    placed.collect()
}

/// A function's documentation with one more paragraph, as doc comments.
fn documentation(doc: &str, paragraph: &str) -> TokenStream {
    let lines = doc.lines().chain(["", paragraph]);
    let lines = lines.map(|line| if line.is_empty() { String::new() } else { format!(" {line}") });
    quote! { #(#[doc = #lines])* }
}
