//! What operators along the last axis share: a tensor is rows of that axis.

use crate::array::Array;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// The shape of one value a row, or why there are no rows.
pub(super) fn shape_of_rows(shape: &Shape) -> Result<Shape, String> {
    match shape.last() {
        None => Err("a scalar has no axis; this runs along the last of at least one".into()),
        Some(0) => Err(format!("the last axis of {shape} is empty; at least one element is needed along it")),
        Some(_) => Ok(shape.without([shape.len() - 1].into_iter().collect())),
    }
}

/// That an operand has the shape it must have.
pub(super) fn expect(what: &str, found: &Shape, wanted: Shape) -> Result<(), String> {
    match *found == wanted {
        true => Ok(()),
        false => Err(format!("{what} of shape {found} must have shape {wanted}")),
    }
}

/// The rows of an array that has an axis, which is not empty.
pub(super) fn rows(array: &Array) -> std::slice::ChunksExact<'_, f64> {
    array.data().chunks_exact(array.shape().last().copied().unwrap_or(1).max(1))
}

/// An array from its rows.
pub(super) fn from_rows(shape: Shape, rows: impl Iterator<Item = Vec<f64>>) -> Array {
    Array::new(shape, rows.flatten().collect())
}

impl Tensor {
    /// An operator along the last axis that keeps the shape, run along any axis.
    #[track_caller]
    pub(super) fn along(
        &self,
        operator: &'static str,
        axis: isize,
        run: impl FnOnce(&Tensor) -> Tensor,
    ) -> Tensor {
        let last = self.shape().len().wrapping_sub(1);
        match self.resolve(axis) {
            Ok(axis) if axis == last => run(self),
            Ok(axis) => run(&self.transpose(axis as isize, -1)).transpose(axis as isize, -1),
            Err(detail) => self.graph().refuse(operator, detail, &[self]),
        }
    }

    /// One axis moved to the end, the others in their order.
    #[track_caller]
    pub(super) fn with_last(&self, axis: usize) -> Tensor {
        let others = (0..self.shape().len()).filter(|&other| other != axis);
        let axes: Vec<usize> = others.chain([axis]).collect();
        match axes.is_sorted() {
            true => self.clone(),
            false => self.permute(&axes),
        }
    }
}
