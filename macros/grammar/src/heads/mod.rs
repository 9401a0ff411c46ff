//! Heads and states: learned and kept tensors a plugin owns.
//!
//! A head is written in one grammar everywhere ([`parse`]), and keeps one set of rules ([`check`]).

mod check;
mod parse;

use crate::unknown;

pub use check::{check, check_shape};
pub use parse::{Head, Knob, Layer, LayerKind, Width, WidthKind, parse, parse_shape};

/// A head has no linear layer. `name` is the parameter's.
pub fn without_linear(name: &str) -> String {
    format!(
        "the head `{name}` learns nothing; give it a linear layer by its width, as in `mlp(512, gelu, 512)`"
    )
}

/// A width is zero.
pub fn zero_width() -> String {
    "a width of 0 leaves nothing; widths are at least 1".to_owned()
}

/// A layer follows the prototypes.
pub fn prototypes_not_last() -> String {
    "prototypes are scores, the last layer of a head; move the layers after them before them".to_owned()
}

/// A width is a name, and there is no such knob. `knobs` are the names of the plugin's `usize` knobs.
pub fn unknown_width<'a>(name: &str, knobs: impl IntoIterator<Item = &'a str>) -> String {
    let mut valid = vec!["width"];
    valid.extend(knobs);
    format!("{}, where `width` is the tap's and the rest are `usize` knobs", unknown("width", name, valid))
}

/// The epochs for which a head's last layer is frozen are a name, and there is no such knob. `knobs` are the names of the
/// plugin's `usize` knobs.
pub fn frozen_by_no_knob<'a>(name: &str, knobs: impl IntoIterator<Item = &'a str> + Clone) -> String {
    format!(
        "{}; a `usize` knob says for how many epochs a last layer is frozen",
        unknown("knob", name, knobs)
    )
}

/// `freeze_last` without a knob.
pub fn frozen_by_nothing() -> String {
    "a `usize` knob says for how many epochs a last layer is frozen; write `freeze_last = KNOB`".to_owned()
}

/// A head is declared without its layers.
pub fn missing(name: &str) -> String {
    format!(
        "`{name}` is a `Head` without layers; declare them, as in `#[head(mlp(512, gelu, 512))] {name}: Head`"
    )
}

/// A state is declared without its shape.
pub fn missing_state(name: &str) -> String {
    format!(
        "`{name}` is a `State` without a shape; declare it, as in `#[state([width], init = 0.0)] {name}: State`"
    )
}

/// A state has no axis.
pub fn state_without_axes() -> String {
    "a state needs a shape of at least one axis; write for example `[width]`".to_owned()
}

/// A head without parentheses.
pub fn without_layers() -> String {
    "a head has layers; write for example `mlp(512, gelu, 512)`".to_owned()
}

/// More behind a head.
pub fn behind() -> String {
    "only options follow a head, each after a comma; write `mlp(..)`, `mlp(..), ema` or `mlp(..), freeze_last = KNOB`"
        .to_owned()
}

/// A layer that takes nothing is given something.
pub fn layer_with_parentheses(layer: &str) -> String {
    format!("`{layer}` takes nothing in parentheses, only `prototypes(n)` does; write `{layer}`")
}

/// Prototypes without their number.
pub fn prototypes_without_count() -> String {
    "prototypes have a number; write for example `prototypes(300)`".to_owned()
}

/// Something else than a bias is added to a linear layer.
pub fn only_bias_is_added(name: &str) -> String {
    format!(
        "only a bias is added to a linear layer; write `+ bias` for `+ {name}`, or separate layers by commas"
    )
}

/// Something else than a width.
pub fn not_a_width() -> String {
    "a width is a number, `width` (the tap's), the name of a `usize` knob, or a product of two of them, as in \
     `2 * width`"
        .to_owned()
}

/// Two layers without a comma between them.
pub fn missing_comma() -> String {
    "layers are separated by commas, as in `mlp(512, gelu, 512)`".to_owned()
}

/// A configuration asks for a teacher's copy of a head that was declared without. `name` is the head's.
pub fn no_copy(name: &str) -> String {
    format!(
        "`{name}` was declared without `ema`: student and teacher share it; write its layers alone, `mlp(..)`"
    )
}
