//! Aligned memory for the arena and the states.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;

/// Zeroed `f32` memory that starts on a cache line.
pub struct Memory {
    /// What the allocator gave; the elements start at the first cache line in it.
    allocation: NonNull<u8>,
    pointer: NonNull<f32>,
    elements: usize,
}

impl Memory {
    /// A cache line, and a full vector.
    pub const ALIGNMENT: usize = 64;

    /// Zeroed memory, or nothing when the system has none. Pages are taken from the system when they are first
    /// touched: the allocator zeroes memory itself, page by page, as soon as it is asked for more alignment than
    /// usual, so the alignment is made here.
    pub fn zeroed(elements: usize) -> Option<Memory> {
        let layout = Memory::layout(elements)?;
        // SAFETY: the layout has a positive size; see `Memory::layout`.
        let allocation = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        #[cfg(target_os = "linux")]
        prefer_huge_pages(allocation, layout.size());
        let skipped = allocation.align_offset(Memory::ALIGNMENT);
        // SAFETY: the layout has room for the alignment before the elements.
        let pointer = unsafe { allocation.add(skipped) }.cast();
        Some(Memory { allocation, pointer, elements })
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.elements
    }

    /// Address of the first element.
    pub fn pointer(&self) -> *mut f32 {
        self.pointer.as_ptr()
    }

    /// The elements.
    pub fn as_slice(&self) -> &[f32] {
        // SAFETY: the memory is owned, zeroed at first and `elements` long; nobody writes it while we are borrowed.
        unsafe { std::slice::from_raw_parts(self.pointer.as_ptr(), self.elements) }
    }

    /// The elements, to be changed.
    pub fn as_mut_slice(&mut self) -> &mut [f32] {
        // SAFETY: as above, and we are borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.pointer.as_ptr(), self.elements) }
    }

    /// Room for the elements and for their alignment.
    fn layout(elements: usize) -> Option<Layout> {
        let bytes = elements.checked_mul(size_of::<f32>())?.checked_add(Memory::ALIGNMENT)?;
        Layout::from_size_align(bytes, align_of::<f32>()).ok()
    }
}

/// Asks for pages of 2 MiB in place of 4 KiB ones: a five-hundredth of the faults at the first touch, and products
/// whose rows are pages apart find the addresses of all of them in the processor's table. A refusal changes nothing.
#[cfg(target_os = "linux")]
fn prefer_huge_pages(allocation: NonNull<u8>, bytes: usize) {
    const HUGE_PAGE: usize = 2 << 20;
    let skipped = allocation.align_offset(HUGE_PAGE);
    let whole = bytes.saturating_sub(skipped) / HUGE_PAGE * HUGE_PAGE;
    if whole > 0 {
        // SAFETY: the range lies in our own allocation, starts on a page, and the advice changes none of its contents.
        unsafe { libc::madvise(allocation.as_ptr().add(skipped).cast(), whole, libc::MADV_HUGEPAGE) };
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if let Some(layout) = Memory::layout(self.elements) {
            // SAFETY: allocated in `zeroed` with this very layout.
            unsafe { dealloc(self.allocation.as_ptr(), layout) }
        }
    }
}

// SAFETY: the memory is owned like a `Vec<f32>`'s.
unsafe impl Send for Memory {}
// SAFETY: shared access only reads.
unsafe impl Sync for Memory {}

#[cfg(test)]
mod tests {
    use super::Memory;

    #[test]
    fn memory_is_zero_aligned_and_long_enough() {
        for elements in [0, 1, 5, 100_003] {
            let mut memory = Memory::zeroed(elements).expect("a little memory");
            assert_eq!(memory.pointer() as usize % Memory::ALIGNMENT, 0);
            assert_eq!(memory.as_slice(), vec![0.0; elements]);
            memory.as_mut_slice().fill(1.0);
            assert_eq!(memory.as_slice().len(), elements);
        }
    }

    #[test]
    fn more_than_there_can_be_is_nothing() {
        assert!(Memory::zeroed(usize::MAX / 8).is_none());
        assert!(Memory::zeroed(usize::MAX).is_none());
    }
}
