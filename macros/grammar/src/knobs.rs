//! Knobs: typed, ranged values with defaults.

use crate::Range;

/// A value outside a knob's range. `problem` is what [`Range::check`] says.
pub fn out_of_range(knob: &str, problem: &str) -> String {
    format!("`{knob}` is out of range: {problem}")
}

/// A default outside a knob's own range. `problem` is what [`Range::check`] says.
pub fn default_out_of_range(knob: &str, problem: &str) -> String {
    format!("the default of `{knob}` is out of its range: {problem}; change the default or the range")
}

/// A knob has no default. `knob` is its name.
pub fn missing_default(knob: &str) -> String {
    format!(
        "the knob `{knob}` has no default; declare one with `#[knob(default = ..)]`, so that every plugin runs as it is"
    )
}

/// A range without numbers inside.
pub fn empty_range(range: &Range) -> String {
    format!("no number is {range}; widen the range")
}

/// A value of another type: a fraction for a `usize`, a number for a `bool`. `expected` has the article: "a fraction".
pub fn wrong_type(knob: &str, expected: &str, found: &str) -> String {
    format!("`{knob}` is {expected}, and `{found}` is not")
}

/// A range on a knob that is no number.
pub fn range_of_choice(knob: &str) -> String {
    format!("`{knob}` is no number and takes no range; ranges belong to `f32`, `usize` and `Scheduled` knobs")
}
