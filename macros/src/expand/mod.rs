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

use equilayer_grammar::names;
use proc_macro2::{Ident, Span, TokenStream};
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

/// The name of the struct for what is called `name`; of a name that makes none, what stands in for it.
fn struct_name(name: &str, span: Span) -> Ident {
    let camel = names::camel_case(&names::snake_case(name.trim_start_matches("r#")));
    let is_name = syn::parse_str::<Ident>(&camel).is_ok();
    Ident::new(if is_name { &camel } else { "Unnamed" }, span)
}

/// A function's documentation with one more paragraph, as doc comments.
fn documentation(doc: &str, paragraph: &str) -> TokenStream {
    let lines = doc.lines().chain(["", paragraph]);
    let lines = lines.map(|line| if line.is_empty() { String::new() } else { format!(" {line}") });
    quote! { #(#[doc = #lines])* }
}
