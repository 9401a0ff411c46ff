//! Group actions, and what a plugin asks of its own.

use crate::{Bound, Range};

/// The mismatches between pixels and tokens that an interpolating action may promise to stay below.
pub const FLOOR: Range = Range { lower: Some(Bound::Open(0.0)), upper: Some(Bound::Closed(0.1)) };

/// A floor outside [`FLOOR`]. `problem` is what the range says.
pub fn floor(problem: &str) -> String {
    format!(
        "`floor` is the largest mismatch of tokens and pixels, {FLOOR}: {problem}; write for example `floor = 0.05`"
    )
}

/// An augmentation stands where a group action is needed.
pub fn augmentation(name: &str) -> String {
    format!(
        "`{name}` is an augmentation and no group action: features cannot follow it; use a group action such as \
         `Rot90`, `HFlip` or `Rescale`, or declare one with `#[group_action]`"
    )
}

/// A parameter needs an action and the plugin has none. `extractor` is `Relative`, `Labels` or `Orbit`.
pub fn missing(extractor: &str) -> String {
    format!(
        "`{extractor}` is of a group action, and none is declared; add `action = ..`, for example `action = Rot90`"
    )
}

/// ρ_g is asked for where features have no grid. `feature` is where they come from: a tap or `Embedding`.
pub fn spatial_on_collapsed(place: &str) -> String {
    format!(
        "`Relative` moves token maps, and `{place}` has no grid left to move; place it at `tokens(l)` and read \
         `Tokens`, or ask for `Labels`, `Differences` or `Parameters` of the transform"
    )
}

/// Labels are asked for without the features they label.
pub fn labels_without_orbit() -> String {
    "`Labels` number the elements of an orbit, and none is read; add a parameter `Orbit<Embedding>` or `Orbit<Tokens>`"
        .to_owned()
}

/// An orbit is asked for of an action with infinitely many elements.
pub fn orbit_of_infinite(action: &str) -> String {
    format!(
        "an orbit has every element of a finite action, and `{action}` is continuous; use for example `Rot90`"
    )
}
