//! Each parameter's type and attribute together.

use equilayer_grammar::vocabulary::{EXTRACTORS, FEATURES, ROLES};
use equilayer_grammar::{heads, knobs, nearest, placement};
use proc_macro2::Span;
use quote::ToTokens;
use syn::{Error, Type};

use crate::errors::Errors;
use crate::parse::{Ask, Asked, Declaration, KnobType, Parameter};
use crate::words;

pub(super) fn check(declaration: &Declaration, errors: &mut Errors) {
    for parameter in &declaration.parameters {
        check_type(parameter, errors);
        check_attribute(parameter, errors);
    }
    let reads = |parameter: &Parameter| {
        matches!(
            parameter.asked,
            Asked::Feature(..) | Asked::HalfRole(..) | Asked::Bare(_) | Asked::Reference(_)
        )
    };
    let all_read = declaration.parameters.len() == declaration.function.signature.inputs.len();
    if all_read && !declaration.parameters.iter().any(reads) {
        errors.at(&declaration.function.signature.ident, placement::no_feature());
    }
}

fn check_type(parameter: &Parameter, errors: &mut Errors) {
    match &parameter.asked {
        Asked::Bare(feature) => errors.at(&parameter.ty, words::bare_feature(feature.name())),
        Asked::HalfRole(role) => errors.at(&parameter.ty, words::half_role(role.name())),
        Asked::Reference(inner) => {
            errors.at(&parameter.ty, words::reference(&inner.to_token_stream().to_string()));
        }
        Asked::Opaque => errors.at(&parameter.ty, words::opaque()),
        _ => {}
    }
}

fn check_attribute(parameter: &Parameter, errors: &mut Errors) {
    let ty = parameter.ty.to_token_stream().to_string();
    let name = parameter.name.to_string();
    let mut mismatch = |attribute: &str, wants: &str, span: Span| {
        errors.push(Error::new(span, words::attribute_mismatch(attribute, wants, &ty)));
    };
    match (&parameter.ask, &parameter.asked) {
        (Ask::Nothing, Asked::Head) => errors.at(&parameter.ty, heads::missing(&name)),
        (Ask::Nothing, Asked::State) => errors.at(&parameter.ty, heads::missing_state(&name)),
        (Ask::Nothing, Asked::Other(kind)) => check_undeclared(parameter, *kind, &ty, errors),
        (Ask::Head(_, span), asked) if !matches!(asked, Asked::Head) => mismatch("head", "a `Head`", *span),
        (Ask::State(_, span), asked) if !matches!(asked, Asked::State) => {
            mismatch("state", "a `State`", *span)
        }
        (Ask::Knob(_, span), asked) if !matches!(asked, Asked::Other(_)) => {
            mismatch("knob", "a number, a flag or a choice", *span);
        }
        (Ask::Knob(..), Asked::Other(KnobType::Choice)) => {
            if let Some(knob) = knob_for(&parameter.ty) {
                errors.at(&parameter.ty, words::other_number(&ty.replace(' ', ""), knob));
            }
        }
        _ => {}
    }
}

/// A parameter that is neither declared nor of a type that needs no declaration.
fn check_undeclared(parameter: &Parameter, kind: KnobType, ty: &str, errors: &mut Errors) {
    if kind != KnobType::Choice || knob_for(&parameter.ty).is_some() {
        return errors.at(&parameter.ty, knobs::missing_default(&parameter.name.to_string()));
    }
    let last = match &parameter.ty {
        Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
        _ => None,
    };
    let known = ROLES.iter().chain(EXTRACTORS).chain(FEATURES).copied();
    let message = match last.as_deref().and_then(|last| nearest(last, known).map(|meant| (last, meant))) {
        Some((written, meant)) => words::misspelt(written, meant),
        None => words::not_askable(ty),
    };
    errors.at(&parameter.ty, message);
}

/// The type of knob that serves for a number or text of another type.
fn knob_for(ty: &Type) -> Option<&'static str> {
    let Type::Path(path) = ty else { return None };
    match path.path.get_ident()?.to_string().as_str() {
        "f64" | "f16" => Some("`f32`"),
        "u8" | "u16" | "u32" | "u64" | "u128" | "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => {
            Some("`usize`")
        }
        "String" | "str" | "char" => Some("an enum that implements `Choice`"),
        _ => None,
    }
}
