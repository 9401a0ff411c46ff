//! Heads and states as builder calls.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::LitInt;

use super::root_at;
use crate::parse::{Head, Layer, LayerKind, State, Width};

/// `Mlp::new().linear(512).gelu().linear(512)`.
pub fn head(head: &Head, root: &TokenStream) -> TokenStream {
    let layers = head.layers.iter().map(|layer| layer_call(layer, root));
    let ema = head.ema.iter();
    let frozen = head.freeze_last.iter().map(Ident::to_string);
    quote! { #root::plugin::Mlp::new() #(#layers)* #(.#ema())* #(.freeze_last(#frozen))* }
}

fn layer_call(layer: &Layer, root: &TokenStream) -> TokenStream {
    let method = |name: &str| Ident::new(name, layer.span);
    match &layer.kind {
        LayerKind::Linear { width, bias } => {
            let (method, width) =
                (method(if bias.is_some() { "biased" } else { "linear" }), self::width(width, root));
            quote! { .#method(#width) }
        }
        LayerKind::Prototypes(width) => {
            let (method, width) = (method("prototypes"), self::width(width, root));
            quote! { .#method(#width) }
        }
        LayerKind::Named(name) if is_layer(name) => quote! { .#name() },
        LayerKind::Named(knob) => {
            let (method, width) = (method("linear"), knob_width(knob, root));
            quote! { .#method(#width) }
        }
    }
}

fn is_layer(name: &Ident) -> bool {
    equilayer_grammar::vocabulary::HEAD_LAYERS.contains(&name.to_string().as_str())
}

fn width(width: &Width, root: &TokenStream) -> TokenStream {
    match width {
        Width::Fixed(number) => typed(number),
        Width::Tap(factor, span) => {
            let factor = factor.as_ref().map_or_else(|| quote! { 1 }, |factor| quote! { #factor });
            let root = root_at(root, *span);
            quote_spanned! { *span=> #root::plugin::Width::tap(#factor) }
        }
        Width::TapSquared(span) => {
            let root = root_at(root, *span);
            quote_spanned! { *span=> #root::plugin::Width::tap_squared() }
        }
        Width::Knob(name) => knob_width(name, root),
    }
}

/// A bare integer as `usize`, which is what a width is made of.
fn typed(number: &LitInt) -> TokenStream {
    let typed = LitInt::new(&format!("{}usize", number.base10_digits()), number.span());
    quote! { #typed }
}

fn knob_width(name: &Ident, root: &TokenStream) -> TokenStream {
    let (text, root) = (name.to_string(), root_at(root, name.span()));
    quote_spanned! { name.span()=> #root::plugin::Width::knob(#text) }
}

/// Shape and first value, the arguments of `.state(name, ..)`.
pub fn state(state: &State, root: &TokenStream) -> TokenStream {
    let axes = state.shape.iter().map(|axis| {
        let axis = width(axis, root);
        quote! { #root::plugin::Width::from(#axis) }
    });
    let init = state.init.as_ref().map_or_else(|| quote! { 0.0 }, |init| quote! { #init });
    quote! { [#(#axes),*], #init }
}

/// The knobs that heads and states are made by: widths, and epochs of a frozen layer.
pub fn knobs_of(head: Option<&Head>, state: Option<&State>) -> Vec<String> {
    let of_layer = |layer: &Layer| match &layer.kind {
        LayerKind::Linear { width: Width::Knob(name), .. } | LayerKind::Prototypes(Width::Knob(name)) => {
            Some(name.to_string())
        }
        LayerKind::Named(name) if !is_layer(name) => Some(name.to_string()),
        _ => None,
    };
    let of_axis = |axis: &Width| match axis {
        Width::Knob(name) => Some(name.to_string()),
        _ => None,
    };
    let in_head = head.into_iter().flat_map(|head| head.layers.iter().filter_map(of_layer));
    let frozen = head.and_then(|head| head.freeze_last.as_ref()).map(Ident::to_string);
    in_head
        .chain(frozen)
        .chain(state.into_iter().flat_map(|state| state.shape.iter().filter_map(of_axis)))
        .collect()
}
