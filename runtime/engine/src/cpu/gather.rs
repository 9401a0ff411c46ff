//! Reading operands of any layout in row-major order: neighbours are copied in runs.

use rayon::prelude::*;

use super::call::{Call, Shared, Source};
use crate::layout::Layout;
use crate::shape::{MAX_RANK, Shape};

/// Elements of one task; a matter of the shape alone, so that results do not depend on the number of threads.
pub const BLOCK: usize = 16384;

/// How an input's elements are found by their row-major index.
#[derive(Clone)]
pub struct Lane {
    buffer: Shared,
    pattern: Pattern,
}

#[derive(Clone)]
enum Pattern {
    /// Element `i` at `offset + i`.
    Dense { offset: isize },
    /// One element for all.
    Repeated { offset: usize },
    /// Anything else, with neighbouring axes merged.
    Strided { lengths: Vec<usize>, strides: Vec<isize>, offset: isize },
}

impl Lane {
    /// The elements of an input.
    pub fn new(source: &Source<'_>) -> Lane {
        Lane { buffer: Shared::new(source.buffer().cast_mut()), pattern: Pattern::of(source.layout()) }
    }

    /// Lanes for all inputs of a call from the `first` on.
    pub fn of(call: &Call<'_>, first: usize) -> Vec<Lane> {
        call.sources()[first..].iter().map(Lane::new).collect()
    }

    /// Whether the elements lie one after another from `target` on.
    pub fn begins_at(&self, target: *const f32) -> bool {
        match &self.pattern {
            Pattern::Dense { offset } => {
                self.buffer.pointer().cast_const().wrapping_offset(*offset) == target
            }
            _ => false,
        }
    }

    /// Where `rows` runs of `columns` elements lie, the first from element `start` on and each `row_stride` elements
    /// after the one before, if every run lies in one piece and all are equally far apart: the address of the first,
    /// and the distance.
    pub fn rows(
        &self,
        start: usize,
        columns: usize,
        rows: usize,
        row_stride: usize,
    ) -> Option<(*mut f32, usize)> {
        let base = self.buffer.pointer();
        match &self.pattern {
            Pattern::Dense { offset } => Some((base.wrapping_offset(offset + start as isize), row_stride)),
            // A vector that is the same for every row, as biases are.
            Pattern::Strided { lengths, strides, offset } if strides[..] == [0, 1] => {
                let first = start % lengths[1];
                let same = rows == 1 || row_stride.is_multiple_of(lengths[1]);
                let whole = first + columns <= lengths[1];
                (same && whole).then(|| (base.wrapping_offset(offset + first as isize), 0))
            }
            _ => None,
        }
    }

    /// Copies elements `start..` into `chunk`.
    ///
    /// # Safety
    /// The elements exist.
    pub unsafe fn gather(&self, start: usize, chunk: &mut [f32]) {
        let base = self.buffer.pointer();
        match &self.pattern {
            // SAFETY: the caller's promise.
            Pattern::Dense { offset } => unsafe {
                std::ptr::copy_nonoverlapping(
                    base.offset(offset + start as isize),
                    chunk.as_mut_ptr(),
                    chunk.len(),
                );
            },
            // SAFETY: the caller's promise.
            Pattern::Repeated { offset } => chunk.fill(unsafe { *base.add(*offset) }),
            Pattern::Strided { lengths, strides, offset } => {
                // SAFETY: the caller's promise.
                unsafe { gather_strided(base, lengths, strides, *offset, start, chunk) };
            }
        }
    }
}

impl Pattern {
    fn of(layout: &Layout) -> Pattern {
        if layout.is_row_major() {
            return Pattern::Dense { offset: layout.offset() };
        }
        if layout.strides().iter().zip(layout.shape().iter()).all(|(&stride, &dim)| stride == 0 || dim == 1) {
            return Pattern::Repeated { offset: layout.offset() as usize };
        }
        let (mut lengths, mut strides) = (Vec::with_capacity(MAX_RANK), Vec::with_capacity(MAX_RANK));
        for (&dim, &stride) in layout.shape().iter().zip(layout.strides()).filter(|&(&dim, _)| dim != 1) {
            match (lengths.last_mut(), strides.last_mut()) {
                (Some(length), Some(outer)) if *outer == stride * dim as isize => {
                    *length *= dim;
                    *outer = stride;
                }
                _ => {
                    lengths.push(dim);
                    strides.push(stride);
                }
            }
        }
        Pattern::Strided { lengths, strides, offset: layout.offset() }
    }
}

/// # Safety
/// All positions that the axes reach from `start` on, `chunk.len()` of them, lie in the buffer.
unsafe fn gather_strided(
    base: *const f32,
    lengths: &[usize],
    strides: &[isize],
    offset: isize,
    start: usize,
    chunk: &mut [f32],
) {
    let inner = lengths.len() - 1;
    let mut index = [0usize; MAX_RANK];
    let (mut rest, mut position) = (start, offset);
    for axis in (0..=inner).rev() {
        index[axis] = rest % lengths[axis];
        rest /= lengths[axis];
        position += index[axis] as isize * strides[axis];
    }
    let (length, stride) = (lengths[inner], strides[inner]);
    let mut filled = 0;
    while filled < chunk.len() {
        let run = (length - index[inner]).min(chunk.len() - filled);
        let target = &mut chunk[filled..filled + run];
        // SAFETY: the caller's promise: the run lies within the innermost axis.
        unsafe { copy_run(base.offset(position), stride, target) };
        filled += run;
        position -= index[inner] as isize * stride;
        index[inner] = 0;
        for axis in (0..inner).rev() {
            index[axis] += 1;
            position += strides[axis];
            if index[axis] < lengths[axis] {
                break;
            }
            position -= strides[axis] * lengths[axis] as isize;
            index[axis] = 0;
        }
    }
}

/// # Safety
/// `target.len()` elements lie `stride` apart from `from` on.
unsafe fn copy_run(from: *const f32, stride: isize, target: &mut [f32]) {
    match stride {
        // SAFETY: the caller's promise.
        1 => unsafe { std::ptr::copy_nonoverlapping(from, target.as_mut_ptr(), target.len()) },
        // SAFETY: the caller's promise.
        0 => target.fill(unsafe { *from }),
        _ => {
            for (step, element) in target.iter_mut().enumerate() {
                // SAFETY: the caller's promise.
                *element = unsafe { *from.offset(step as isize * stride) };
            }
        }
    }
}

/// Copies a layout's elements, in parallel, into row-major memory: what `Copy` steps do.
pub fn copy(call: &Call<'_>) {
    let shape: Shape = call.output_shape(0);
    let lane = Lane::new(&call.sources()[0]);
    let target = Shared::new(call.targets()[0]);
    (0..shape.elements().div_ceil(BLOCK)).into_par_iter().for_each(|block| {
        let start = block * BLOCK;
        let length = (shape.elements() - start).min(BLOCK);
        // SAFETY: blocks are disjoint ranges of the output, which overlaps no input.
        unsafe { lane.gather(start, std::slice::from_raw_parts_mut(target.pointer().add(start), length)) };
    });
}
