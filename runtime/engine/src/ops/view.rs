//! Views: other layouts over the same memory. The planner turns them into strides; nothing is copied unless a
//! kernel cannot read the result.

use super::{Access, Adjoint, Cost, Operator};
use crate::array::Array;
use crate::layout::Layout;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Another layout over the same elements.
#[derive(Clone, Debug, PartialEq)]
pub enum View {
    /// Axes in another order: output axis `i` is input axis `axes[i]`.
    Permute(Vec<usize>),
    /// The same elements in row-major order under another shape.
    Reshape(Shape),
    /// Part of one axis.
    Slice {
        /// The axis.
        axis: usize,
        /// First index kept.
        start: usize,
        /// How many are kept.
        length: usize,
    },
    /// One axis reversed.
    Flip(usize),
    /// Axes of length 1, and absent outer axes, repeated.
    Expand(Shape),
}

/// One output of an operator with several.
#[derive(Clone, Debug, PartialEq)]
pub struct Pick {
    /// Which one.
    pub output: usize,
}

impl View {
    /// The layout of the view over an input with this layout; nothing where only a copy can be reshaped.
    pub fn apply(&self, layout: &Layout) -> Option<Layout> {
        match self {
            View::Permute(axes) => Some(layout.permute(axes)),
            View::Reshape(shape) => layout.reshape(*shape),
            View::Slice { axis, start, length } => Some(layout.slice(*axis, *start, *length)),
            View::Flip(axis) => Some(layout.flip(*axis)),
            View::Expand(shape) => Some(layout.expand(*shape)),
        }
    }
}

impl Operator for View {
    fn name(&self) -> &'static str {
        match self {
            View::Permute(_) => "permute",
            View::Reshape(_) => "reshape",
            View::Slice { .. } => "slice",
            View::Flip(_) => "flip",
            View::Expand(_) => "expand",
        }
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        let input = inputs[0];
        match self {
            View::Permute(axes) => {
                let mut sorted = axes.clone();
                sorted.sort_unstable();
                match sorted.iter().copied().eq(0..input.len()) {
                    true => Ok(vec![Shape::new(&axes.iter().map(|&axis| input[axis]).collect::<Vec<_>>())]),
                    false => {
                        Err(format!("axes {axes:?} are not an order of the {} axes of {input}", input.len()))
                    }
                }
            }
            View::Reshape(shape) if shape.elements() == input.elements() => Ok(vec![*shape]),
            View::Reshape(shape) => {
                Err(format!("{input} has {} elements, {shape} has {}", input.elements(), shape.elements()))
            }
            View::Slice { axis, start, length } => match start.checked_add(*length) {
                Some(end) if end <= input[*axis] => {
                    let mut dims = input.to_vec();
                    dims[*axis] = *length;
                    Ok(vec![Shape::from(dims)])
                }
                _ => Err(format!("{length} elements from {start} on pass the end of axis {axis} of {input}")),
            },
            View::Flip(_) => Ok(vec![input]),
            View::Expand(shape) => match input.broadcast(shape) {
                Some(common) if common == *shape => Ok(vec![*shape]),
                _ => Err(format!("{input} cannot be repeated to {shape}: only axes of length 1 repeat")),
            },
        }
    }

    fn reference(&self, inputs: &[&Array], _outputs: &[Shape]) -> Vec<Array> {
        let layout = self.apply(&Layout::contiguous(*inputs[0].shape()));
        vec![inputs[0].gather(&layout.expect("a row-major array has every view"))]
    }

    fn gradient(&self, at: &Adjoint<'_>) -> Vec<Option<Tensor>> {
        let (gradient, shape) = (at.gradient(), *at.inputs[0].shape());
        let pulled = match self {
            View::Permute(axes) => {
                let mut inverse = vec![0; axes.len()];
                axes.iter().enumerate().for_each(|(to, &from)| inverse[from] = to);
                gradient.view(View::Permute(inverse))
            }
            View::Reshape(_) => gradient.reshape(shape),
            View::Slice { axis, start, length } => {
                gradient.pad(*axis as isize, *start, shape[*axis] - start - length)
            }
            View::Flip(axis) => gradient.view(View::Flip(*axis)),
            View::Expand(_) => gradient.sum_to(shape),
        };
        vec![Some(pulled)]
    }

    /// A flip turns both halves and exchanges them; the rest luminal has itself.
    fn decompose(&self, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
        let View::Flip(axis) = *self else { return None };
        let (input, length) = (&inputs[0], inputs[0].shape()[axis]);
        if length < 2 {
            return Some(vec![input.clone()]);
        }
        let half =
            |start: usize, end: usize| input.slice(axis as isize, start, end - start).view(View::Flip(axis));
        let (head, tail) = (half(0, length / 2), half(length / 2, length));
        Some(vec![tail.concat(&[&head], axis as isize)])
    }

    fn cost(&self, _inputs: &[Shape], _outputs: &[Shape]) -> Cost {
        Cost::FREE
    }

    fn access(&self, _input: usize) -> Access {
        Access::Strided
    }
}

impl Operator for Pick {
    fn name(&self) -> &'static str {
        "pick"
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        Ok(vec![inputs[0]])
    }

    fn reference(&self, inputs: &[&Array], _outputs: &[Shape]) -> Vec<Array> {
        vec![inputs[0].clone()]
    }

    fn cost(&self, _inputs: &[Shape], _outputs: &[Shape]) -> Cost {
        Cost::FREE
    }

    fn access(&self, _input: usize) -> Access {
        Access::Strided
    }
}

impl Tensor {
    #[track_caller]
    pub(crate) fn view(&self, view: View) -> Tensor {
        self.graph().push(view, &[self])
    }

    /// The axes in another order: axis `i` of the result is axis `axes[i]` of this tensor.
    #[track_caller]
    pub fn permute(&self, axes: &[usize]) -> Tensor {
        self.view(View::Permute(axes.to_vec()))
    }

    /// Two axes exchanged; negative axes count from the end.
    #[track_caller]
    pub fn transpose(&self, a: isize, b: isize) -> Tensor {
        match (self.resolve(a), self.resolve(b)) {
            (Ok(a), Ok(b)) => {
                let mut axes: Vec<usize> = (0..self.shape().len()).collect();
                axes.swap(a, b);
                self.permute(&axes)
            }
            (Err(detail), _) | (_, Err(detail)) => self.graph().refuse("transpose", detail, &[self]),
        }
    }

    /// The same elements, row-major, under another shape of as many elements.
    #[track_caller]
    pub fn reshape(&self, shape: impl Into<Shape>) -> Tensor {
        let shape = shape.into();
        match shape == *self.shape() {
            true => self.clone(),
            false => self.view(View::Reshape(shape)),
        }
    }

    /// A new axis of length 1 before `axis`; -1 appends one.
    #[track_caller]
    pub fn unsqueeze(&self, axis: isize) -> Tensor {
        let rank = self.shape().len() as isize;
        let at = if axis < 0 { axis + rank + 1 } else { axis };
        if !(0..=rank).contains(&at) {
            let detail =
                format!("an axis cannot be put before {axis}; valid places are {} to {rank}", -rank - 1);
            return self.graph().refuse("unsqueeze", detail, &[self]);
        }
        let mut dims = self.shape().to_vec();
        dims.insert(at as usize, 1);
        self.reshape(dims)
    }

    /// `length` elements of `axis`, from `start` on.
    #[track_caller]
    pub fn slice(&self, axis: isize, start: usize, length: usize) -> Tensor {
        match self.resolve(axis) {
            Ok(axis) if start == 0 && length == self.shape()[axis] => self.clone(),
            Ok(axis) => self.view(View::Slice { axis, start, length }),
            Err(detail) => self.graph().refuse("slice", detail, &[self]),
        }
    }

    /// The elements at one index of `axis`, without that axis.
    #[track_caller]
    pub fn select(&self, axis: isize, index: usize) -> Tensor {
        let axis = match self.resolve(axis) {
            Ok(axis) => axis,
            Err(detail) => return self.graph().refuse("select", detail, &[self]),
        };
        let dims = self.shape().without([axis].into_iter().collect());
        let one = self.slice(axis as isize, index, 1);
        if one.is_placeholder() { one } else { one.reshape(dims) }
    }

    /// Equal parts of an axis, in order.
    #[track_caller]
    pub fn split(&self, axis: isize, parts: usize) -> Vec<Tensor> {
        let length = match self.resolve(axis) {
            Ok(axis) => self.shape()[axis],
            Err(detail) => return vec![self.graph().refuse("split", detail, &[self]); parts],
        };
        if parts == 0 || !length.is_multiple_of(parts) {
            let detail = format!("axis {axis} of length {length} does not split into {parts} equal parts");
            return vec![self.graph().refuse("split", detail, &[self]); parts];
        }
        (0..parts).map(|part| self.slice(axis, part * (length / parts), length / parts)).collect()
    }

    /// One axis reversed.
    #[track_caller]
    pub fn flip(&self, axis: isize) -> Tensor {
        match self.resolve(axis) {
            Ok(axis) => self.view(View::Flip(axis)),
            Err(detail) => self.graph().refuse("flip", detail, &[self]),
        }
    }

    /// Repeats axes of length 1, and absent outer axes, to reach `shape`. Takes no memory.
    #[track_caller]
    pub fn expand(&self, shape: impl Into<Shape>) -> Tensor {
        let shape = shape.into();
        match shape == *self.shape() {
            true => self.clone(),
            false => self.view(View::Expand(shape)),
        }
    }

    /// The adjoint of [`Tensor::expand`]: sums what was repeated, back to `shape`.
    #[track_caller]
    pub fn sum_to(&self, shape: impl Into<Shape>) -> Tensor {
        let shape = shape.into();
        let added = self.shape().len() - shape.len().min(self.shape().len());
        let repeated = |axis: usize| axis < added || (shape[axis - added] == 1 && self.shape()[axis] != 1);
        let axes: Vec<isize> =
            (0..self.shape().len()).filter(|&axis| repeated(axis)).map(|axis| axis as isize).collect();
        if axes.is_empty() { self.reshape(shape) } else { self.sum(&axes).reshape(shape) }
    }
}
