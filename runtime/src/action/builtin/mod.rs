//! The actions that come with the library.

mod dihedral;
mod given;
mod rescale;
mod rigid;

pub use dihedral::{D4, Dihedral, HFlip, HalfTurn, Rot90, VFlip};
pub use given::Displacement;
pub use rescale::{Rescale, RescaleWithAspect, Resize};
pub use rigid::{Rotate, Translate};
