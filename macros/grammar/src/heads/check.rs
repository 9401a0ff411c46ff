//! What a head keeps to beside its grammar.

use super::parse::{Head, LayerKind, Width, WidthKind};
use crate::text::Mistake;
use crate::vocabulary::HEAD_LAYERS;
use crate::{heads, unknown};

/// Everything wrong with a head of this name. `knobs` are the plugin's `usize` knobs, which may be widths.
pub fn check(head: &Head, name: &str, knobs: &[&str]) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    let learns = |kind: &LayerKind| match kind {
        LayerKind::Named(name) => !HEAD_LAYERS.contains(&name.as_str()),
        LayerKind::Linear { .. } | LayerKind::Prototypes(_) => true,
    };
    if !head.layers.iter().any(|layer| learns(&layer.kind)) {
        mistakes.push(Mistake { word: 0, message: heads::without_linear(name) });
    }
    let last = head.layers.len().saturating_sub(1);
    for (index, layer) in head.layers.iter().enumerate() {
        match &layer.kind {
            LayerKind::Linear { width, .. } => mistakes.extend(check_width(width, knobs)),
            LayerKind::Prototypes(width) => {
                mistakes.extend(check_width(width, knobs));
                if index < last {
                    mistakes.push(Mistake { word: layer.word, message: heads::prototypes_not_last() });
                }
            }
            LayerKind::Named(name) => {
                if !HEAD_LAYERS.contains(&name.as_str()) && !knobs.contains(&name.as_str()) {
                    let valid: Vec<&str> =
                        HEAD_LAYERS.iter().copied().chain(["width"]).chain(knobs.iter().copied()).collect();
                    mistakes.push(Mistake { word: layer.word, message: unknown("head layer", name, valid) });
                }
            }
        }
    }
    if let Some(knob) = head.freeze_last.as_ref().filter(|knob| !knobs.contains(&knob.name.as_str())) {
        let message = heads::frozen_by_no_knob(&knob.name, knobs.iter().copied());
        mistakes.push(Mistake { word: knob.word, message });
    }
    mistakes
}

/// Everything wrong with a state's axes.
pub fn check_shape(shape: &[Width], knobs: &[&str]) -> Vec<Mistake> {
    if shape.is_empty() {
        return vec![Mistake { word: 0, message: heads::state_without_axes() }];
    }
    shape.iter().flat_map(|width| check_width(width, knobs)).collect()
}

fn check_width(width: &Width, knobs: &[&str]) -> Vec<Mistake> {
    let message = match &width.kind {
        WidthKind::Fixed(0) | WidthKind::Tap(0) => heads::zero_width(),
        WidthKind::Knob(name) if !knobs.contains(&name.as_str()) => {
            heads::unknown_width(name, knobs.iter().copied())
        }
        WidthKind::Product(factors) => {
            return factors.iter().flat_map(|factor| check_width(factor, knobs)).collect();
        }
        WidthKind::Fixed(_) | WidthKind::Tap(_) | WidthKind::Knob(_) => return Vec::new(),
    };
    vec![Mistake { word: width.word, message }]
}
