//! Working memory that threads keep between kernels.
//!
//! Freshly mapped pages cost a fault each, which at the sizes of a kernel's scratch takes longer than the
//! kernel's use of them; so buffers are handed back to the thread, not to the system.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

thread_local! {
    /// Buffers not in use. More than one when a thread that waits inside a kernel is given another one to
    /// run.
    static FREE: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// Elements in a cache line, on which scratch begins.
const LINE: usize = 16;

/// A buffer of `f32`, aligned to cache lines, with arbitrary contents; goes back to the current thread when
/// dropped.
pub struct Scratch {
    buffer: Vec<f32>,
    start: usize,
    len: usize,
}

impl Scratch {
    /// A buffer of `len` elements.
    pub fn take(len: usize) -> Self {
        let mut buffer = FREE.with_borrow_mut(|free| best_fit(free, len + LINE));
        if buffer.len() < len + LINE {
            // Dropped first, so that the two do not exist at once and nothing is copied.
            drop(buffer);
            buffer = vec![0.0; len + LINE];
        }
        let start = buffer.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE);
        Self { buffer, start, len }
    }
}

/// Takes the smallest buffer that has `len` elements, else the largest one, which is to be replaced.
fn best_fit(free: &mut Vec<Vec<f32>>, len: usize) -> Vec<f32> {
    let rank = |buffer: &Vec<f32>| {
        let size = buffer.len();
        if size >= len { (0, size) } else { (1, usize::MAX - size) }
    };
    match (0..free.len()).min_by_key(|&i| rank(&free[i])) {
        Some(best) => free.swap_remove(best),
        None => Vec::new(),
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        FREE.with_borrow_mut(|free| free.push(std::mem::take(&mut self.buffer)));
    }
}

impl Deref for Scratch {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.buffer[self.start..][..self.len]
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.buffer[self.start..][..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::Scratch;

    #[test]
    fn is_aligned_and_reused() {
        let first = Scratch::take(100);
        let address = first.as_ptr();
        assert_eq!(address as usize % 64, 0);
        assert_eq!(first.len(), 100);
        drop(first);
        assert_eq!(Scratch::take(50).as_ptr(), address);
    }

    #[test]
    fn small_requests_leave_large_buffers_alone() {
        let (large, small) = (Scratch::take(1000), Scratch::take(10));
        let address = large.as_ptr();
        drop((large, small));
        let (_small, large) = (Scratch::take(10), Scratch::take(1000));
        assert_eq!(large.as_ptr(), address);
    }

    #[test]
    fn two_at_once_are_apart() {
        let (mut a, mut b) = (Scratch::take(10), Scratch::take(10));
        a.fill(1.0);
        b.fill(2.0);
        assert!(a.iter().all(|&x| x == 1.0));
    }
}
