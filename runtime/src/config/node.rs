//! Values of a configuration, with where they were written.

use std::ops::Range;

use toml::de::DeValue;

use crate::plugin::{KnobValue, Tap};
use crate::schedule::Schedule;

/// A value and its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub value: Value,
    pub origin: Origin,
}

/// Where a value was written.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// Bytes of the file: of the key, and of the value.
    File { key: Range<usize>, value: Range<usize> },
    /// An argument of the command line.
    Argument(String),
}

/// A value of TOML.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Flag(bool),
    Whole(i64),
    Number(f64),
    Text(String),
    List(Vec<Node>),
    /// In the order written.
    Table(Vec<(String, Node)>),
}

impl Value {
    /// In messages.
    pub fn describe(&self) -> String {
        match self {
            Value::Flag(value) => value.to_string(),
            Value::Whole(value) => value.to_string(),
            Value::Number(value) => value.to_string(),
            Value::Text(text) => format!("\"{text}\""),
            Value::List(_) => "a list".into(),
            Value::Table(_) => "a table".into(),
        }
    }
}

impl Node {
    /// From what the parser gives. Dates have no use here and stay text.
    pub fn of(value: &DeValue<'_>, key: Range<usize>, span: Range<usize>) -> Node {
        let origin = Origin::File { key: key.clone(), value: span };
        let value = match value {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Value::Whole(number),
                Err(_) => Value::Text(number.to_string()),
            },
            DeValue::Float(number) => match number.as_str().parse() {
                Ok(number) => Value::Number(number),
                Err(_) => Value::Text(number.to_string()),
            },
            DeValue::Boolean(flag) => Value::Flag(*flag),
            DeValue::Datetime(date) => Value::Text(date.to_string()),
            DeValue::Array(items) => Value::List(
                items.iter().map(|item| Node::of(item.get_ref(), item.span(), item.span())).collect(),
            ),
            DeValue::Table(table) => {
                let mut entries: Vec<_> = table
                    .iter()
                    .map(|(key, value)| {
                        let node = Node::of(value.get_ref(), key.span(), value.span());
                        (key.span().start, key.get_ref().to_string(), node)
                    })
                    .collect();
                entries.sort_by_key(|(start, ..)| *start);
                Value::Table(entries.into_iter().map(|(_, key, node)| (key, node)).collect())
            }
        };
        Node { value, origin }
    }
}

/// A value that is neither list nor table.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// true or false.
    Flag(bool),
    /// A whole number.
    Whole(i64),
    /// Any other number.
    Number(f64),
    /// A text, without its quotes.
    Text(String),
}

/// A type that a key of a configuration can have.
pub trait FromNode: Sized {
    /// What is expected, with an article: "a whole number".
    fn expected() -> String;

    /// From what is written.
    ///
    /// # Errors
    /// Why the text is not such a value; empty if it is of another type altogether.
    fn from_scalar(scalar: &Scalar) -> Result<Self, String>;

    /// As TOML.
    fn to_toml(&self) -> String;
}

macro_rules! scalar {
    ($type:ty, $expected:literal, $pattern:pat => $value:expr, $show:expr) => {
        impl FromNode for $type {
            fn expected() -> String {
                $expected.into()
            }

            fn from_scalar(scalar: &Scalar) -> Result<$type, String> {
                match scalar {
                    $pattern => $value,
                    _ => Err(String::new()),
                }
            }

            fn to_toml(&self) -> String {
                let show: fn(&$type) -> String = $show;
                show(self)
            }
        }
    };
}

scalar!(bool, "true or false", Scalar::Flag(value) => Ok(*value), bool::to_string);
scalar!(usize, "a whole number from 0 on", Scalar::Whole(value) => whole(*value), usize::to_string);
scalar!(u64, "a whole number from 0 on", Scalar::Whole(value) => whole(*value), u64::to_string);
scalar!(String, "a text in quotes", Scalar::Text(text) => Ok(text.clone()), |text| quoted(text));
scalar!(Tap, "a tap such as \"tokens(3)\"", Scalar::Text(text) => text.parse(), |tap| quoted(&tap.to_string()));

impl FromNode for f64 {
    fn expected() -> String {
        "a number".into()
    }

    fn from_scalar(scalar: &Scalar) -> Result<f64, String> {
        match scalar {
            Scalar::Number(value) => Ok(*value),
            Scalar::Whole(value) => Ok(*value as f64),
            _ => Err(String::new()),
        }
    }

    fn to_toml(&self) -> String {
        format!("{self:?}")
    }
}

impl FromNode for f32 {
    fn expected() -> String {
        f64::expected()
    }

    fn from_scalar(scalar: &Scalar) -> Result<f32, String> {
        f64::from_scalar(scalar).map(|value| value as f32)
    }

    fn to_toml(&self) -> String {
        format!("{self:?}")
    }
}

impl FromNode for Schedule {
    fn expected() -> String {
        "a number or a schedule such as \"cosine(0.99 -> 1.0)\"".into()
    }

    fn from_scalar(scalar: &Scalar) -> Result<Schedule, String> {
        match scalar {
            Scalar::Text(text) => {
                text.parse().map_err(|error: crate::schedule::ScheduleError| error.to_string())
            }
            Scalar::Number(number) if !number.is_finite() => Err(format!("{number} is not a finite number")),
            Scalar::Number(_) | Scalar::Whole(_) => f64::from_scalar(scalar).map(Schedule::constant),
            Scalar::Flag(_) => Err(String::new()),
        }
    }

    fn to_toml(&self) -> String {
        let text = self.to_string();
        if text.parse::<f64>().is_ok() { text } else { quoted(&text) }
    }
}

/// A knob's value, checked by its specification and not by its type.
impl FromNode for KnobValue {
    fn expected() -> String {
        "a knob's value".into()
    }

    fn from_scalar(scalar: &Scalar) -> Result<KnobValue, String> {
        Ok(match scalar {
            Scalar::Flag(flag) => KnobValue::Flag(*flag),
            Scalar::Whole(number) => match usize::try_from(*number) {
                Ok(number) => KnobValue::Whole(number),
                Err(_) => KnobValue::Number(*number as f32),
            },
            Scalar::Number(number) => KnobValue::Number(*number as f32),
            Scalar::Text(text) => KnobValue::Text(text.clone()),
        })
    }

    fn to_toml(&self) -> String {
        match self {
            KnobValue::Text(text) => quoted(text),
            KnobValue::Number(value) => format!("{value:?}"),
            other => other.to_string(),
        }
    }
}

fn whole<T: TryFrom<i64>>(value: i64) -> Result<T, String> {
    T::try_from(value).map_err(|_| String::new())
}

/// A basic string of TOML.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::String(text.into()).to_string()
}
