//! Layouts: where the elements of a tensor lie in its buffer.
//!
//! A view (permute, slice, expand, flip, most reshapes) is another layout over the same buffer. Kernels read
//! any layout; what a kernel writes is always row-major.

use crate::shape::{AxisSet, MAX_RANK, Shape};

/// An affine map from a tensor's indices to positions in a buffer, in elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Layout {
    shape: Shape,
    strides: [isize; MAX_RANK],
    offset: isize,
}

impl Layout {
    /// The row-major layout of a shape.
    pub fn contiguous(shape: Shape) -> Layout {
        Layout { shape, strides: shape.strides(), offset: 0 }
    }

    /// Axis lengths.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Strides in elements, one for each axis; 0 on broadcast axes, negative on flipped ones.
    pub fn strides(&self) -> &[isize] {
        &self.strides[..self.shape.len()]
    }

    /// Position of the first element.
    pub fn offset(&self) -> isize {
        self.offset
    }

    /// Whether the elements lie in row-major order without gaps.
    pub fn is_row_major(&self) -> bool {
        let dense = self.shape.strides();
        self.shape.elements() <= 1
            || (0..self.shape.len()).all(|axis| self.shape[axis] == 1 || self.strides[axis] == dense[axis])
    }

    /// Whether this is the row-major layout of a whole buffer.
    pub fn is_contiguous(&self) -> bool {
        self.offset == 0 && self.is_row_major()
    }

    /// Whether the innermost axis is dense, so that rows can be taken as slices.
    pub fn has_dense_rows(&self) -> bool {
        self.shape.last().is_none_or(|&dim| dim <= 1 || self.strides[self.shape.len() - 1] == 1)
    }

    /// The same elements with the axes in another order.
    pub fn permute(&self, axes: &[usize]) -> Layout {
        let mut strides = [0; MAX_RANK];
        let dims: Vec<usize> = axes.iter().map(|&axis| self.shape[axis]).collect();
        for (to, &from) in axes.iter().enumerate() {
            strides[to] = self.strides[from];
        }
        Layout { shape: Shape::new(&dims), strides, offset: self.offset }
    }

    /// `length` elements of one axis, from `start` on.
    pub fn slice(&self, axis: usize, start: usize, length: usize) -> Layout {
        let mut dims = self.shape.to_vec();
        dims[axis] = length;
        let moved = if length == 0 { 0 } else { start as isize * self.strides[axis] };
        Layout { shape: Shape::new(&dims), offset: self.offset + moved, ..*self }
    }

    /// One axis in reverse order.
    pub fn flip(&self, axis: usize) -> Layout {
        let mut strides = self.strides;
        strides[axis] = -strides[axis];
        let last = self.shape[axis].saturating_sub(1) as isize * self.strides[axis];
        Layout { strides, offset: self.offset + last, ..*self }
    }

    /// Repeats axes of length 1 (or absent outer ones) without copying. `shape` must be a broadcast of ours.
    pub fn expand(&self, shape: Shape) -> Layout {
        let mut strides = [0; MAX_RANK];
        let added = shape.len() - self.shape.len();
        for axis in 0..self.shape.len() {
            let repeated = self.shape[axis] == 1 && shape[added + axis] != 1;
            strides[added + axis] = if repeated { 0 } else { self.strides[axis] };
        }
        Layout { shape, strides, offset: self.offset }
    }

    /// The same elements in row-major order under another shape, where that needs no copy.
    pub fn reshape(&self, shape: Shape) -> Option<Layout> {
        if self.shape.elements() == 0 || self.is_row_major() {
            return Some(Layout { offset: self.offset, ..Layout::contiguous(shape) });
        }
        let runs = self.merged_runs();
        let mut strides = [0; MAX_RANK];
        let mut axis = shape.len();
        for &(length, stride) in runs.iter().rev() {
            let mut covered = 1;
            while covered < length {
                axis = axis.checked_sub(1)?;
                strides[axis] = stride * covered as isize;
                covered *= shape[axis];
            }
            if covered != length {
                return None;
            }
        }
        Some(Layout { shape, strides, offset: self.offset })
    }

    /// Maximal groups of neighbouring axes that act as one, outermost first, axes of length 1 left out.
    fn merged_runs(&self) -> Vec<(usize, isize)> {
        let mut runs: Vec<(usize, isize)> = Vec::with_capacity(MAX_RANK);
        for (&dim, &stride) in self.shape.iter().zip(self.strides()).filter(|&(&dim, _)| dim != 1) {
            match runs.last_mut() {
                Some((length, outer)) if *outer == stride * dim as isize => {
                    *length *= dim;
                    *outer = stride;
                }
                _ => runs.push((dim, stride)),
            }
        }
        runs
    }

    /// The layout without the axes in `axes`, at their first element.
    pub fn drop_axes(&self, axes: AxisSet) -> Layout {
        let mut strides = [0; MAX_RANK];
        for (to, from) in (0..self.shape.len()).filter(|&axis| !axes.contains(axis)).enumerate() {
            strides[to] = self.strides[from];
        }
        Layout { shape: self.shape.without(axes), strides, offset: self.offset }
    }

    /// Positions of all elements in row-major order of the indices.
    pub fn positions(&self) -> Positions {
        let rest = self.shape.elements();
        Positions { layout: *self, index: [0; MAX_RANK], position: self.offset, rest }
    }

    /// Positions of the first element of each innermost row, in order. A scalar is one row of one element.
    pub fn rows(&self) -> Positions {
        match self.shape.len().checked_sub(1) {
            None => self.positions(),
            Some(_) if self.shape.elements() == 0 => Positions { rest: 0, ..self.positions() },
            Some(last) => self.drop_axes([last].into_iter().collect()).positions(),
        }
    }

    /// Lowest and highest position touched, or nothing for an empty tensor.
    pub fn span(&self) -> Option<(isize, isize)> {
        if self.shape.elements() == 0 {
            return None;
        }
        let (mut low, mut high) = (self.offset, self.offset);
        for (&dim, &stride) in self.shape.iter().zip(self.strides()) {
            let reach = (dim as isize - 1) * stride;
            low += reach.min(0);
            high += reach.max(0);
        }
        Some((low, high))
    }
}

/// Iterator over buffer positions; see [`Layout::positions`].
#[derive(Clone, Debug)]
pub struct Positions {
    layout: Layout,
    index: [usize; MAX_RANK],
    position: isize,
    rest: usize,
}

impl Iterator for Positions {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.rest = self.rest.checked_sub(1)?;
        let current = self.position as usize;
        for axis in (0..self.layout.shape.len()).rev() {
            self.index[axis] += 1;
            self.position += self.layout.strides[axis];
            if self.index[axis] < self.layout.shape[axis] {
                break;
            }
            self.position -= self.layout.strides[axis] * self.layout.shape[axis] as isize;
            self.index[axis] = 0;
        }
        Some(current)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.rest, Some(self.rest))
    }
}

impl ExactSizeIterator for Positions {}

#[cfg(test)]
mod tests {
    use super::*;

    fn positions(layout: Layout) -> Vec<usize> {
        layout.positions().collect()
    }

    #[test]
    fn views_address_what_they_show() {
        let grid = Layout::contiguous(Shape::from([2, 3]));
        assert_eq!(positions(grid.permute(&[1, 0])), [0, 3, 1, 4, 2, 5]);
        assert_eq!(positions(grid.slice(1, 1, 2)), [1, 2, 4, 5]);
        assert_eq!(positions(grid.flip(1)), [2, 1, 0, 5, 4, 3]);
        assert_eq!(positions(grid.slice(0, 1, 1).expand(Shape::from([2, 3]))), [3, 4, 5, 3, 4, 5]);
    }

    #[test]
    fn reshape_is_free_exactly_where_axes_merge() {
        let rows = Layout::contiguous(Shape::from([4, 6])).slice(1, 0, 4);
        assert_eq!(rows.reshape(Shape::from([16])), None);
        let split = rows.reshape(Shape::from([2, 2, 4, 1])).expect("outer axes split freely");
        assert_eq!(positions(split), positions(rows));
        let turned = Layout::contiguous(Shape::from([2, 3])).permute(&[1, 0]);
        assert_eq!(turned.reshape(Shape::from([6])), None);
        assert!(turned.reshape(Shape::from([3, 1, 2])).is_some());
    }
}
