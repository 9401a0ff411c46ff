//! What can be wrong with what is to be measured.

use equilayer_engine::Error;
use equilayer_engine::ops::TapsError;

use crate::action::Grid;

/// Features, images or settings that cannot be measured: what is wrong, and what to do.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluateError {
    /// Nothing to measure.
    #[error("{what}: there are none; an evaluation needs at least one")]
    Empty {
        /// What is missing.
        what: &'static str,
    },

    /// A number of values that the shape does not have.
    #[error("{what}: {values} values do not fill the shape {shape:?}, which takes {}", size(.shape))]
    Shape {
        /// What the values are.
        what: &'static str,
        /// How many there are.
        values: usize,
        /// The shape they were given for.
        shape: Vec<usize>,
    },

    /// A value that is NaN or infinite.
    #[error(
        "{what}: the value at index {index} of row {row} is {value}; the encoder diverged or its input is broken, \
         so measure an earlier checkpoint"
    )]
    NotFinite {
        /// What the values are.
        what: &'static str,
        /// The sample.
        row: usize,
        /// The place in the sample.
        index: usize,
        /// The value.
        value: f32,
    },

    /// Another number of labels than of samples.
    #[error(
        "{labels} labels do not belong to {samples} samples; take both from the same split, in one order"
    )]
    LabelCount {
        /// How many labels there are.
        labels: usize,
        /// How many samples there are.
        samples: usize,
    },

    /// A label that is no class.
    #[error("sample {sample} has the label {label}, but there are {classes} classes, 0 to {}", .classes.saturating_sub(1))]
    LabelRange {
        /// The sample.
        sample: usize,
        /// Its label.
        label: u32,
        /// How many classes there are.
        classes: usize,
    },

    /// Features without labels, where labels are needed.
    #[error("{what} needs labels, and the {role} features have none; add them with `Features::labelled`")]
    Unlabelled {
        /// What needs them.
        what: &'static str,
        /// Which features: training or test.
        role: &'static str,
    },

    /// A class that nothing can be learned of.
    #[error(
        "{what}: class {class} of {classes} has no sample among the {role} features; \
         number the classes without gaps, or take a split that holds each of them"
    )]
    EmptyClass {
        /// What needs one.
        what: &'static str,
        /// The class.
        class: usize,
        /// How many classes there are.
        classes: usize,
        /// Which features: training or held out.
        role: &'static str,
    },

    /// Two things that must be of one size and are not.
    #[error("{what} differ: {first} and {second}; both must come from the same encoder and images")]
    Mismatch {
        /// What differs.
        what: &'static str,
        /// The size of one.
        first: usize,
        /// The size of the other.
        second: usize,
    },

    /// More neighbours than there are samples.
    #[error("kNN: {k} neighbours of {samples} training samples; k must be 1 to {samples}")]
    Neighbours {
        /// The neighbours asked for.
        k: usize,
        /// The samples there are.
        samples: usize,
    },

    /// A setting outside its range.
    #[error("{setting} is {value}; it must be {range}")]
    Setting {
        /// The setting.
        setting: &'static str,
        /// Its value.
        value: String,
        /// The values it may have.
        range: &'static str,
    },

    /// A map between grids given where the grids are others.
    #[error("{what}: the map reads a {expected} grid, but the values lie on {found}")]
    Grids {
        /// What was to be moved or compared.
        what: &'static str,
        /// The grid that the map reads or makes.
        expected: Grid,
        /// The grid found.
        found: Grid,
    },

    /// A map that cannot be made a sparse matrix.
    #[error("group action: {0}")]
    Taps(#[from] TapsError),

    /// What the engine reported.
    #[error(transparent)]
    Engine(#[from] Error),
}

/// The number of elements of a shape, as far as it can be counted.
pub(super) fn size(shape: &[usize]) -> usize {
    shape.iter().fold(1, |size, &axis| size.saturating_mul(axis))
}
