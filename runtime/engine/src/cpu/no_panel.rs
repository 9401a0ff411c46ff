//! What `panel.rs` offers, for machines that it has no kernel for: nothing is ever packed.

use std::ops::Range;

use super::matrix::Matrix;

/// Columns of a strip.
pub const STRIP: usize = 32;

/// Rows of the inner kernel.
pub const ROWS: usize = 12;

/// A right operand, packed: there is none.
pub enum Packed {}

impl Packed {
    /// Nothing.
    pub fn new(_: Matrix) -> Option<Packed> {
        None
    }

    /// Never called.
    ///
    /// # Safety
    /// None is needed.
    pub unsafe fn multiply(&self, _: usize, _: Range<usize>, _: (*const f32, usize), _: (*mut f32, usize)) {
        match *self {}
    }
}
