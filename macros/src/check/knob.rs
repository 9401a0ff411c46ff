//! Knobs: defaults, types and ranges.

use equilayer_grammar::{Bound, Range, knobs, names};
use proc_macro2::Ident;
use quote::ToTokens;
use syn::{Error, Expr, Lit};

use super::literal::{literal, number, schedule};
use crate::errors::Errors;
use crate::parse::{Ask, Asked, Declaration, Knob, KnobType, Parameter};
use crate::words;

pub(super) fn check(declaration: &Declaration, errors: &mut Errors) {
    for parameter in &declaration.parameters {
        let (Ask::Knob(knob, span), Asked::Other(kind)) = (&parameter.ask, &parameter.asked) else {
            continue;
        };
        match &knob.default {
            Some(default) => check_type(parameter, default, *kind, errors),
            None if knob.given.iter().any(|key| key == "default") => {}
            None => errors.push(Error::new(*span, knobs::missing_default(&parameter.name.to_string()))),
        }
        check_range(parameter, knob, *kind, errors);
    }
}

/// A literal default of another type.
fn check_type(parameter: &Parameter, default: &Expr, kind: KnobType, errors: &mut Errors) {
    let Some(found) = literal(default) else { return };
    if kind == KnobType::Scheduled {
        schedule(default, errors);
    }
    let negative = number(default).is_some_and(|number| number < 0.0);
    let fits = match (kind, found) {
        (KnobType::Number, Lit::Float(_) | Lit::Int(_)) => true,
        (KnobType::Whole, Lit::Int(_)) => !negative,
        (KnobType::Flag, Lit::Bool(_)) => true,
        (KnobType::Scheduled, Lit::Float(_) | Lit::Int(_) | Lit::Str(_)) => true,
        (KnobType::Choice, Lit::Str(name)) => {
            let ty = parameter.ty.to_token_stream().to_string().replace(' ', "");
            let variant = names::camel_case(&names::snake_case(&name.value()));
            return errors.at(default, words::choice_by_name(&ty, &variant));
        }
        (KnobType::Choice, _) => true,
        _ => false,
    };
    if !fits {
        let found = default.to_token_stream().to_string().replace(' ', "");
        errors.at(default, knobs::wrong_type(&parameter.name.to_string(), kind.name(), &found));
    }
}

fn check_range(parameter: &Parameter, knob: &Knob, kind: KnobType, errors: &mut Errors) {
    let ends = || knob.lower.iter().chain(&knob.upper);
    if !kind.is_number() {
        if let Some((key, _)) = ends().next() {
            errors.at(key, knobs::range_of_choice(&parameter.name.to_string()));
        }
        return;
    }
    for twice in [&knob.lower, &knob.upper] {
        if let [(first, _), (second, _)] = twice.as_slice() {
            errors.at(second, words::two_ends(&first.to_string(), &second.to_string()));
            errors.at(first, words::key_first_given(&first.to_string()));
        }
    }
    for (key, value) in ends().filter(|(_, value)| number(value).is_none()) {
        errors.at(value, words::not_a_number(&key.to_string()));
    }
    let range = Range { lower: bound(&knob.lower), upper: bound(&knob.upper) };
    if range.is_empty() {
        if let Some((_, upper)) = knob.upper.first() {
            errors.at(upper, knobs::empty_range(&range));
        }
        return;
    }
    let Some(default) = &knob.default else { return };
    if let Some(Err(problem)) = number(default).map(|number| range.check(number)) {
        errors.at(default, knobs::default_out_of_range(&parameter.name.to_string(), &problem));
    }
}

fn bound(end: &[(Ident, Expr)]) -> Option<Bound> {
    let (key, value) = end.first()?;
    let number = number(value)?;
    Some(if key == "above" || key == "below" { Bound::Open(number) } else { Bound::Closed(number) })
}
