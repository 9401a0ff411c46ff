//! A method as builder calls.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, Lit};

use super::knob::{float, schedule_text};
use super::{root, root_at, tap};
use crate::check::literal::literal;
use crate::parse::{Method, Term};

/// `Method::new(objective).plus(regularizer)..`.
pub fn method(method: &Method) -> TokenStream {
    let root = root(None);
    let mut terms = method.terms.iter();
    let objective = terms.next().map(|term| {
        let (placed, root) = (placed(term, &root), root_at(&root, term.plugin.span()));
        quote_spanned! { term.plugin.span()=> #root::method::Method::new(#placed) }
    });
    let regularizers = terms.map(|term| {
        let placed = placed(term, &root);
        quote_spanned! { term.plugin.span()=> .plus(#placed) }
    });
    quote! { #objective #(#regularizers)* }
}

/// What stands in for a method with errors: a value of its type.
pub fn stand_in_method() -> TokenStream {
    let root = root(None);
    quote! {
        let method: #root::method::Method = ::core::unreachable!();
        #[allow(unreachable_code)]
        method
    }
}

fn placed(term: &Term, root: &TokenStream) -> TokenStream {
    let plugin = plugin(term);
    let weight = term.weight.iter().map(|weight| {
        let (span, weight) = (weight.span(), weight_value(weight, root));
        quote_spanned! { span=> .weight(#weight) }
    });
    let at = term.at.iter().map(|place| {
        let (span, place) = (place.span(), tap::tap(place, root));
        quote_spanned! { span=> .at(#place) }
    });
    let root = root_at(root, term.plugin.span());
    quote_spanned! { term.plugin.span()=> #root::method::Placed::new(#plugin) #(#weight)* #(#at)* }
}

/// The plugin's struct; knobs that are not given have their defaults.
fn plugin(term: &Term) -> TokenStream {
    let path = &term.plugin;
    match &term.knobs {
        Some(knobs) if !knobs.fields.is_empty() && knobs.rest.is_none() => {
            let (attributes, fields) = (&knobs.attrs, knobs.fields.iter());
            // All knobs may be given.
            quote_spanned! { path.span()=>
                {
                    #[allow(clippy::needless_update)]
                    let plugin = #(#attributes)* #path { #(#fields,)* ..::core::default::Default::default() };
                    plugin
                }
            }
        }
        Some(knobs) if knobs.rest.is_some() => quote! { #knobs },
        _ => quote_spanned! { path.span()=> <#path as ::core::default::Default>::default() },
    }
}

fn weight_value(weight: &Expr, root: &TokenStream) -> TokenStream {
    match literal(weight) {
        Some(Lit::Str(text)) => schedule_text(text, root),
        Some(_) => float(weight),
        None => match weight {
            Expr::Paren(inner) => {
                let inner = &inner.expr;
                quote! { #inner }
            }
            other => quote! { #other },
        },
    }
}
