//! Shapes: up to six axis lengths, known when a graph is built.

use std::fmt;
use std::ops::Deref;

/// The most axes a tensor may have; luminal's shape tracker holds no more.
pub const MAX_RANK: usize = 6;

/// The most elements a tensor may have: luminal counts elements in `i32`, and kernels index with it.
pub const MAX_ELEMENTS: usize = i32::MAX as usize;

/// The axis lengths of a tensor, outermost first. A scalar has none.
///
/// A shape of more than [`MAX_RANK`] axes can be written down, so that building a graph never panics; it is
/// refused, with its rank named, by the first operator that meets it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    dims: [usize; MAX_RANK],
    rank: u8,
}

impl Shape {
    /// The shape of a scalar.
    pub const SCALAR: Shape = Shape { dims: [0; MAX_RANK], rank: 0 };

    /// A shape from its axis lengths.
    pub fn new(dims: &[usize]) -> Shape {
        let mut shape = Shape { dims: [0; MAX_RANK], rank: dims.len().min(u8::MAX as usize) as u8 };
        let kept = dims.len().min(MAX_RANK);
        shape.dims[..kept].copy_from_slice(&dims[..kept]);
        shape
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.rank as usize
    }

    /// Number of elements: 1 for a scalar, 0 when an axis is empty. Saturates instead of wrapping.
    pub fn elements(&self) -> usize {
        self.iter().fold(1usize, |product, &dim| product.saturating_mul(dim))
    }

    /// The axis lengths as a vector, for building a changed shape.
    pub fn to_vec(&self) -> Vec<usize> {
        self.deref().to_vec()
    }

    /// This shape without the axes whose bit in `axes` is set.
    pub fn without(&self, axes: AxisSet) -> Shape {
        let kept: Vec<usize> =
            (0..self.len()).filter(|&axis| !axes.contains(axis)).map(|axis| self[axis]).collect();
        Shape::new(&kept)
    }

    /// This shape with the axes in `axes` set to length 1.
    pub fn keeping(&self, axes: AxisSet) -> Shape {
        let mut shape = *self;
        for axis in axes.iter() {
            shape.dims[axis] = 1;
        }
        shape
    }

    /// The common shape of two operands under NumPy's broadcasting rule, if there is one.
    pub fn broadcast(&self, other: &Shape) -> Option<Shape> {
        let rank = self.len().max(other.len());
        let mut dims = [0; MAX_RANK];
        for from_end in 1..=rank {
            let at = |shape: &Shape| shape.len().checked_sub(from_end).map_or(1, |axis| shape[axis]);
            dims[rank - from_end] = match (at(self), at(other)) {
                (a, b) if a == b => a,
                (1, b) => b,
                (a, 1) => a,
                _ => return None,
            };
        }
        Some(Shape::new(&dims[..rank]))
    }

    /// Strides, in elements, of a row-major tensor of this shape.
    pub fn strides(&self) -> [isize; MAX_RANK] {
        let mut strides = [0; MAX_RANK];
        let mut step = 1isize;
        for axis in (0..self.len()).rev() {
            strides[axis] = step;
            step = step.saturating_mul(self[axis].max(1) as isize);
        }
        strides
    }
}

impl Deref for Shape {
    type Target = [usize];

    fn deref(&self) -> &[usize] {
        &self.dims[..self.rank().min(MAX_RANK)]
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(dims: [usize; N]) -> Shape {
        Shape::new(&dims)
    }
}

impl From<&[usize]> for Shape {
    fn from(dims: &[usize]) -> Shape {
        Shape::new(dims)
    }
}

impl From<Vec<usize>> for Shape {
    fn from(dims: Vec<usize>) -> Shape {
        Shape::new(&dims)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.rank() > MAX_RANK {
            return write!(f, "[{} axes]", self.rank());
        }
        f.write_str("[")?;
        for (axis, dim) in self.iter().enumerate() {
            write!(f, "{}{dim}", if axis == 0 { "" } else { ", " })?;
        }
        f.write_str("]")
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A set of axes, one bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct AxisSet(u8);

impl AxisSet {
    /// Adds an axis.
    pub fn insert(&mut self, axis: usize) {
        self.0 |= 1 << axis;
    }

    /// Whether the axis is in the set.
    pub fn contains(&self, axis: usize) -> bool {
        axis < 8 && self.0 & (1 << axis) != 0
    }

    /// The axes, ascending.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..MAX_RANK).filter(move |&axis| self.contains(axis))
    }

    /// Number of axes in the set.
    pub fn len(&self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether no axis is in the set.
    pub fn is_empty(&self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<usize> for AxisSet {
    fn from_iter<I: IntoIterator<Item = usize>>(axes: I) -> AxisSet {
        let mut set = AxisSet::default();
        axes.into_iter().for_each(|axis| set.insert(axis));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broadcasting_follows_numpy() {
        let shape = |dims: &[usize]| Shape::new(dims);
        assert_eq!(shape(&[4, 1, 3]).broadcast(&shape(&[2, 1])), Some(shape(&[4, 2, 3])));
        assert_eq!(shape(&[]).broadcast(&shape(&[0, 3])), Some(shape(&[0, 3])));
        assert_eq!(shape(&[2]).broadcast(&shape(&[3])), None);
    }

    #[test]
    fn an_impossible_rank_is_kept_for_the_error_message() {
        let shape = Shape::from(vec![1; 9]);
        assert_eq!((shape.rank(), shape.to_string()), (9, "[9 axes]".into()));
    }
}
