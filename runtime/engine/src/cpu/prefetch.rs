//! Asking for memory ahead of its use.
//!
//! The processor foresees how a long row goes on, but not where the next row of a tile lies. Asked for one after the
//! other, all rows of a tile arrive in little more than the time of one; without, a kernel waits for each in turn.

/// Elements of a cache line.
const LINE: usize = 16;

/// Asks for `rows` rows of `columns` elements, the first at `start` and each `row_stride` elements after the one before,
/// to be in the second-level cache. The first level takes few requests at a time and makes the others wait.
///
/// A hint: what the addresses hold does not matter, nor whether there is anything.
#[inline(always)]
pub fn prefetch(start: *const f32, row_stride: isize, rows: usize, columns: usize) {
    for row in 0..rows as isize {
        for column in (0..columns).step_by(LINE) {
            let address = start.wrapping_offset(row * row_stride).wrapping_add(column);
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the instruction reads nothing that the program sees and faults nowhere.
            unsafe {
                use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
                _mm_prefetch::<_MM_HINT_T1>(address.cast());
            }
            #[cfg(not(target_arch = "x86_64"))]
            let _ = address;
        }
    }
}
