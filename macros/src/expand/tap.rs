//! `tokens(3)` → `::equilayer::plugin::tokens(3)`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::Expr;

use crate::check::literal::literal;
use crate::parse::Tap;

/// A call that makes the tap.
pub fn tap(tap: &Tap, root: &TokenStream) -> TokenStream {
    let name = &tap.name;
    let root = super::root_at(root, tap.span());
    match &tap.layer {
        Some(layer) => {
            let layer = layer_number(layer);
            quote_spanned! { tap.span()=> #root::plugin::#name(#layer) }
        }
        None if name == "embedding" => quote_spanned! { tap.span()=> #root::plugin::#name() },
        None => quote_spanned! { tap.span()=> #root::plugin::#name(#root::plugin::LAST) },
    }
}

/// A bare integer as `usize`: a layer can be made of several types, and it would be taken for an `i32`.
fn layer_number(layer: &Expr) -> TokenStream {
    match literal(layer) {
        Some(syn::Lit::Int(int)) if int.suffix().is_empty() => {
            let typed = syn::LitInt::new(&format!("{}usize", int.base10_digits()), int.span());
            quote! { #typed }
        }
        _ => quote! { #layer },
    }
}
