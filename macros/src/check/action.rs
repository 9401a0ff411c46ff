//! Group actions.

use equilayer_grammar::vocabulary::{INTERPOLATIONS, VALIDITIES};
use equilayer_grammar::{actions, names, unknown};
use proc_macro2::Ident;
use syn::{FnArg, Type};

use super::literal::number;
use super::signature;
use crate::errors::Errors;
use crate::parse::ActionDeclaration;
use crate::words;

/// Checks everything.
pub fn action(action: &ActionDeclaration, errors: &mut Errors) {
    let name = &action.function.signature.ident;
    if action.function.doc().is_empty() {
        errors.at(name, names::undocumented(&name.to_string()));
    }
    check_signature(action, errors);
    check_elements(action, errors);
    check_sampling(action, errors);
}

/// The type of the elements: the first parameter's.
pub fn element_type(action: &ActionDeclaration) -> Option<&Type> {
    match action.function.signature.inputs.first() {
        Some(FnArg::Typed(typed)) => Some(&typed.ty),
        _ => None,
    }
}

fn check_signature(action: &ActionDeclaration, errors: &mut Errors) {
    let signature = &action.function.signature;
    signature::plain(signature, errors);
    signature::returns(signature, "GridMap", errors);
    let element = element_type(action);
    if signature.inputs.len() != 2 || element.is_none() {
        errors.at(&signature.ident, words::action_signature());
    } else if let Some(Type::Reference(reference)) = element {
        errors
            .at(reference, words::reference(&quote::ToTokens::to_token_stream(&reference.elem).to_string()));
    }
}

fn check_elements(action: &ActionDeclaration, errors: &mut Errors) {
    let name = &action.function.signature.ident;
    let given = |key: &str| action.expressions.iter().find(|(name, _)| name == key);
    match (given("elements"), given("sample")) {
        (None, None) if !action.has("elements") && !action.has("sample") => {
            errors.at(name, words::action_without_elements());
        }
        (Some((elements, _)), Some((sample, _))) => {
            errors.at(sample, words::action_drawn_twice());
            errors.at(elements, words::key_first_given("elements"));
        }
        _ => {}
    }
    let needed = [
        ("compose", "to say what two elements make, the second acting first", "|a, b| (a + b) % 4"),
        ("inverse", "to say how an element is undone", "|k| (4 - k) % 4"),
    ];
    for (key, what, example) in needed {
        if !action.has(key) {
            errors.at(name, words::action_needs(key, what, example));
        }
    }
}

fn check_sampling(action: &ActionDeclaration, errors: &mut Errors) {
    let known = |word: &Option<Ident>, kind: &str, valid: &[&str], errors: &mut Errors| {
        if let Some(word) = word
            && !valid.contains(&word.to_string().as_str())
        {
            errors.at(word, unknown(kind, &word.to_string(), valid.iter().copied()));
        }
    };
    known(&action.interpolation, "interpolation", INTERPOLATIONS, errors);
    known(&action.validity, "validity", VALIDITIES, errors);
    match (&action.interpolation, action.expressions.iter().find(|(name, _)| name == "floor")) {
        (None, Some((floor, _))) => errors.at(floor, words::floor_of_permutation()),
        (Some(interpolation), None) if !action.has("floor") => {
            let what = "a floor, below which tokens and pixels agree";
            errors.at(interpolation, words::action_needs("floor", what, "0.05"));
        }
        (Some(_), Some((_, floor))) => {
            if let Some(Err(problem)) = number(floor).map(|number| actions::FLOOR.check(number)) {
                errors.at(floor, actions::floor(&problem));
            }
        }
        _ => {}
    }
}
