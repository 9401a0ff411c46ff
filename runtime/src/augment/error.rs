//! What can be wrong with a pipeline.

/// A pipeline that cannot be: which step, what is wrong with it, and what to do.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AugmentError {
    /// A value out of its range.
    #[error("{step}: {key} is {value}, and must be {valid}")]
    Value {
        /// The step.
        step: String,
        /// The value's name.
        key: &'static str,
        /// The value.
        value: String,
        /// The values it may have.
        valid: &'static str,
    },

    /// Two steps that would record their parameters under one name.
    #[error(
        "{step}: is there twice, and a view's parameters have one place for it; leave one out, or give an own \
         augmentation another name"
    )]
    Twice {
        /// The step.
        step: String,
    },

    /// A flip before a crop.
    #[error(
        "{crop} comes after horizontal_flip, so its box would lie in the flipped image; put the crop first, where \
         its parameters are those of the source"
    )]
    FlippedCrop {
        /// The crop's name.
        crop: &'static str,
    },

    /// Means and standard deviations that do not fit together.
    #[error(
        "normalize: has {means} means and {stds} standard deviations; give one of each a channel, 1 or 3"
    )]
    Channels {
        /// The means given.
        means: usize,
        /// The standard deviations given.
        stds: usize,
    },
}

/// Refuses a value that is not `fine`.
pub(super) fn check(
    fine: bool,
    step: &str,
    key: &'static str,
    value: impl std::fmt::Debug,
    valid: &'static str,
) -> Result<(), AugmentError> {
    let refusal = || AugmentError::Value { step: step.into(), key, value: format!("{value:?}"), valid };
    if fine { Ok(()) } else { Err(refusal()) }
}

/// Refuses what is no probability.
pub(super) fn check_probability(step: &str, p: f32) -> Result<(), AugmentError> {
    check((0.0..=1.0).contains(&p), step, "p", p, "a probability, from 0 to 1")
}
