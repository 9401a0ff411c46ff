//! The methods of equilayer, one file each.
//!
//! There are none yet. Each will be written with the public macros of `equilayer`, as a user's own would be.

/// Makes the linker keep this crate, and with it the methods that it registers. Call it first in `main`.
pub fn link() {}
