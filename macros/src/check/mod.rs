//! Whether what was written can be meant: every rule that tokens decide. Errors stand on the token to change.

mod action;
mod head;
mod knob;
pub mod literal;
mod method;
mod name;
mod parameter;
mod placement;
mod signature;

use crate::errors::Errors;
use crate::parse::Declaration;

/// Checks everything.
pub fn declaration(declaration: &Declaration, errors: &mut Errors) {
    name::check(declaration, errors);
    signature::check(&declaration.function.signature, errors);
    parameter::check(declaration, errors);
    placement::check(declaration, errors);
    head::check(declaration, errors);
    knob::check(declaration, errors);
}

pub use action::{action, element_type};
pub use method::method;
