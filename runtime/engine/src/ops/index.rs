//! Indices: whole numbers in `f32` tensors.
//!
//! One rule for all operators: a number that is no whole number in `0..length` is a mistake. What is read there is
//! NaN, which the executor's finite check finds; what would be added there is left out.

use crate::shape::Shape;
use crate::tensor::Tensor;

/// Axes from this length on cannot be indexed: from 2²⁴ on `f32` no longer holds every whole number.
pub const INDEX_LIMIT: usize = 1 << 24;

/// The place that a number means on an axis of this length, if it means one.
#[inline]
pub(crate) fn place(number: f64, length: usize) -> Option<usize> {
    let whole = number as usize;
    (whole as f64 == number && whole < length).then_some(whole)
}

/// Refuses an axis that `f32` indices do not reach.
pub(super) fn indexable(axis: usize, length: usize) -> Result<(), String> {
    match length < INDEX_LIMIT {
        true => Ok(()),
        false => Err(format!(
            "axis {axis} has length {length}; indices are f32 and reach below 2^24 = {INDEX_LIMIT}: split the axis"
        )),
    }
}

/// Dense one-hot tensors larger than this are not worth a decomposition.
const DENSE_LIMIT: usize = 1 << 22;

/// `indices` as 0 or 1 along a new last axis; nothing where that tensor would be unreasonably large.
pub(super) fn one_hot(indices: &Tensor, length: usize) -> Option<Tensor> {
    let fits = indices.shape().elements().saturating_mul(length) <= DENSE_LIMIT;
    if !fits || indices.shape().len() == crate::shape::MAX_RANK {
        return None;
    }
    let places: Vec<f32> = (0..length).map(|place| place as f32).collect();
    Some(indices.unsqueeze(-1).equal(&indices.graph().constant([length], places)))
}

/// [`one_hot`] for reading: NaN throughout where an index is none.
pub(super) fn one_hot_or_nan(indices: &Tensor, length: usize) -> Option<Tensor> {
    let hot = one_hot(indices, length)?;
    let hits = hot.sum(&[-1]).unsqueeze(-1);
    Some(hot / hits)
}

/// How a row of taps meets a tensor: the tensor's axes around the indexed one, merged, and the taps'.
///
/// The tensor is `[samples, outer, columns, inner]` on the side that is indexed and `[samples, outer, rows, inner]`
/// on the other; the taps are `[samples, rows, taps]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Indexing {
    /// How many sets of taps there are: one, or one a sample.
    pub samples: usize,
    /// Elements of the axes before the indexed one, within a sample.
    pub outer: usize,
    /// Rows of taps.
    pub rows: usize,
    /// Taps in a row.
    pub taps: usize,
    /// Length of the indexed axis.
    pub columns: usize,
    /// Elements of the axes after.
    pub inner: usize,
}

impl Indexing {
    /// Single taps, one for each element of `indices`, into `axis` of a tensor of shape `indexed`.
    pub fn single(indexed: &Shape, axis: usize, indices: &Shape) -> Indexing {
        Indexing {
            samples: 1,
            outer: indexed[..axis].iter().product(),
            rows: indices.elements(),
            taps: 1,
            columns: indexed[axis],
            inner: indexed[axis + 1..].iter().product(),
        }
    }

    /// Visits every tap for every outer index: its place among the taps, the start of the run of `inner` elements
    /// it reads (nothing where its index is none), and the start of the run of its row.
    pub fn for_each(&self, indices: &[f64], mut visit: impl FnMut(usize, Option<usize>, usize)) {
        for outer in 0..self.samples * self.outer {
            let sample = outer / self.outer;
            for (row, tap) in (0..self.rows).flat_map(|row| (0..self.taps).map(move |tap| (row, tap))) {
                let at = (sample * self.rows + row) * self.taps + tap;
                let column = place(indices[at], self.columns);
                let read = column.map(|column| (outer * self.columns + column) * self.inner);
                visit(at, read, (outer * self.rows + row) * self.inner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_numbers_within_the_axis_are_indices() {
        assert_eq!(place(0.0, 3), Some(0));
        assert_eq!(place(-0.0, 3), Some(0));
        assert_eq!(place(2.0, 3), Some(2));
        for no_index in [3.0, -1.0, 0.5, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300] {
            assert_eq!(place(no_index, 3), None, "{no_index}");
        }
    }

    #[test]
    fn axes_that_f32_cannot_index_are_refused() {
        assert!(indexable(1, INDEX_LIMIT - 1).is_ok());
        assert!(indexable(1, INDEX_LIMIT).is_err_and(|detail| detail.contains("axis 1 has length 16777216")));
    }
}
