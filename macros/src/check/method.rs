//! Methods, as far as tokens say: which plugin is which only types know.

use equilayer_grammar::methods;
use proc_macro2::Span;
use syn::Error;

use super::placement;
use crate::errors::Errors;
use crate::parse::Method;
use crate::words;

/// Checks everything.
pub fn method(method: &Method, errors: &mut Errors) {
    let Some(objective) = method.terms.first() else {
        return errors.push(Error::new(Span::call_site(), methods::missing_objective()));
    };
    if let Some(weight) = &objective.weight {
        errors.at(weight, methods::weighted_objective());
    }
    for term in &method.terms {
        if let Some(weight) = &term.weight {
            placement::weight(weight, errors);
        }
        if let Some(tap) = &term.at {
            placement::tap(tap, errors);
        }
        for at in &term.surplus {
            errors.push(Error::new(*at, words::two_places()));
        }
    }
}
