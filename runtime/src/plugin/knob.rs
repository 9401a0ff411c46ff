//! Knobs: the numbers and choices of a loss, typed, ranged and documented.

use std::fmt;

use equilayer_grammar::{Bound, Range, knobs, unknown};
use serde::{Deserialize, Serialize, Serializer};

use crate::schedule::Schedule;

/// A knob's type, as a configuration sees it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KnobKind {
    /// A finite number.
    Number,
    /// A whole number from 0 on.
    Whole,
    /// true or false.
    Flag,
    /// One of these names.
    Choice(Vec<String>),
    /// A number that may change from step to step.
    Schedule,
}

/// A knob's value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum KnobValue {
    /// true or false.
    Flag(bool),
    /// A whole number.
    Whole(usize),
    /// A number.
    Number(f32),
    /// The name of a choice, or a schedule's text.
    Text(String),
}

impl fmt::Display for KnobValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KnobValue::Flag(value) => write!(f, "{value}"),
            KnobValue::Whole(value) => write!(f, "{value}"),
            KnobValue::Number(value) => write!(f, "{value}"),
            KnobValue::Text(value) => f.write_str(value),
        }
    }
}

/// A type with a fixed list of named values, for knobs that choose.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a type of knobs",
    note = "knobs are `f32`, `usize`, `bool`, `Scheduled`, or a type of your own that implements `equilayer::plugin::Choice`"
)]
pub trait Choice: Clone + fmt::Debug + PartialEq + Send + Sync + 'static {
    /// All values, each with its name in configurations.
    fn options() -> &'static [(&'static str, Self)]
    where
        Self: Sized;
}

/// The type of a knob's field in the plugin's struct.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a type of knobs",
    note = "knobs are `f32`, `usize`, `bool`, `Scheduled`, or a type of your own that implements `equilayer::plugin::Choice`"
)]
pub trait KnobType: Clone + fmt::Debug + PartialEq {
    /// Its type, as a configuration sees it.
    fn kind() -> KnobKind;

    /// As data.
    fn value(&self) -> KnobValue;

    /// Back from data of the same kind.
    fn from_value(value: &KnobValue) -> Option<Self>;
}

impl KnobType for f32 {
    fn kind() -> KnobKind {
        KnobKind::Number
    }

    fn value(&self) -> KnobValue {
        KnobValue::Number(*self)
    }

    fn from_value(value: &KnobValue) -> Option<f32> {
        match *value {
            KnobValue::Number(value) => Some(value),
            KnobValue::Whole(value) => Some(value as f32),
            _ => None,
        }
    }
}

impl KnobType for usize {
    fn kind() -> KnobKind {
        KnobKind::Whole
    }

    fn value(&self) -> KnobValue {
        KnobValue::Whole(*self)
    }

    fn from_value(value: &KnobValue) -> Option<usize> {
        match *value {
            KnobValue::Whole(value) => Some(value),
            _ => None,
        }
    }
}

impl KnobType for bool {
    fn kind() -> KnobKind {
        KnobKind::Flag
    }

    fn value(&self) -> KnobValue {
        KnobValue::Flag(*self)
    }

    fn from_value(value: &KnobValue) -> Option<bool> {
        match *value {
            KnobValue::Flag(value) => Some(value),
            _ => None,
        }
    }
}

impl KnobType for Schedule {
    fn kind() -> KnobKind {
        KnobKind::Schedule
    }

    fn value(&self) -> KnobValue {
        KnobValue::Text(self.to_string())
    }

    fn from_value(value: &KnobValue) -> Option<Schedule> {
        match value {
            KnobValue::Number(_) | KnobValue::Whole(_) => {
                Some(Schedule::constant(f64::from(f32::from_value(value)?)))
            }
            KnobValue::Text(text) => text.parse().ok(),
            KnobValue::Flag(_) => None,
        }
    }
}

impl<C: Choice> KnobType for C {
    fn kind() -> KnobKind {
        KnobKind::Choice(C::options().iter().map(|(name, _)| (*name).into()).collect())
    }

    fn value(&self) -> KnobValue {
        let name = C::options().iter().find(|(_, option)| option == self).map(|(name, _)| *name);
        KnobValue::Text(name.map_or_else(|| format!("{self:?}"), str::to_owned))
    }

    fn from_value(value: &KnobValue) -> Option<C> {
        match value {
            KnobValue::Text(text) => {
                C::options().iter().find(|(name, _)| name == text).map(|(_, option)| option.clone())
            }
            _ => None,
        }
    }
}

/// A knob under construction: `Knob::new(0.4_f32).above(0.0)`.
#[derive(Clone, Debug)]
pub struct Knob {
    kind: KnobKind,
    default: KnobValue,
    range: Range,
    unit: Option<String>,
    doc: String,
}

impl Knob {
    /// A knob of the default's type.
    pub fn new<T: KnobType>(default: T) -> Knob {
        Knob {
            kind: T::kind(),
            default: default.value(),
            range: Range::default(),
            unit: None,
            doc: String::new(),
        }
    }

    /// Values are greater than this.
    pub fn above(mut self, bound: f64) -> Knob {
        self.range.lower = Some(Bound::Open(bound));
        self
    }

    /// Values are this or greater.
    pub fn at_least(mut self, bound: f64) -> Knob {
        self.range.lower = Some(Bound::Closed(bound));
        self
    }

    /// Values are less than this.
    pub fn below(mut self, bound: f64) -> Knob {
        self.range.upper = Some(Bound::Open(bound));
        self
    }

    /// Values are this or less.
    pub fn at_most(mut self, bound: f64) -> Knob {
        self.range.upper = Some(Bound::Closed(bound));
        self
    }

    /// What it is measured in.
    pub fn unit(mut self, unit: &str) -> Knob {
        self.unit = Some(unit.into());
        self
    }

    /// What it means, in a sentence.
    pub fn doc(mut self, doc: &str) -> Knob {
        self.doc = doc.trim().into();
        self
    }

    pub(super) fn kind(&self) -> &KnobKind {
        &self.kind
    }

    pub(super) fn named(self, name: &str) -> KnobSpec {
        let Knob { kind, default, range, unit, doc } = self;
        KnobSpec { name: name.into(), kind, default, range, unit, doc }
    }
}

/// A knob of a plugin.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KnobSpec {
    /// Its key in configurations.
    pub name: String,
    /// Its type.
    pub kind: KnobKind,
    /// Its value where none is given.
    pub default: KnobValue,
    /// What numbers it takes.
    #[serde(serialize_with = "in_words")]
    pub range: Range,
    /// What it is measured in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// What it means.
    pub doc: String,
}

impl KnobSpec {
    /// Why `value` is not one this knob takes, if so.
    pub fn problem(&self, value: &KnobValue) -> Option<String> {
        let wrong = |expected: &str| Some(knobs::wrong_type(&self.name, expected, &value.to_string()));
        let ranged =
            |number: f64| self.range.check(number).err().map(|why| knobs::out_of_range(&self.name, &why));
        match (&self.kind, value) {
            (KnobKind::Flag, KnobValue::Flag(_)) => None,
            (KnobKind::Whole, KnobValue::Whole(number)) => ranged(*number as f64),
            (KnobKind::Number | KnobKind::Schedule, KnobValue::Whole(number)) => ranged(*number as f64),
            (KnobKind::Number | KnobKind::Schedule, KnobValue::Number(number)) => ranged(f64::from(*number)),
            (KnobKind::Choice(options), KnobValue::Text(name)) => {
                let options = options.iter().map(String::as_str);
                let known = options.clone().any(|option| option == name);
                (!known).then(|| unknown(&self.name, name, options))
            }
            (KnobKind::Schedule, KnobValue::Text(text)) => match text.parse::<Schedule>() {
                Err(error) => Some(format!("`{}`: {error}", self.name)),
                Ok(schedule) => {
                    let (low, high) = schedule.bounds();
                    ranged(f64::from(low)).or_else(|| ranged(f64::from(high)))
                }
            },
            (KnobKind::Flag, _) => wrong("true or false"),
            (KnobKind::Whole, _) => wrong("a whole number"),
            (KnobKind::Number, _) => wrong("a number"),
            (KnobKind::Choice(options), _) => wrong(&format!("one of {}", options.join(", "))),
            (KnobKind::Schedule, _) => wrong("a number or a schedule such as \"cosine(0.99 -> 1.0)\""),
        }
    }

    /// Type, range and unit in words, for help and documentation.
    pub fn accepts(&self) -> String {
        let kind = match &self.kind {
            KnobKind::Number => "number".into(),
            KnobKind::Whole => "whole number".into(),
            KnobKind::Flag => "true or false".into(),
            KnobKind::Choice(options) => options.join(" | "),
            KnobKind::Schedule => "number or schedule".into(),
        };
        let range = (self.range != Range::default()).then(|| self.range.to_string());
        [Some(kind), range, self.unit.clone()].into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

fn in_words<S: Serializer>(range: &Range, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(range)
}
