//! What `panel.rs` offers, for processors that it has no kernel for: nothing is ever taken in strips.

use std::ops::Range;

use super::matrix::Matrix;
use super::product::{Product, Strided};

/// Columns of a strip.
pub const STRIP: usize = 32;

/// Rows of the inner kernel.
pub const ROWS: usize = 12;

/// A right operand in strips: there is none.
pub enum Strips {}

impl Strips {
    /// Nothing.
    pub fn pack(_: Matrix) -> Option<Strips> {
        None
    }

    /// Nothing.
    ///
    /// # Safety
    /// None is needed.
    pub unsafe fn in_place(_: Matrix) -> Option<Strips> {
        None
    }

    /// Never called.
    pub fn is_deep(&self) -> bool {
        match *self {}
    }

    /// Never called.
    ///
    /// # Safety
    /// None is needed.
    pub unsafe fn multiply(&self, _: usize, _: Range<usize>, _: Strided<*const f32>, _: (*mut f32, usize)) {
        match *self {}
    }
}

/// Never does.
///
/// # Safety
/// None is needed.
pub unsafe fn multiply_small(_: &Product) -> bool {
    false
}
