//! Taps: where in the encoder a plugin reads.

use std::fmt;
use std::str::FromStr;

use equilayer_grammar::{placement, unknown, vocabulary};
use serde::{Deserialize, Serialize};

use super::feature::{Embedding, Tokens};

/// What is read at a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TapKind {
    /// The token map, spatial: `[batch, tokens, width]`.
    Tokens,
    /// The CLS token: `[batch, width]`.
    Cls,
    /// The mean of the tokens: `[batch, width]`.
    Pooled,
    /// What the encoder gives for the whole image: its final CLS token, or the pooled tokens where it has none.
    Embedding,
}

impl TapKind {
    /// As it is written in declarations and configurations.
    pub fn name(self) -> &'static str {
        match self {
            TapKind::Tokens => "tokens",
            TapKind::Cls => "cls",
            TapKind::Pooled => "pooled",
            TapKind::Embedding => "embedding",
        }
    }

    /// Whether tokens have a place in the image there.
    pub fn is_spatial(self) -> bool {
        self == TapKind::Tokens
    }
}

/// A layer of the encoder: a block of a transformer, a stage of a ResNet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layer {
    /// Behind this layer, counted from 1.
    After(usize),
    /// Behind the last layer and the encoder's own final norm.
    Last,
}

/// Behind the last layer, whatever the encoder's depth.
pub const LAST: Layer = Layer::Last;

impl From<usize> for Layer {
    fn from(layer: usize) -> Layer {
        Layer::After(layer)
    }
}

/// A place in the encoder: `tokens(3)`, `cls(6)`, `pooled(12)`, or without a number behind the last layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Tap {
    /// What is read.
    pub kind: TapKind,
    /// Where.
    pub layer: Layer,
}

/// A tap that reads token maps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TokensTap(Tap);

/// A tap that reads one vector an image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VectorTap(Tap);

/// The token map after a layer.
pub fn tokens(layer: impl Into<Layer>) -> TokensTap {
    TokensTap(Tap { kind: TapKind::Tokens, layer: layer.into() })
}

/// The CLS token after a layer.
pub fn cls(layer: impl Into<Layer>) -> VectorTap {
    VectorTap(Tap { kind: TapKind::Cls, layer: layer.into() })
}

/// The mean of the tokens after a layer.
pub fn pooled(layer: impl Into<Layer>) -> VectorTap {
    VectorTap(Tap { kind: TapKind::Pooled, layer: layer.into() })
}

/// The encoder's own embedding of the image: where objectives sit.
pub fn embedding() -> VectorTap {
    VectorTap(Tap { kind: TapKind::Embedding, layer: LAST })
}

impl From<TokensTap> for Tap {
    fn from(tap: TokensTap) -> Tap {
        tap.0
    }
}

impl From<VectorTap> for Tap {
    fn from(tap: VectorTap) -> Tap {
        tap.0
    }
}

/// Taps at which a plugin that reads `Feature` can sit: token maps at `tokens(l)`, vectors at `cls(l)`, `pooled(l)`
/// and `embedding`.
#[diagnostic::on_unimplemented(
    message = "a plugin that reads `{Feature}` cannot sit at this tap",
    label = "this tap does not supply `{Feature}`",
    note = "`Tokens` are read at tokens(l): a group action needs tokens that have a place in the image; `Embedding` \
            is read at cls(l), pooled(l) or embedding"
)]
pub trait TapFor<Feature>: Into<Tap> {}

impl TapFor<Tokens> for TokensTap {}
impl TapFor<Embedding> for VectorTap {}

impl fmt::Display for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.layer {
            Layer::After(layer) => write!(f, "{}({layer})", self.kind.name()),
            Layer::Last => f.write_str(self.kind.name()),
        }
    }
}

impl From<Tap> for String {
    fn from(tap: Tap) -> String {
        tap.to_string()
    }
}

impl TryFrom<String> for Tap {
    type Error = String;

    fn try_from(text: String) -> Result<Tap, String> {
        text.parse()
    }
}

impl FromStr for Tap {
    type Err = String;

    /// # Errors
    /// An unknown tap, with the nearest one; a layer that is no number from 1 on.
    fn from_str(text: &str) -> Result<Tap, String> {
        let (name, layer) = match text.trim().split_once('(') {
            None => (text.trim(), None),
            Some((name, rest)) => {
                let layer = rest.trim_end().strip_suffix(')').ok_or_else(|| not_a_tap(text))?;
                (name.trim(), Some(layer.trim()))
            }
        };
        let kind = [TapKind::Tokens, TapKind::Cls, TapKind::Pooled, TapKind::Embedding]
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| unknown("tap", name, vocabulary::TAPS.iter().copied()))?;
        let layer = match layer {
            None => Layer::Last,
            Some(_) if kind == TapKind::Embedding => return Err(placement::layer_of_embedding()),
            Some(number) => match number.parse() {
                Ok(0) => return Err(placement::layer_zero(kind.name())),
                Ok(layer) => Layer::After(layer),
                Err(_) => return Err(not_a_tap(text)),
            },
        };
        Ok(Tap { kind, layer })
    }
}

fn not_a_tap(text: &str) -> String {
    format!(
        "`{text}` is no tap; write `tokens(3)`, `cls(3)`, `pooled(3)`, or without a number for the last layer"
    )
}
