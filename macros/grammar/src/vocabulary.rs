//! The tables of names.

/// Where a feature is read. `tokens`, `cls` and `pooled` take a layer in parentheses, counted from 1, or stand for
/// the last layer without; `embedding` is the encoder's own output.
pub const TAPS: &[&str] = &["tokens", "cls", "pooled", "embedding"];

/// What a tap yields.
pub const FEATURES: &[&str] = &["Tokens", "Embedding"];

/// Which features a parameter receives; each is written around a kind of feature.
pub const ROLES: &[&str] = &["Pair", "Views", "Teacher", "Untransformed", "Orbit"];

/// What a parameter can ask for beside features and knobs.
pub const EXTRACTORS: &[&str] =
    &["Relative", "Labels", "Differences", "Parameters", "Positions", "Head", "State"];

/// The heads.
pub const HEADS: &[&str] = &["mlp"];

/// What may follow a head's layers.
pub const HEAD_OPTIONS: &[&str] = &["ema", "freeze_last"];

/// The layers of a head beside widths, which are linear layers.
pub const HEAD_LAYERS: &[&str] =
    &["relu", "gelu", "tanh", "batch_norm", "plain_batch_norm", "layer_norm", "l2_normalize", "prototypes"];

/// The keys of `#[objective(..)]`.
pub const OBJECTIVE_KEYS: &[&str] = &["name", "at", "teacher", "views", "crate"];

/// The keys of `#[regularizer(..)]`.
pub const REGULARIZER_KEYS: &[&str] =
    &["name", "at", "action", "batch", "views", "share", "crop", "weight", "crate"];

/// The keys of `#[group_action(..)]`.
pub const ACTION_KEYS: &[&str] =
    &["elements", "compose", "inverse", "identity", "sample", "interpolation", "floor", "validity", "crate"];

/// How often an action's elements are drawn; what has no scope is drawn for each sample.
pub const SCOPES: &[&str] = &["per_batch", "per_sample"];

/// What a scoped product of groups of two can be beside.
pub const COMPLEMENT: &str = "complementary";

/// How an action's maps are sampled where cells do not fall on cells.
pub const INTERPOLATIONS: &[&str] = &["bilinear", "bicubic"];

/// Whether an action gives a value to every cell, or masks some.
pub const VALIDITIES: &[&str] = &["everywhere", "masked"];

/// The keys of `#[knob(..)]`.
pub const KNOB_KEYS: &[&str] = &["default", "above", "at_least", "below", "at_most", "unit", "doc"];

/// The attributes of a parameter.
pub const PARAMETER_ATTRIBUTES: &[&str] = &["head", "knob", "state"];

/// Names a knob, a head or a state cannot have: a plugin's section of the configuration uses them.
pub const RESERVED: &[&str] =
    &["action", "at", "batch", "crop", "layer", "name", "share", "teacher", "views", "weight"];

/// Names a plugin cannot have: its struct would hide a type that signatures use, or is no name in Rust.
pub const RESERVED_PLUGINS: &[&str] = &[
    "differences",
    "embedding",
    "head",
    "labels",
    "loss",
    "orbit",
    "pair",
    "parameters",
    "positions",
    "relative",
    "scheduled",
    "self",
    "state",
    "teacher",
    "tokens",
    "untransformed",
    "views",
];

/// Augmentations that are often taken for group actions.
pub const AUGMENTATIONS: &[&str] =
    &["RandomCrop", "RandomResizedCrop", "ColorJitter", "GaussianBlur", "Grayscale", "Solarize"];

/// The most parameters a declaration may have.
pub const MOST_PARAMETERS: usize = 16;
