//! Knobs: fields of the plugin's struct, their defaults, and the builder's description of them.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, ExprUnary, Lit, LitFloat};

use equilayer_grammar::{Bound, Range};

use super::root_at;
use crate::check::literal::{literal, number};
use crate::parse::{Ask, Asked, Knob, KnobType, Parameter};

/// A knob's parameter with what is declared of it.
pub struct Declared<'a> {
    pub parameter: &'a Parameter,
    pub knob: &'a Knob,
    pub kind: KnobType,
}

/// The knobs among `parameters`, in order.
pub fn knobs(parameters: &[Parameter]) -> Vec<Declared<'_>> {
    parameters.iter().filter_map(Declared::of).collect()
}

impl<'a> Declared<'a> {
    fn of(parameter: &'a Parameter) -> Option<Self> {
        match (&parameter.ask, &parameter.asked) {
            (Ask::Knob(knob, _), Asked::Other(kind)) => Some(Declared { parameter, knob, kind: *kind }),
            _ => None,
        }
    }

    fn doc_text(&self) -> String {
        self.knob.doc.as_ref().map_or_else(|| self.parameter.doc.clone(), syn::LitStr::value)
    }

    /// The type of its field: schedules for what follows one, else the parameter's own.
    fn ty(&self, root: &TokenStream) -> TokenStream {
        match self.kind {
            KnobType::Scheduled => quote! { #root::schedule::Schedule },
            _ => self.parameter.ty.to_token_stream(),
        }
    }

    /// Its field, documented by its meaning, default, range and unit.
    pub fn field(&self, root: &TokenStream) -> TokenStream {
        let (name, ty) = (&self.parameter.name, self.ty(root));
        let mut facts = Vec::new();
        if let Some(default) = &self.knob.default {
            facts.push(format!("default `{}`", source(default)));
        }
        let range = self.range();
        if range != Range::default() {
            facts.push(range.to_string());
        }
        facts.extend(self.knob.unit.as_ref().map(|unit| format!("in {}", unit.value())));
        let facts = facts.join(", ");
        let doc = match self.doc_text() {
            doc if doc.is_empty() => format!(" {facts}"),
            doc => format!(" {} ({facts})", doc.trim_end_matches('.')),
        };
        quote! { #[doc = #doc] pub #name: #ty }
    }

    /// The value of its field by default.
    pub fn default(&self, root: &TokenStream) -> TokenStream {
        let Some(default) = &self.knob.default else { return quote! { ::core::unreachable!() } };
        match (self.kind, literal(default)) {
            (KnobType::Number, Some(Lit::Int(_))) => float(default),
            (KnobType::Scheduled, Some(Lit::Str(text))) => schedule_text(text, root),
            (KnobType::Scheduled, Some(_)) => {
                let number = float(default);
                quote! { #root::schedule::Schedule::constant(#number) }
            }
            _ => quote! { #default },
        }
    }

    /// `.knob("name", Knob::new(..).above(..))`. The default is taken from the struct, where it has its type.
    pub fn call(&self, root: &TokenStream) -> TokenStream {
        let name = &self.parameter.name;
        let text = name.to_string();
        let ends = self.knob.lower.iter().chain(&self.knob.upper).map(|(key, value)| {
            let value = float(value);
            quote! { .#key(#value) }
        });
        let unit = self.knob.unit.iter();
        let doc = Some(self.doc_text()).filter(|doc| !doc.is_empty()).into_iter();
        let method = format_ident!("knob", span = name.span());
        let root = root_at(root, self.parameter.ty.span());
        // A type that is no knob's is an error at the type, once: the place and the bound are those of `knobs`.
        let knob =
            quote_spanned! { self.parameter.ty.span()=> #root::plugin::Knob::new(Self::default().#name) };
        quote! { .#method(#text, #knob #(#ends)* #(.unit(#unit))* #(.doc(#doc))*) }
    }

    fn range(&self) -> Range {
        let bound = |end: &[(Ident, Expr)]| {
            let (key, value) = end.first()?;
            let open = key == "above" || key == "below";
            number(value).map(|number| if open { Bound::Open(number) } else { Bound::Closed(number) })
        };
        Range { lower: bound(&self.knob.lower), upper: bound(&self.knob.upper) }
    }
}

/// A schedule whose text was checked when it was read.
pub fn schedule_text(text: &syn::LitStr, root: &TokenStream) -> TokenStream {
    quote! { #root::schedule::Schedule::literal(#text) }
}

/// An integer literal as a float, with its sign; anything else as it is.
pub fn float(expr: &Expr) -> TokenStream {
    match expr {
        Expr::Lit(syn::ExprLit { lit: Lit::Int(int), .. }) if int.suffix().is_empty() => {
            LitFloat::new(&format!("{}.0", int.base10_digits()), int.span()).into_token_stream()
        }
        Expr::Unary(ExprUnary { op, expr, .. }) => {
            let operand = float(expr);
            quote! { #op #operand }
        }
        other => quote! { #other },
    }
}

/// An expression as documentation shows it, without the blanks that tokens are printed with.
fn source(expr: &Expr) -> String {
    expr.to_token_stream().to_string().replace(" :: ", "::").replace(" . ", ".").replace("- ", "-")
}
