//! How many channels a layer of a head has.

use std::fmt;

use equilayer_grammar::heads;
use serde::Serialize;

/// The width of a head's layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Width {
    /// So many channels.
    Fixed(usize),
    /// A multiple of the tap's width.
    Tap(usize),
    /// The value of a whole-numbered knob of the plugin.
    Knob(String),
    /// The product of two: with `width * width` a matrix for each sample.
    Product(Box<[Width; 2]>),
}

impl Width {
    /// `factor` times the tap's width.
    pub fn tap(factor: usize) -> Width {
        Width::Tap(factor)
    }

    /// The value of a knob of the plugin.
    pub fn knob(name: &str) -> Width {
        Width::Knob(name.into())
    }

    /// The product of two widths.
    pub fn product(first: impl Into<Width>, second: impl Into<Width>) -> Width {
        Width::Product(Box::new([first.into(), second.into()]))
    }

    /// Whether nothing is left, whatever tap and knobs say.
    pub(super) fn is_zero(&self) -> bool {
        match self {
            Width::Fixed(width) | Width::Tap(width) => *width == 0,
            Width::Knob(_) => false,
            Width::Product(factors) => factors.iter().any(Width::is_zero),
        }
    }

    /// The knobs that it is made of.
    pub(super) fn knobs(&self) -> Vec<&str> {
        match self {
            Width::Fixed(_) | Width::Tap(_) => Vec::new(),
            Width::Knob(name) => vec![name],
            Width::Product(factors) => factors.iter().flat_map(Width::knobs).collect(),
        }
    }

    /// From what was written.
    pub(super) fn of(written: &heads::Width) -> Width {
        match &written.kind {
            heads::WidthKind::Fixed(width) => Width::Fixed(*width),
            heads::WidthKind::Tap(factor) => Width::Tap(*factor),
            heads::WidthKind::Knob(name) => Width::knob(name),
            heads::WidthKind::Product(factors) => Width::Product(Box::new(factors.each_ref().map(Width::of))),
        }
    }
}

impl From<usize> for Width {
    fn from(width: usize) -> Width {
        Width::Fixed(width)
    }
}

impl fmt::Display for Width {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Width::Fixed(width) => write!(f, "{width}"),
            Width::Tap(1) => f.write_str("width"),
            Width::Tap(factor) => write!(f, "{factor} * width"),
            Width::Knob(name) => f.write_str(name),
            Width::Product(factors) => write!(f, "{} * {}", factors[0], factors[1]),
        }
    }
}
