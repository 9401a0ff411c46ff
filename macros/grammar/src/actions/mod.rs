//! Group actions, and what a plugin asks of its own.
//!
//! Declarations write actions in Rust, whose compiler says what is wrong with them; configurations write the same as a
//! text ([`parse`]), which keeps the same rules ([`check`]).

mod check;
mod parse;

use std::ops::RangeInclusive;

use crate::{Bound, Range};

pub use check::{RangeOf, Signature, check};
pub use parse::{Call, Factor, FactorKind, parse};

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

/// Whether an action can draw from a range: finite, the smaller first, and above `above`. `what` is drawn.
///
/// # Errors
/// Why not.
pub fn range(what: &str, range: &RangeInclusive<f64>, above: Option<f64>) -> Result<(), String> {
    let (low, high) = (*range.start(), *range.end());
    let ordered = low <= high && low.is_finite() && high.is_finite();
    match above {
        Some(bound) if !ordered || low <= bound => Err(format!(
            "{what} {range:?} must be a range of finite numbers above {bound}, the smaller first"
        )),
        None if !ordered => {
            Err(format!("{what} {range:?} must be a range of finite numbers, the smaller first"))
        }
        _ => Ok(()),
    }
}

/// A factor has no place to stand.
pub fn missing_factor() -> String {
    "a group action stands here; write for example `Rot90.per_batch() * HFlip`".to_owned()
}

/// Two factors without a `*` between them.
pub fn missing_product() -> String {
    "actions are multiplied; write `*` before the next, as in `Rot90.per_batch() * HFlip`".to_owned()
}

/// A parenthesis is closed that is not open.
pub fn unopened() -> String {
    "no parenthesis is open here; remove the `)`".to_owned()
}

/// Nothing is called behind a `.`.
pub fn missing_call() -> String {
    "a call stands behind the `.`; write for example `.per_batch()`".to_owned()
}

/// A call without parentheses.
pub fn call_without_parentheses(name: &str) -> String {
    format!("`{name}` is called; write `{name}(..)`")
}

/// Something else than a range.
pub fn not_a_range() -> String {
    "an action takes a range of numbers, as in `Rescale(0.7..=1.3)`".to_owned()
}

/// What takes nothing is given a range.
pub fn takes_nothing(name: &str) -> String {
    format!("`{name}` takes nothing in parentheses; remove the range")
}

/// What takes a range is given none. `what` is drawn from it, `example` is one.
pub fn missing_range(name: &str, what: &str, example: &str) -> String {
    format!("`{name}` takes a range, of its {what}; write for example `{name}({example})`")
}

/// What has a scope is given another.
pub fn scope_twice() -> String {
    "what has a scope cannot get another: `(A * B).per_batch()`, or `A.per_batch() * B.per_sample()`"
        .to_owned()
}

/// A complement of what has no scope.
pub fn complement_without_scope() -> String {
    "`complementary()` stands behind a scope, once; write for example `HFlip.per_sample().complementary()`"
        .to_owned()
}

/// A complement is asked for of a group that is not of two elements.
pub fn no_complement(group: &str) -> String {
    format!(
        "elements of `{group}` have no complement; `complementary()` is for groups of two and their products, as \
         `HalfTurn * HFlip`; other factors go outside of it: `Rot90.per_batch() * HFlip.per_sample().complementary()`"
    )
}

/// Two crates declare an action of one name.
pub fn declared_twice(name: &str, first: &str, second: &str) -> String {
    format!("the action `{name}` is declared twice, in {first} and in {second}; rename one")
}
