//! A plugin: its function, its struct, and the builder calls that declare it.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{FnArg, Pat, Signature};

use super::knob::{Declared, float, knobs, schedule_text};
use super::{documentation, layers, root, root_at, struct_name, tap};
use crate::check::literal::literal;
use crate::parse::{Ask, Asked, Declaration, Feature, Function, Kind, Parameter};

/// Everything a sound declaration stands for.
pub fn plugin(declaration: &Declaration) -> TokenStream {
    let root = root(declaration.keys.krate.as_ref());
    let name = plugin_name(declaration);
    let knobs = knobs(&declaration.parameters);
    let function = function(declaration);
    let structure = structure(declaration, &name, &knobs, &root);
    let defaults = knobs.iter().map(|knob| knob.default(&root));
    let default = default_impl(&name, &knobs, defaults);
    let builder = builder(declaration, &knobs, &root);
    let declared = declared_impl(declaration, &name, &builder, &knobs, &root);
    let kind = kind_impl(declaration, &name, &root);
    quote! {
        #function
        #structure
        #default
        #declared
        #kind
        #root::plugin::register!(#name);
    }
}

/// What stands in for a declaration with errors: the function, and the struct with its traits, so that code that uses
/// them has no errors of its own.
pub fn stand_in(declaration: &Declaration) -> TokenStream {
    let root = root(declaration.keys.krate.as_ref());
    let name = plugin_name(declaration);
    let knobs = knobs(&declaration.parameters);
    let function = function(declaration);
    if declaration.function.signature.receiver().is_some() {
        return function; // in an `impl`, where no other item can stand
    }
    let structure = structure(declaration, &name, &knobs, &root);
    let unreachable = || quote! { ::core::unreachable!() };
    let default = default_impl(&name, &knobs, knobs.iter().map(|_| unreachable()));
    let declared = declared_impl(declaration, &name, &unreachable(), &[], &root);
    let kind = kind_impl(declaration, &name, &root);
    quote! { #function #structure #default #declared #kind }
}

fn plugin_name(declaration: &Declaration) -> Ident {
    let function = &declaration.function.signature.ident;
    match &declaration.keys.name {
        Some(name) if !name.value().is_empty() => struct_name(&name.value(), name.span()),
        _ => struct_name(&function.to_string(), function.span()),
    }
}

/// The function, callable as it was written. Knobs that only set a head's width need not be used in it, and what it is
/// given it takes by value, whether it consumes it or not.
fn function(declaration: &Declaration) -> TokenStream {
    let Function { attributes, visibility, signature, body } = &declaration.function;
    let mut signature = Signature { constness: None, ..signature.clone() };
    let mut used = Vec::new();
    for parameter in &declaration.parameters {
        used.extend(match &parameter.ask {
            Ask::Head(Some(head), _) => layers::knobs_of_head(head),
            Ask::State(Some(state), _) => layers::knobs_of_state(state),
            _ => Vec::new(),
        });
    }
    for argument in &mut signature.inputs {
        if let FnArg::Typed(typed) = argument
            && let Pat::Ident(pattern) = &*typed.pat
            && used.contains(&pattern.ident.to_string())
        {
            typed.attrs.push(syn::parse_quote! { #[allow(unused_variables)] });
        }
    }
    quote! {
        #(#attributes)*
        #[allow(clippy::needless_pass_by_value)]
        #visibility #signature #body
    }
}

fn structure(declaration: &Declaration, name: &Ident, knobs: &[Declared], root: &TokenStream) -> TokenStream {
    let visibility = &declaration.function.visibility;
    let doc = declaration.function.doc();
    let computed = format!(
        "The {} that [`{}`] computes.",
        declaration.kind.name(),
        declaration.function.signature.ident
    );
    let docs = documentation(&doc, &computed);
    let fields = knobs.iter().map(|knob| knob.field(root));
    let body = if knobs.is_empty() {
        quote! { ; }
    } else {
        quote! { { #(#fields),* } }
    };
    quote! {
        #docs
        #[derive(Clone, Debug, PartialEq)]
        #visibility struct #name #body
    }
}

fn default_impl(
    name: &Ident,
    knobs: &[Declared],
    defaults: impl Iterator<Item = TokenStream>,
) -> TokenStream {
    let fields = knobs.iter().map(|knob| &knob.parameter.name);
    let body = if knobs.is_empty() {
        quote! {}
    } else {
        quote! { { #(#fields: #defaults),* } }
    };
    quote! {
        #[automatically_derived]
        impl ::core::default::Default for #name {
            fn default() -> Self {
                #name #body
            }
        }
    }
}

fn declared_impl(
    declaration: &Declaration,
    name: &Ident,
    builder: &TokenStream,
    knobs: &[Declared],
    root: &TokenStream,
) -> TokenStream {
    let feature = format_ident!("{}", feature(declaration).name());
    let values = knobs.iter().map(|knob| {
        let name = &knob.parameter.name;
        let span = knob.parameter.ty.span();
        let root = root_at(root, span);
        quote_spanned! { span=> #root::plugin::KnobType::value(&self.#name) }
    });
    quote! {
        #[automatically_derived]
        impl #root::plugin::Declared for #name {
            type Feature = #root::plugin::#feature;

            fn plugin() -> #root::plugin::Plugin {
                #builder
            }

            fn knobs(&self) -> ::std::vec::Vec<#root::plugin::KnobValue> {
                ::std::vec![#(#values),*]
            }
        }
    }
}

/// What the signature reads; for a declaration with errors, what it most likely means to.
fn feature(declaration: &Declaration) -> Feature {
    let read = declaration.parameters.iter().find_map(|parameter| match parameter.asked {
        Asked::Feature(_, feature, _) | Asked::Bare(feature) => Some(feature),
        _ => None,
    });
    let at_tokens = declaration.keys.at.as_ref().is_some_and(|(_, tap)| tap.name == "tokens");
    read.unwrap_or(if at_tokens { Feature::Tokens } else { Feature::Embedding })
}

fn kind_impl(declaration: &Declaration, name: &Ident, root: &TokenStream) -> TokenStream {
    let kind = match declaration.kind {
        Kind::Objective => quote! { Objective },
        Kind::Regularizer => quote! { Regularizer },
    };
    quote! {
        #[automatically_derived]
        impl #root::plugin::#kind for #name {}
    }
}

/// The chain of builder calls.
fn builder(declaration: &Declaration, knobs: &[Declared], root: &TokenStream) -> TokenStream {
    let function = &declaration.function.signature.ident;
    let kind = Ident::new(declaration.kind.name(), function.span());
    let at_function = root_at(root, function.span());
    let name = declaration.keys.name.iter();
    let doc = declaration.function.doc();
    let at = declaration.keys.at.iter().map(|(key, place)| {
        let place = tap::tap(place, root);
        quote! { .#key(#place) }
    });
    let expressions = declaration.keys.expressions.iter().map(|(key, value)| {
        let value = match literal(value) {
            Some(syn::Lit::Str(text)) if key == "weight" => schedule_text(text, root),
            Some(_) => float(value),
            None => quote! { #value },
        };
        quote! { .#key(#value) }
    });
    let arguments = declaration.parameters.iter().map(|parameter| argument(parameter, knobs, root));
    let declared =
        quote_spanned! { function.span()=> #at_function::plugin::Plugin::#kind(#(#name,)* #function) };
    quote! {
        #declared
            .doc(#doc)
            #(#at)*
            #(#expressions)*
            #(#arguments)*
    }
}

fn argument(parameter: &Parameter, knobs: &[Declared], root: &TokenStream) -> TokenStream {
    let text = parameter.name.to_string();
    match &parameter.ask {
        Ask::Head(Some(head), span) => {
            let (method, head) = (Ident::new("head", *span), layers::head(head, root));
            quote! { .#method(#text, #head) }
        }
        Ask::State(Some(state), span) => {
            let (method, state) = (Ident::new("state", *span), layers::state(state, root));
            quote! { .#method(#text, #state) }
        }
        Ask::Knob(..) => {
            let knob = knobs.iter().find(|knob| knob.parameter.name == parameter.name);
            knob.map_or_else(TokenStream::new, |knob| knob.call(root))
        }
        _ => quote! { .argument(#text) },
    }
}
