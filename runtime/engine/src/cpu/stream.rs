//! Stores that pass the caches by.
//!
//! A store to memory that is not in cache reads the line first. A result that outgrows the caches is gone from them
//! before anybody reads it, so its lines are read for nothing, and push out what would have been used again.

/// Bytes of a cache line.
const LINE: usize = 64;

/// Bytes of a result that outgrows the caches that a few cores share.
const LARGE: usize = 16 << 20;

/// Whether a result of so many elements is better stored past the caches.
pub fn suits(elements: usize) -> bool {
    elements >= LARGE / size_of::<f32>()
}

/// Copies elements past the caches if they fill whole lines, and like any others if not. [`finish`] is to follow before
/// another thread reads them.
///
/// # Safety
/// Both addresses are those of `elements` elements, which do not overlap.
#[inline(always)]
pub unsafe fn copy(from: *const f32, to: *mut f32, elements: usize) {
    #[cfg(target_arch = "x86_64")]
    if (to as usize).is_multiple_of(LINE) && (elements * size_of::<f32>()).is_multiple_of(LINE) {
        use std::arch::x86_64::{_mm_loadu_ps, _mm_stream_ps};
        /// Elements of a store: those of a line are gathered on the way and leave together.
        const LANES: usize = 4;
        for start in (0..elements).step_by(LANES) {
            // SAFETY: the caller's promise; the address is a multiple of 16 bytes.
            unsafe { _mm_stream_ps(to.add(start), _mm_loadu_ps(from.add(start))) };
        }
        return;
    }
    // SAFETY: the caller's promise.
    unsafe { std::ptr::copy_nonoverlapping(from, to, elements) };
}

/// Puts what this thread copied before what it stores from now on, as other threads see it; without, they might be told
/// of elements that are still on their way.
pub fn finish() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every processor of this architecture has the instruction.
    unsafe {
        std::arch::x86_64::_mm_sfence()
    };
}

#[cfg(test)]
mod tests {
    use super::{copy, finish};
    use crate::cpu::scratch::Scratch;

    #[test]
    fn copies_whole_lines_and_others_and_nothing_else() {
        let from: Vec<f32> = (0..64).map(|i| i as f32).collect();
        for (start, length) in [(0, 64), (16, 32), (16, 30), (3, 16), (0, 0), (63, 1)] {
            let mut to = Scratch::take(64);
            to.fill(-1.0);
            // SAFETY: both have the elements.
            unsafe { copy(from[start..].as_ptr(), to[start..].as_mut_ptr(), length) };
            finish();
            for (i, &found) in to.iter().enumerate() {
                let copied = (start..start + length).contains(&i);
                assert_eq!(found, if copied { i as f32 } else { -1.0 });
            }
        }
    }
}
