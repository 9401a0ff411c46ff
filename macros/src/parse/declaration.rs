//! A plugin's declaration: the attribute's keys, and the function with its parameters.

use equilayer_grammar::vocabulary::{OBJECTIVE_KEYS, REGULARIZER_KEYS};
use proc_macro2::{Ident, TokenStream};
use syn::{Expr, LitStr, Path};

use super::{Function, Parameter, Tap, keys};
use crate::errors::Errors;

/// Which attribute it is.
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    /// `#[objective]`.
    Objective,
    /// `#[regularizer]`.
    Regularizer,
}

impl Kind {
    /// The attribute's name, which is the builder's too.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Objective => "objective",
            Kind::Regularizer => "regularizer",
        }
    }

    fn keys(self) -> &'static [&'static str] {
        match self {
            Kind::Objective => OBJECTIVE_KEYS,
            Kind::Regularizer => REGULARIZER_KEYS,
        }
    }
}

/// The attribute's keys.
#[derive(Default)]
pub struct PlacementKeys {
    /// The plugin's name.
    pub name: Option<LitStr>,
    /// Its tap, and the key.
    pub at: Option<(Ident, Tap)>,
    /// Keys whose values are expressions, for the builder's method of the same name, in the order they were written.
    pub expressions: Vec<(Ident, Expr)>,
    /// The path of the crate `equilayer`.
    pub krate: Option<Path>,
    /// The keys that are there, readable or not.
    pub given: Vec<String>,
}

impl PlacementKeys {
    /// Whether a key is there, readable or not.
    pub fn has(&self, key: &str) -> bool {
        self.given.iter().any(|given| given == key)
    }

    /// The value of an expression key.
    pub fn expression(&self, key: &str) -> Option<&Expr> {
        self.expressions.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }
}

/// Everything that was written.
pub struct Declaration {
    /// Which attribute.
    pub kind: Kind,
    /// Its keys.
    pub keys: PlacementKeys,
    /// The function, its parameters without the attributes that are read here.
    pub function: Function,
    /// The parameters that could be read.
    pub parameters: Vec<Parameter>,
}

impl Declaration {
    /// Reads the attribute's keys and takes the function's parameters apart.
    pub fn read(kind: Kind, keys: TokenStream, mut function: Function, errors: &mut Errors) -> Declaration {
        let keys = read_keys(kind, keys, errors);
        let arguments = function.signature.inputs.iter_mut();
        let parameters = arguments.filter_map(|argument| Parameter::take(argument, errors)).collect();
        Declaration { kind, keys, function, parameters }
    }
}

fn read_keys(kind: Kind, tokens: TokenStream, errors: &mut Errors) -> PlacementKeys {
    let mut found = PlacementKeys::default();
    let given = keys::read(tokens, kind.keys(), errors, |key, input| {
        match key.to_string().as_str() {
            "name" => found.name = Some(keys::text(key, input)?),
            "at" => found.at = Some((key.clone(), input.parse()?)),
            "crate" => found.krate = Some(input.call(Path::parse_mod_style)?),
            _ => found.expressions.push((key.clone(), input.parse()?)),
        }
        Ok(())
    });
    PlacementKeys { given, ..found }
}
