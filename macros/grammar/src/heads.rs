//! Heads and states: learned and kept tensors a plugin owns.

use crate::unknown;

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
