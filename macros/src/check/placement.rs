//! Where the plugin sits, and whether what it reads and asks for is there.

use equilayer_grammar::vocabulary::{AUGMENTATIONS, TAPS};
use equilayer_grammar::{actions, placement, unknown};
use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Error, Expr};

use super::literal::{number, schedule};
use crate::errors::Errors;
use crate::parse::{Asked, Declaration, Feature, Kind, Role, Tap};
use crate::words;

pub(super) fn check(declaration: &Declaration, errors: &mut Errors) {
    check_place(declaration, errors);
    check_features(declaration, errors);
    check_positions(declaration, errors);
    check_action(declaration, errors);
    check_teacher(declaration, errors);
    if let Some((expr, Err(problem))) =
        literal_of(declaration, "batch").map(|(expr, share)| (expr, placement::BATCH_SHARE.check(share)))
    {
        errors.at(expr, placement::batch_share(&problem));
    }
    if let Some(expr) = declaration.keys.expression("weight") {
        weight(expr, errors);
    }
}

fn literal_of<'a>(declaration: &'a Declaration, key: &str) -> Option<(&'a Expr, f64)> {
    let expr = declaration.keys.expression(key)?;
    number(expr).map(|number| (expr, number))
}

/// A weight, if it is a literal: a number, or the text of a schedule.
pub fn weight(expr: &Expr, errors: &mut Errors) {
    schedule(expr, errors);
    if let Some(Err(problem)) = number(expr).map(|weight| placement::WEIGHT.check(weight)) {
        errors.at(expr, placement::weight(&problem));
    }
}

/// A tap's name and layer. Whether they are known.
pub fn tap(tap: &Tap, errors: &mut Errors) -> bool {
    let name = tap.name.to_string();
    if !TAPS.contains(&name.as_str()) {
        errors.at(&tap.name, unknown("tap", &name, TAPS.iter().copied()));
        return false;
    }
    if let Some(layer) = &tap.layer {
        if name == "embedding" {
            errors.at(layer, placement::layer_of_embedding());
        } else if number(layer).is_some_and(|layer| layer < 1.0) {
            errors.at(layer, placement::layer_zero(&name));
        }
    }
    true
}

fn check_place(declaration: &Declaration, errors: &mut Errors) {
    let features = features(declaration);
    let feature = features.first().map(|(feature, _)| feature.name());
    let Some((_, place)) = &declaration.keys.at else {
        if declaration.keys.has("at") {
            return;
        }
        if declaration.kind == Kind::Regularizer {
            errors.at(&declaration.function.signature.ident, placement::missing_tap(feature));
        } else if let Some((Feature::Tokens, span)) = features.first() {
            errors.push(Error::new(*span, placement::feature_at_tap("Tokens", "embedding")));
        }
        return;
    };
    if !tap(place, errors) {
        return;
    }
    let collapsed = placement::feature_of(&place.name.to_string()) == Some("Embedding");
    if collapsed && asks_relative(declaration).is_some() {
        return errors.at(&place.name, actions::spatial_on_collapsed(&place.text()));
    }
    if let Some((feature, span)) = features.first()
        && placement::feature_of(&place.name.to_string()) != Some(feature.name())
    {
        errors.push(Error::new(*span, placement::feature_at_tap(feature.name(), &place.text())));
    }
}

fn features(declaration: &Declaration) -> Vec<(Feature, Span)> {
    let read = declaration.parameters.iter().filter_map(|parameter| match parameter.asked {
        Asked::Feature(_, feature, span) => Some((feature, span)),
        _ => None,
    });
    read.collect()
}

fn check_features(declaration: &Declaration, errors: &mut Errors) {
    let features = features(declaration);
    let Some((first, _)) = features.first() else { return };
    for (other, span) in features.iter().filter(|(feature, _)| feature != first) {
        errors.push(Error::new(*span, placement::mixed_features(first.name(), other.name())));
    }
}

/// Positions are of crops' tokens.
fn check_positions(declaration: &Declaration, errors: &mut Errors) {
    let crops = |asked: &Asked| matches!(asked, Asked::Feature(Role::Views, Feature::Tokens, _));
    if declaration.parameters.iter().any(|parameter| crops(&parameter.asked)) {
        return;
    }
    for parameter in &declaration.parameters {
        if matches!(parameter.asked, Asked::Positions) {
            errors.at(&parameter.ty, placement::positions_without_tokens());
        }
    }
}

fn asks_relative(declaration: &Declaration) -> Option<&syn::Type> {
    let relative = declaration.parameters.iter().find(|parameter| matches!(parameter.asked, Asked::Relative));
    relative.map(|parameter| &parameter.ty)
}

/// What the signature asks of an action, and the action itself.
fn check_action(declaration: &Declaration, errors: &mut Errors) {
    let action = declaration.keys.expression("action");
    if let Some(action) = action {
        augmentations(action.to_token_stream(), errors);
    }
    let is_orbit =
        |asked: &Asked| matches!(asked, Asked::Feature(Role::Orbit, ..) | Asked::HalfRole(Role::Orbit));
    let orbit = declaration.parameters.iter().any(|parameter| is_orbit(&parameter.asked));
    for parameter in &declaration.parameters {
        let extractor = match &parameter.asked {
            Asked::Relative => "Relative",
            Asked::Labels => "Labels",
            asked if is_orbit(asked) => "Orbit",
            _ => continue,
        };
        if declaration.kind == Kind::Objective {
            errors.at(&parameter.ty, words::action_of_objective(extractor));
        } else if !declaration.keys.has("action") {
            errors.at(&parameter.ty, actions::missing(extractor));
        }
        if extractor == "Labels" && !orbit {
            errors.at(&parameter.ty, actions::labels_without_orbit());
        }
    }
}

/// Augmentations anywhere in an action.
fn augmentations(tokens: TokenStream, errors: &mut Errors) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => augmentations(group.stream(), errors),
            TokenTree::Ident(name) if AUGMENTATIONS.contains(&name.to_string().as_str()) => {
                errors.at(&name, actions::augmentation(&name.to_string()));
            }
            _ => {}
        }
    }
}

fn check_teacher(declaration: &Declaration, errors: &mut Errors) {
    if declaration.kind != Kind::Objective || declaration.keys.has("teacher") {
        return;
    }
    for parameter in &declaration.parameters {
        if matches!(parameter.asked, Asked::Feature(Role::Teacher, ..)) {
            errors.at(&parameter.ty, words::missing_teacher());
        }
    }
}
