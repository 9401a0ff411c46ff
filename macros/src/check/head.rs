//! Heads and states.

use equilayer_grammar::heads;

use crate::errors::Errors;
use crate::parse::{Ask, Asked, Declaration, KnobType};

pub(super) fn check(declaration: &Declaration, errors: &mut Errors) {
    let knobs = width_knobs(declaration);
    let knobs: Vec<&str> = knobs.iter().map(String::as_str).collect();
    for parameter in &declaration.parameters {
        let (places, mistakes) = match &parameter.ask {
            Ask::Head(Some(head), _) => {
                (&head.places, heads::check(&head.syntax, &parameter.name.to_string(), &knobs))
            }
            Ask::State(Some(state), _) => (&state.places, heads::check_shape(&state.shape, &knobs)),
            _ => continue,
        };
        mistakes.into_iter().for_each(|mistake| errors.push(places.error(mistake)));
    }
}

/// The names of the `usize` knobs, which may be widths.
pub fn width_knobs(declaration: &Declaration) -> Vec<String> {
    let knobs = declaration.parameters.iter().filter(|parameter| {
        matches!((&parameter.ask, &parameter.asked), (Ask::Knob(..), Asked::Other(KnobType::Whole)))
    });
    knobs.map(|parameter| parameter.name.to_string()).collect()
}
