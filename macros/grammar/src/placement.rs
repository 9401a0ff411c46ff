//! Where a plugin sits: taps, features, share of the batch, weight.

use crate::vocabulary::TAPS;
use crate::{Bound, Range, list};

/// The shares of the batch a regularizer may work on.
pub const BATCH_SHARE: Range = Range { lower: Some(Bound::Open(0.0)), upper: Some(Bound::Closed(1.0)) };

/// The weights a regularizer may have; 0 keeps it running as a control.
pub const WEIGHT: Range = Range { lower: Some(Bound::Closed(0.0)), upper: None };

/// What a tap, with or without its layer, yields: a map of `Tokens`, or one `Embedding` per image.
pub fn feature_of(tap: &str) -> Option<&'static str> {
    match tap.split_once('(').map_or(tap, |(name, _)| name) {
        "tokens" => Some("Tokens"),
        "cls" | "pooled" | "embedding" => Some("Embedding"),
        _ => None,
    }
}

/// Layer 0 is asked for. `tap` is its name.
pub fn layer_zero(tap: &str) -> String {
    format!("layers are counted from 1: `{tap}(1)` reads after the first block")
}

/// A layer is asked for that the encoder does not have.
pub fn layer_beyond(tap: &str, layer: usize, depth: usize) -> String {
    format!("`{tap}({layer})` is beyond this encoder's {depth} blocks; choose a layer from 1 to {depth}")
}

/// CLS is read at or before the block after which it enters.
pub fn cls_too_early(layer: usize, cls_after: usize) -> String {
    format!(
        "there is no CLS at layer {layer}: it enters after block {cls_after} of this encoder; read `pooled({layer})`, \
         or let CLS enter earlier with `cls_after`"
    )
}

/// A tap that has no layer is given one.
pub fn layer_of_embedding() -> String {
    "`embedding` is the encoder's own output and takes no layer; for one layer's features use `tokens(l)`, `cls(l)` or \
     `pooled(l)`"
        .to_owned()
}

/// Positions are asked for without the tokens that lie there.
pub fn positions_without_tokens() -> String {
    "`Positions` say where the tokens of crops lie, and none are read; add a parameter `Views<Tokens>`"
        .to_owned()
}

/// A share of the batch outside [`BATCH_SHARE`]. `problem` is what the range says.
pub fn batch_share(problem: &str) -> String {
    format!("`batch` is the share of the batch, {BATCH_SHARE}: {problem}; write for example `batch = 0.01`")
}

/// A weight outside [`WEIGHT`]. `problem` is what the range says.
pub fn weight(problem: &str) -> String {
    format!("a weight is {WEIGHT}: {problem}; a loss to maximize negates its own value")
}

/// A regularizer says nowhere where it sits. `feature` is what its signature reads, if that is clear.
pub fn missing_tap(feature: Option<&str>) -> String {
    let example = if feature == Some("Embedding") { "cls" } else { "tokens(3)" };
    format!("a regularizer needs a place; add `at = {example}` (taps: {})", list(TAPS.iter().copied()))
}

/// The tap does not yield what the signature reads: `feature` is one of
/// [`FEATURES`](crate::vocabulary::FEATURES).
pub fn feature_at_tap(feature: &str, tap: &str) -> String {
    let remedy = if feature == "Tokens" {
        "place it at `tokens(l)`, or read `Embedding`"
    } else {
        "place it at `cls(l)` or `pooled(l)`, or read `Tokens`"
    };
    let yields = match feature_of(tap) {
        Some("Tokens") => "yields a map of tokens",
        _ => "yields one embedding per image",
    };
    format!("`{feature}` cannot be read at `{tap}`, which {yields}; {remedy}")
}

/// Features of different kinds are read in one signature.
pub fn mixed_features(first: &str, second: &str) -> String {
    format!("`{second}` is read beside `{first}`, and a plugin sits at one tap; read one kind of feature")
}

/// CLS is read of an encoder that has none.
pub fn no_cls(layer: usize) -> String {
    format!("this encoder has no CLS token; read `pooled({layer})`")
}

/// A signature reads nothing at the tap.
pub fn no_feature() -> String {
    "the loss reads no feature; add a parameter such as `z: Pair<Tokens>` or `z: Views<Embedding>`".to_owned()
}
