//! Aligned memory for the arena and the states.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;

/// Zeroed `f32` memory that starts at a multiple of [`Memory::ALIGNMENT`] bytes.
pub struct Memory {
    pointer: NonNull<f32>,
    elements: usize,
}

impl Memory {
    /// A page: no vector straddles two cache lines, and the system can hand out fresh zero pages.
    pub const ALIGNMENT: usize = 4096;

    /// Zeroed memory, or nothing when the system has none.
    pub fn zeroed(elements: usize) -> Option<Memory> {
        let layout = Memory::layout(elements)?;
        // SAFETY: the layout has a positive size; see `Memory::layout`.
        let pointer = unsafe { alloc_zeroed(layout) }.cast::<f32>();
        NonNull::new(pointer).map(|pointer| Memory { pointer, elements })
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

    /// At least one element, so that the size is never zero.
    fn layout(elements: usize) -> Option<Layout> {
        Layout::from_size_align(elements.max(1).checked_mul(4)?, Memory::ALIGNMENT).ok()
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if let Some(layout) = Memory::layout(self.elements) {
            // SAFETY: allocated in `zeroed` with this very layout.
            unsafe { dealloc(self.pointer.as_ptr().cast(), layout) }
        }
    }
}

// SAFETY: the memory is owned like a `Vec<f32>`'s.
unsafe impl Send for Memory {}
// SAFETY: shared access only reads.
unsafe impl Sync for Memory {}
