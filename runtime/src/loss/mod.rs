//! Losses that several methods share, written from their papers' equations.
//!
//! They take features, or any tensors, and normalise where the equation does. "The batch" is the leading axis. What does
//! not fit (two views of different widths, say) is recorded as an error in the graph, with the caller's line. Gradients
//! flow to every operand: where a method holds one constant it says so itself ([`Feature::stop_gradient`]).
//!
//! | | |
//! |---|---|
//! | [`info_nce`], [`nt_xent`] | contrasts of samples: MoCo v3, SimCLR, EquiMod, STL |
//! | [`dense_info_nce`], [`masked_distance`] | of tokens: SER, flow equivariance |
//! | [`most_similar`] | which tokens correspond, by what they are like |
//! | [`normalized_distance`], [`negative_cosine`] | agreement in direction: BYOL, SimSiam |
//! | [`redundancy_reduction`] | cross-correlation: Barlow Twins |
//! | [`invariance`], [`variance_hinge`], [`covariance_penalty`] | VICReg's terms |
//! | [`centred_softmax`], [`distillation`], [`moved_center`] | DINO |
//!
//! [`Feature::stop_gradient`]: crate::plugin::Feature::stop_gradient

mod contrast;
mod correlation;
mod correspondence;
mod cosine;
mod dense;
mod distillation;
mod vicreg;

pub use contrast::{info_nce, nt_xent};
pub use correlation::redundancy_reduction;
pub use correspondence::most_similar;
pub use cosine::{negative_cosine, normalized_distance};
pub use dense::{Negatives, dense_info_nce, masked_distance};
pub use distillation::{centred_softmax, distillation, moved_center};
pub use vicreg::{covariance_penalty, invariance, variance_hinge};

/// PyTorch's `normalize` keeps norms above this.
const NORM_EPS: f32 = 1e-12;
