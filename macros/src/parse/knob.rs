//! `#[knob(default = 0.4, above = 0.0, doc = "..")]`.

use equilayer_grammar::vocabulary::KNOB_KEYS;
use proc_macro2::{Ident, TokenStream};
use syn::{Expr, LitStr, Type};

use super::keys;
use crate::errors::Errors;

/// What `#[knob(..)]` says of a parameter.
#[derive(Default)]
pub struct Knob {
    /// The value without configuration.
    pub default: Option<Expr>,
    /// The lower end: `above` or `at_least`, whichever is written, both if both are.
    pub lower: Vec<(Ident, Expr)>,
    /// The upper end: `below` or `at_most`.
    pub upper: Vec<(Ident, Expr)>,
    /// What it is measured in.
    pub unit: Option<LitStr>,
    /// What it is.
    pub doc: Option<LitStr>,
    /// The keys that are there, readable or not.
    pub given: Vec<String>,
}

impl Knob {
    /// Reads the attribute's contents.
    pub fn read(tokens: TokenStream, errors: &mut Errors) -> Knob {
        let mut knob = Knob::default();
        let given = keys::read(tokens, KNOB_KEYS, errors, |key, input| {
            match key.to_string().as_str() {
                "default" => knob.default = Some(input.parse()?),
                "above" | "at_least" => knob.lower.push((key.clone(), input.parse()?)),
                "below" | "at_most" => knob.upper.push((key.clone(), input.parse()?)),
                "unit" => knob.unit = Some(keys::text(key, input)?),
                _ => knob.doc = Some(keys::text(key, input)?),
            }
            Ok(())
        });
        Knob { given, ..knob }
    }
}

/// The type of a knob, as far as a macro sees it.
#[derive(Clone, Copy, PartialEq)]
pub enum KnobType {
    /// `f32`.
    Number,
    /// `usize`.
    Whole,
    /// `bool`.
    Flag,
    /// `Scheduled`.
    Scheduled,
    /// A type of the user's: a `Choice`.
    Choice,
}

impl KnobType {
    /// By the last segment of the type's path.
    pub fn of(ty: &Type) -> KnobType {
        let Type::Path(path) = ty else { return KnobType::Choice };
        let last = path.path.segments.last().map(|segment| segment.ident.to_string());
        match last.as_deref() {
            Some("f32") => KnobType::Number,
            Some("usize") => KnobType::Whole,
            Some("bool") => KnobType::Flag,
            Some("Scheduled") => KnobType::Scheduled,
            _ => KnobType::Choice,
        }
    }

    /// With its article, for messages.
    pub fn name(self) -> &'static str {
        match self {
            KnobType::Number => "an `f32`",
            KnobType::Whole => "a `usize`",
            KnobType::Flag => "a `bool`",
            KnobType::Scheduled => "a number or the text of a schedule",
            KnobType::Choice => "a choice",
        }
    }

    /// Whether a range makes sense.
    pub fn is_number(self) -> bool {
        matches!(self, KnobType::Number | KnobType::Whole | KnobType::Scheduled)
    }
}
