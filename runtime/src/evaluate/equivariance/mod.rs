//! How features move when the image does.
//!
//! For an image x, a group element g, an encoder's token map F and the action ρ_g on tokens, an equivariant encoder has
//! ρ_g F(x) = F(g·x). Measured are, over images, elements other than the identity, and tokens that come from inside:
//!
//! - **cosine**: the mean of cos(ρ_g F(x), F(g·x)), token by token. SER reports a score without its formula; this one, under quarter
//!   turns, has its range. A map that is constant, whatever the image, scores 1.
//! - **centred cosine**: the same after μ is subtracted from both sides, μ being the mean token of both maps over all
//!   images, for each element. A constant map scores 0: a cosine without direction counts as 0.
//! - **group error**: ‖ρ_g F(x) − F(g·x)‖ / ‖F(g·x) − mean‖, where the mean is the mean token of F(g·x) over all
//!   images, and each norm is taken over all images, elements, tokens and widths at once. 0 is exact; maps that have
//!   nothing to do with each other are at √2; a constant map has none.
//!
//! A vector output (CLS, pooled) has no place in the image: ρ_g leaves it as it is, and the same three numbers then
//! measure **invariance**, cos(f(x), f(g·x)) first.
//!
//! **The floor.** Where g interpolates, no encoder is exact. [`patch_pooling`] is the ideal encoder, and its numbers on
//! the same images under the same elements stand beside every score. With quarter turns and flips they are exact.
//!
//! [`local_equivariance_error`] is the derivative of the error at the identity, and [`equimod_gain`] compares a
//! predicted with an ignored transformation.

mod floor;
mod group;
mod local;
mod pairs;

pub use floor::patch_pooling;
pub use group::{equivariance, quarter_turns};
pub use local::{Generator, LocalEquivarianceError, local_equivariance_error};
pub use pairs::{PairMeasures, equimod_gain};
