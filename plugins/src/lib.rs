//! The methods of equilayer, one file each, written with the public macros of `equilayer` as a user's own would be.
//!
//! | objectives | |
//! |---|---|
//! | [`MocoV3`], [`Simclr`] | contrasts |
//! | [`Byol`], [`Simsiam`], [`Dino`] | agreement with a target that is held constant |
//! | [`BarlowTwins`], [`Vicreg`] | decorrelated channels |
//!
//! | regularizers | published at | |
//! |---|---|---|
//! | [`Ser`] | `tokens(3)` | tokens match under a known action |
//! | [`FlowEquivariance`] | `tokens` | the same under a given displacement |
//! | [`Equimod`], [`Stl`] | `cls` | the action on embeddings is learned |
//! | [`Essl`], [`Augself`] | `cls` | the transform is predicted |
//!
//! Any regularizer sits at any layer: `Equimod at cls(3)` is its layer-decoupled variant.

mod augself;
mod barlow_twins;
mod byol;
mod dino;
mod equimod;
mod essl;
mod flow_equivariance;
mod moco_v3;
mod ser;
mod simclr;
mod simsiam;
mod stl;
mod vicreg;

pub use augself::{Augself, predict_augmentations};
pub use barlow_twins::{BarlowTwins, barlow_twins};
pub use byol::{Byol, byol};
pub use dino::{Dino, dino};
pub use equimod::{Contrast, Equimod, predict_embedding};
pub use essl::{Essl, predict_rotation};
pub use flow_equivariance::{FlowEquivariance, flow_equivariance};
pub use moco_v3::{MocoV3, moco_v3};
pub use ser::{Ser, soft_equivariance};
pub use simclr::{Simclr, simclr};
pub use simsiam::{Simsiam, simsiam};
pub use stl::{Stl, learn_transformations};
pub use vicreg::{Vicreg, vicreg};

/// Makes the linker keep this crate, and with it the methods that it registers. Call it first in `main`.
pub fn link() {}
