//! Plugins: losses with a place, declared as data and a function.
//!
//! A plugin is a [`PluginSpec`], which says everything about a loss but its equation, and a function that computes
//! the loss from what its signature asks for ([`Argument`]). The attributes `#[objective]` and `#[regularizer]` expand
//! into the builder of this module ([`Plugin`]), nothing else; what they check at compile time the builder checks with
//! the same words ([`Plugin::problems`]).
//!
//! ```text
//! signature  ──▶ Demand   (what each parameter's type asks for)
//! builder    ──▶ PluginSpec (names, heads, knobs, placement, action: data)
//! Method     ──▶ Supply   (tapped features, ρ_g, heads, knobs: values in one graph)
//! function   ──▶ Loss
//! ```
//!
//! The specification is complete: a configuration is checked against it, a report printed from it, and two plugins
//! with equal specifications differ in their equations alone. Link-time registration ([`register!`]) makes every
//! plugin of a program known to its command line; there is no other global state.
//!
//! [`register!`]: crate::plugin::register

mod argument;
mod build;
mod feature;
mod follower;
mod head;
mod knob;
mod layers;
mod loss;
mod positions;
mod registry;
mod spec;
mod tap;
mod width;

pub use argument::{
    Argument, Demand, Differences, Labels, LossFunction, Parameters, Role, Scheduled, State, Supply,
    TappedFeature,
};
pub use build::Plugin;
pub(crate) use build::place_problem;
pub use feature::{
    Embedding, Feature, FeatureKind, Orbit, Pair, Side, Tapped, Teacher, Tokens, Untransformed, Views,
    joined, stacked,
};
pub use follower::{Ema, EmaUpdate, Follower, TEACHER};
pub use head::Head;
pub use knob::{Choice, Knob, KnobKind, KnobSpec, KnobType, KnobValue};
pub use layers::{HeadLayer, Mlp};
pub use loss::Loss;
pub use positions::{Cells, Position, Positions};
pub use registry::{Declared, Objective, Registration, Registry, RegistryError, Regularizer, inventory};
pub use spec::{ArgumentKind, ArgumentSpec, BatchShare, Crop, Crops, PluginKind, PluginSpec, Sharing};
pub use tap::{LAST, Layer, Tap, TapFor, TapKind, TokensTap, VectorTap, cls, embedding, pooled, tokens};
pub use width::Width;

pub use crate::__register as register;
