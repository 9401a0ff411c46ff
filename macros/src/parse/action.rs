//! `#[group_action(elements = 0..4, compose = |a, b| .., inverse = |k| ..)]`.

use equilayer_grammar::vocabulary::ACTION_KEYS;
use proc_macro2::{Ident, TokenStream};
use syn::{Expr, Path};

use super::{Function, keys};
use crate::errors::Errors;

/// A group action as it was written.
pub struct ActionDeclaration {
    /// Keys with an expression, in the order they were written.
    pub expressions: Vec<(Ident, Expr)>,
    /// How it is sampled.
    pub interpolation: Option<Ident>,
    /// Whether it masks cells.
    pub validity: Option<Ident>,
    /// The path of the crate `equilayer`.
    pub krate: Option<Path>,
    /// The keys that are there, readable or not.
    pub given: Vec<String>,
    /// From an element and a grid to a map.
    pub function: Function,
}

impl ActionDeclaration {
    /// Reads the attribute's keys.
    pub fn read(keys: TokenStream, function: Function, errors: &mut Errors) -> ActionDeclaration {
        let mut action = ActionDeclaration {
            expressions: Vec::new(),
            interpolation: None,
            validity: None,
            krate: None,
            given: Vec::new(),
            function,
        };
        let given = keys::read(keys, ACTION_KEYS, errors, |key, input| {
            match key.to_string().as_str() {
                "interpolation" => action.interpolation = Some(input.parse()?),
                "validity" => action.validity = Some(input.parse()?),
                "crate" => action.krate = Some(input.call(Path::parse_mod_style)?),
                _ => action.expressions.push((key.clone(), input.parse()?)),
            }
            Ok(())
        });
        ActionDeclaration { given, ..action }
    }

    /// Whether a key is there, readable or not.
    pub fn has(&self, key: &str) -> bool {
        self.given.iter().any(|given| given == key)
    }

    /// The value of a key.
    pub fn expression(&self, key: &str) -> Option<&Expr> {
        self.expressions.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }
}
