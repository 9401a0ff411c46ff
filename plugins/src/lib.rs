//! The methods of equilayer, one file each, written with the public macros of `equilayer` as a user's own would be.

mod moco_v3;
mod ser;

pub use moco_v3::{MocoV3, moco_v3};
pub use ser::{Ser, soft_equivariance};

/// Makes the linker keep this crate, and with it the methods that it registers. Call it first in `main`.
pub fn link() {}
