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
    /// The square of the tap's width: a matrix for each sample.
    TapSquared,
    /// The value of a whole-numbered knob of the plugin.
    Knob(String),
}

impl Width {
    /// `factor` times the tap's width.
    pub fn tap(factor: usize) -> Width {
        Width::Tap(factor)
    }

    /// The square of the tap's width.
    pub fn tap_squared() -> Width {
        Width::TapSquared
    }

    /// The value of a knob of the plugin.
    pub fn knob(name: &str) -> Width {
        Width::Knob(name.into())
    }

    /// From what was written.
    pub(super) fn of(written: &heads::Width) -> Width {
        match &written.kind {
            heads::WidthKind::Fixed(width) => Width::Fixed(*width),
            heads::WidthKind::Tap(factor) => Width::Tap(*factor),
            heads::WidthKind::TapSquared => Width::TapSquared,
            heads::WidthKind::Knob(name) => Width::knob(name),
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
            Width::TapSquared => f.write_str("width * width"),
            Width::Knob(name) => f.write_str(name),
        }
    }
}
