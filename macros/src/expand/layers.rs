//! Heads and states as builder calls.

use equilayer_grammar::heads::{Layer, LayerKind, Width, WidthKind};
use equilayer_grammar::vocabulary::HEAD_LAYERS;
use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::LitInt;

use super::root_at;
use crate::parse::{Head, Places, State};

/// `Mlp::new().linear(512).gelu().linear(512)`.
pub fn head(head: &Head, root: &TokenStream) -> TokenStream {
    let layers = head.syntax.layers.iter().map(|layer| layer_call(layer, &head.places, root));
    let ema = head.syntax.ema.map(|word| Ident::new("ema", head.places.of(word))).into_iter();
    let frozen = head.syntax.freeze_last.iter().map(|knob| &knob.name);
    quote! { #root::plugin::Mlp::new() #(#layers)* #(.#ema())* #(.freeze_last(#frozen))* }
}

fn layer_call(layer: &Layer, places: &Places, root: &TokenStream) -> TokenStream {
    let method = |name: &str| Ident::new(name, places.of(layer.word));
    match &layer.kind {
        LayerKind::Linear { width, bias } => {
            let (method, width) =
                (method(if bias.is_some() { "biased" } else { "linear" }), self::width(width, places, root));
            quote! { .#method(#width) }
        }
        LayerKind::Prototypes(width) => {
            let (method, width) = (method("prototypes"), self::width(width, places, root));
            quote! { .#method(#width) }
        }
        LayerKind::Named(name) if is_layer(name) => {
            let method = method(name);
            quote! { .#method() }
        }
        LayerKind::Named(knob) => {
            let width = Width { kind: WidthKind::Knob(knob.clone()), word: layer.word };
            let (method, width) = (method("linear"), self::width(&width, places, root));
            quote! { .#method(#width) }
        }
    }
}

fn is_layer(name: &str) -> bool {
    HEAD_LAYERS.contains(&name)
}

fn width(width: &Width, places: &Places, root: &TokenStream) -> TokenStream {
    let span = places.of(width.word);
    let root = root_at(root, span);
    match &width.kind {
        WidthKind::Fixed(number) => {
            let number = LitInt::new(&format!("{number}usize"), span);
            quote! { #number }
        }
        WidthKind::Tap(factor) => {
            let factor = LitInt::new(&factor.to_string(), span);
            quote_spanned! { span=> #root::plugin::Width::tap(#factor) }
        }
        WidthKind::Knob(name) => quote_spanned! { span=> #root::plugin::Width::knob(#name) },
        WidthKind::Product(factors) => {
            let [first, second] = factors.each_ref().map(|factor| self::width(factor, places, &root));
            quote_spanned! { span=> #root::plugin::Width::product(#first, #second) }
        }
    }
}

/// Shape and first value, the arguments of `.state(name, ..)`.
pub fn state(state: &State, root: &TokenStream) -> TokenStream {
    let axes = state.shape.iter().map(|axis| {
        let axis = width(axis, &state.places, root);
        quote! { #root::plugin::Width::from(#axis) }
    });
    let init = state.init.as_ref().map_or_else(|| quote! { 0.0 }, |init| quote! { #init });
    quote! { [#(#axes),*], #init }
}

/// The knobs that a head is made by: widths, and epochs of a frozen layer.
pub fn knobs_of_head(head: &Head) -> Vec<String> {
    let of_layer = |layer: &Layer| match &layer.kind {
        LayerKind::Linear { width, .. } | LayerKind::Prototypes(width) => knobs_of(width),
        LayerKind::Named(name) if is_layer(name) => Vec::new(),
        LayerKind::Named(name) => vec![name.clone()],
    };
    let frozen = head.syntax.freeze_last.iter().map(|knob| knob.name.clone());
    head.syntax.layers.iter().flat_map(of_layer).chain(frozen).collect()
}

/// The knobs that a state takes axes from.
pub fn knobs_of_state(state: &State) -> Vec<String> {
    state.shape.iter().flat_map(knobs_of).collect()
}

fn knobs_of(width: &Width) -> Vec<String> {
    match &width.kind {
        WidthKind::Fixed(_) | WidthKind::Tap(_) => Vec::new(),
        WidthKind::Knob(name) => vec![name.clone()],
        WidthKind::Product(factors) => factors.iter().flat_map(knobs_of).collect(),
    }
}
