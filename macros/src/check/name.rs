//! Names and documentation.

use equilayer_grammar::names;

use crate::errors::Errors;
use crate::parse::{Ask, Declaration};

pub(super) fn check(declaration: &Declaration, errors: &mut Errors) {
    let function = &declaration.function.signature.ident;
    match &declaration.keys.name {
        Some(name) => {
            if let Err(problem) = names::plugin(&name.value()) {
                errors.at(name, problem);
            }
        }
        None if declaration.keys.has("name") => {}
        None => errors.at(function, names::missing(&names::snake_case(&function.to_string()))),
    }
    if declaration.function.doc().is_empty() {
        errors.at(function, names::undocumented(&function.to_string()));
    }
    for parameter in &declaration.parameters {
        let kind = match parameter.ask {
            Ask::Head(..) => "head",
            Ask::State(..) => "state",
            Ask::Knob(..) => "knob",
            Ask::Nothing => continue,
        };
        if let Err(problem) = names::part(kind, &parameter.name.to_string()) {
            errors.at(&parameter.name, problem);
        }
    }
}
