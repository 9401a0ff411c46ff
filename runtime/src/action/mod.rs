//! Group actions: one coordinate map acts on pixels and on tokens alike.
//!
//! A [`GridMap`] says where each cell of a target grid comes from in a source grid, continuously. Maps compose before
//! anything is sampled, so a product of ten elements is interpolated once; a relative action between two views is
//! [`GridMap::relative_to`], and never a product of relative components, for turns and flips do not commute.
//! [`GridMap::sample`] makes it a sparse matrix: a permutation where cells fall on cells, exactly, and interpolation
//! elsewhere, with a mask for cells that come from outside.
//!
//! A [`GroupAction`] says which maps there are and how they combine; [`laws`] holds it to that. Actions multiply and get a
//! scope, and become an [`Action`], which is data:
//! ```
//! use equilayer::action::*;
//!
//! # fn main() -> Result<(), ActionError> {
//! let action = Action::from(
//!     Rot90.per_batch()
//!         * Rescale(0.7..=1.3).aspect(0.75..=4.0 / 3.0).per_batch()
//!         * (HalfTurn * HFlip).per_sample().complementary(),
//! );
//! let tokens = Grid::new(14, 14);
//! action.check(tokens)?;
//!
//! let drawn = action.draw_pair(tokens, &Sample::all(253..256), &DrawKey::new(0, 1, "ser"))?;
//! let image = drawn.maps(View::First)[0].refined(16).sample(drawn.interpolation())?; // for the data loader
//! assert_eq!(image.to(), drawn.grid(View::First).refined(16));
//! let rho = drawn.relative(View::First, View::Second)?;
//! assert_eq!(rho.shape().to, drawn.grid(View::Second).cells()); // `rho.shape()` declares it in a graph
//! # Ok(())
//! # }
//! ```
//!
//! # Conventions
//! - Products act from the right: in `a * b`, and in `compose(a, b)`, `b` is first.
//! - Grids are rows × columns, row 0 on top. Coordinates are (row, column).
//! - Turns go as `torch.rot90` over (height, width): counterclockwise, `out[i][j] = in[j][columns − 1 − i]` for one.
//! - Cells have their centres at half units, as `align_corners=False` has them.

mod builtin;
mod coordinates;
mod displacement;
mod draw;
mod erased;
mod grid_map;
mod group;
mod known;
pub mod laws;
mod pair;
mod path;
mod product;
mod relative;
mod sampled;
mod smooth_flow;

pub use builtin::{
    D4, Dihedral, Displacement, HFlip, HalfTurn, Rescale, RescaleWithAspect, Resize, Rot90, Rotate,
    Translate, VFlip,
};
pub use coordinates::CoordinateMap;
pub use displacement::{DisplacementField, FieldError, Flow};
pub use draw::{Draw, DrawKey, Sample, View};
pub use erased::{Action, Factor};
pub use grid_map::{Grid, GridMap};
pub use group::{GroupAction, Sampling, Validity};
pub use known::{ActionRegistration, KnownActions};
pub use pair::{ActionError, OrbitElement, PairDraw};
pub use product::{IntoAction, Involutive, Product, Scope, Scoped, Symmetry};
pub use relative::{Relative, RelativeMaps, RelativeShape};
pub use sampled::{Interpolation, PlanesError, SampledMap};
pub use smooth_flow::SmoothFlow;

pub use crate::__register_action as register;
