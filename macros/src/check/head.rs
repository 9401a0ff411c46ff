//! Heads and states.

use equilayer_grammar::vocabulary::HEAD_LAYERS;
use equilayer_grammar::{heads, unknown};
use syn::Error;

use crate::errors::Errors;
use crate::parse::{Ask, Asked, Declaration, Head, KnobType, LayerKind, Width};

pub(super) fn check(declaration: &Declaration, errors: &mut Errors) {
    let knobs = width_knobs(declaration);
    for parameter in &declaration.parameters {
        match &parameter.ask {
            Ask::Head(Some(head), span) => {
                let learns = |kind: &LayerKind| match kind {
                    LayerKind::Named(name) => !HEAD_LAYERS.contains(&name.to_string().as_str()),
                    LayerKind::Linear { .. } | LayerKind::Prototypes(_) => true,
                };
                if !head.layers.iter().any(|layer| learns(&layer.kind)) {
                    errors.push(Error::new(*span, heads::without_linear(&parameter.name.to_string())));
                }
                check_layers(head, &knobs, errors);
                if let Some(knob) =
                    head.freeze_last.as_ref().filter(|knob| !knobs.contains(&knob.to_string()))
                {
                    let known = knobs.iter().map(String::as_str);
                    errors.at(knob, heads::frozen_by_no_knob(&knob.to_string(), known));
                }
            }
            Ask::State(Some(state), _) => {
                if state.shape.is_empty() {
                    errors.push(Error::new(state.span, heads::state_without_axes()));
                }
                state.shape.iter().for_each(|width| check_width(width, &knobs, errors));
            }
            _ => {}
        }
    }
}

/// The names of the `usize` knobs, which may be widths.
pub fn width_knobs(declaration: &Declaration) -> Vec<String> {
    let knobs = declaration.parameters.iter().filter(|parameter| {
        matches!((&parameter.ask, &parameter.asked), (Ask::Knob(..), Asked::Other(KnobType::Whole)))
    });
    knobs.map(|parameter| parameter.name.to_string()).collect()
}

fn check_layers(head: &Head, knobs: &[String], errors: &mut Errors) {
    let last = head.layers.len().saturating_sub(1);
    for (index, layer) in head.layers.iter().enumerate() {
        match &layer.kind {
            LayerKind::Linear { width, .. } => check_width(width, knobs, errors),
            LayerKind::Prototypes(width) => {
                check_width(width, knobs, errors);
                if index < last {
                    errors.push(Error::new(layer.span, heads::prototypes_not_last()));
                }
            }
            LayerKind::Named(name) => {
                let text = name.to_string();
                if !HEAD_LAYERS.contains(&text.as_str()) && !knobs.contains(&text) {
                    let knobs = knobs.iter().map(String::as_str);
                    let valid: Vec<&str> =
                        HEAD_LAYERS.iter().copied().chain(["width"]).chain(knobs).collect();
                    errors.at(name, unknown("head layer", &text, valid));
                }
            }
        }
    }
}

fn check_width(width: &Width, knobs: &[String], errors: &mut Errors) {
    match width {
        Width::Fixed(number) | Width::Tap(Some(number), _) => {
            if number.base10_parse::<usize>().is_ok_and(|number| number == 0) {
                errors.at(number, heads::zero_width());
            }
        }
        Width::Knob(name) if !knobs.contains(&name.to_string()) => {
            errors.at(name, heads::unknown_width(&name.to_string(), knobs.iter().map(String::as_str)));
        }
        Width::Tap(None, _) | Width::TapSquared(_) | Width::Knob(_) => {}
    }
}
