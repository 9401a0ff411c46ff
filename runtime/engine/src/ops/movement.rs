//! Operators that move elements: copy, pad, concatenate.

use super::{Access, Adjoint, Cost, Operator, View};
use crate::array::Array;
use crate::layout::Layout;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// The same elements in a buffer of their own, row-major. Only the planner makes it, where a kernel needs it.
#[derive(Clone, Debug, PartialEq)]
pub struct Copy;

/// Zeros before and after one axis: the adjoint of a slice.
#[derive(Clone, Debug, PartialEq)]
pub struct Pad {
    /// The axis.
    pub axis: usize,
    /// Zeros before.
    pub before: usize,
    /// Zeros after.
    pub after: usize,
}

/// Tensors one after another along an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Concat {
    /// The axis.
    pub axis: usize,
}

impl Operator for Copy {
    fn name(&self) -> &'static str {
        "copy"
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        Ok(vec![inputs[0]])
    }

    fn reference(&self, inputs: &[&Array], _outputs: &[Shape]) -> Vec<Array> {
        vec![inputs[0].clone()]
    }

    fn gradient(&self, at: &Adjoint<'_>) -> Vec<Option<Tensor>> {
        vec![Some(at.gradient().clone())]
    }

    fn cost(&self, inputs: &[Shape], outputs: &[Shape]) -> Cost {
        Cost::new(0, inputs, outputs)
    }

    fn access(&self, _input: usize) -> Access {
        Access::Strided
    }
}

impl Operator for Pad {
    fn name(&self) -> &'static str {
        "pad"
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        let mut dims = inputs[0].to_vec();
        dims[self.axis] = dims[self.axis].saturating_add(self.before).saturating_add(self.after);
        Ok(vec![Shape::from(dims)])
    }

    fn reference(&self, inputs: &[&Array], outputs: &[Shape]) -> Vec<Array> {
        let mut padded = Array::zeros(outputs[0]);
        scatter(inputs[0], self.axis, self.before, &mut padded);
        vec![padded]
    }

    fn gradient(&self, at: &Adjoint<'_>) -> Vec<Option<Tensor>> {
        let length = at.inputs[0].shape()[self.axis];
        vec![Some(at.gradient().slice(self.axis as isize, self.before, length))]
    }

    fn cost(&self, inputs: &[Shape], outputs: &[Shape]) -> Cost {
        Cost::new(0, inputs, outputs)
    }

    fn access(&self, _input: usize) -> Access {
        Access::Strided
    }
}

impl Operator for Concat {
    fn name(&self) -> &'static str {
        "concat"
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        let first = inputs.first().ok_or("nothing to concatenate; at least one tensor is needed")?;
        let mut dims = first.to_vec();
        dims[self.axis] = 0;
        for shape in inputs {
            let fits = shape.len() == first.len()
                && (0..shape.len()).all(|axis| axis == self.axis || shape[axis] == first[axis]);
            if !fits {
                return Err(format!("{shape} and {first} may differ along axis {} only", self.axis));
            }
            dims[self.axis] = dims[self.axis].saturating_add(shape[self.axis]);
        }
        Ok(vec![Shape::from(dims)])
    }

    fn reference(&self, inputs: &[&Array], outputs: &[Shape]) -> Vec<Array> {
        let mut joined = Array::zeros(outputs[0]);
        let mut start = 0;
        for input in inputs {
            scatter(input, self.axis, start, &mut joined);
            start += input.shape()[self.axis];
        }
        vec![joined]
    }

    fn gradient(&self, at: &Adjoint<'_>) -> Vec<Option<Tensor>> {
        let mut start = 0;
        let part = |(input, tensor): (usize, &Tensor)| {
            let length = tensor.shape()[self.axis];
            start += length;
            at.when(input, || at.gradient().slice(self.axis as isize, start - length, length))
        };
        at.inputs.iter().enumerate().map(part).collect()
    }

    /// A sum of padded tensors.
    fn decompose(&self, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
        let total: usize = inputs.iter().map(|tensor| tensor.shape()[self.axis]).sum();
        let mut start = 0;
        let padded = inputs.iter().map(|tensor| {
            let length = tensor.shape()[self.axis];
            start += length;
            tensor.pad(self.axis as isize, start - length, total - start)
        });
        Some(vec![padded.reduce(|sum, part| sum + part)?])
    }

    fn cost(&self, inputs: &[Shape], outputs: &[Shape]) -> Cost {
        Cost::new(0, inputs, outputs)
    }

    fn access(&self, _input: usize) -> Access {
        Access::Strided
    }
}

/// Writes `part` into `whole` from index `start` of `axis` on.
fn scatter(part: &Array, axis: usize, start: usize, whole: &mut Array) {
    let layout = Layout::contiguous(*whole.shape());
    let window = View::Slice { axis, start, length: part.shape()[axis] }.apply(&layout);
    for (position, &value) in window.iter().flat_map(Layout::positions).zip(part.data()) {
        whole.data_mut()[position] = value;
    }
}

impl Tensor {
    /// Zeros before and after `axis`.
    #[track_caller]
    pub fn pad(&self, axis: isize, before: usize, after: usize) -> Tensor {
        match self.resolve(axis) {
            Ok(_) if before == 0 && after == 0 => self.clone(),
            Ok(axis) => self.graph().push(Pad { axis, before, after }, &[self]),
            Err(detail) => self.graph().refuse("pad", detail, &[self]),
        }
    }

    /// Tensors one after another along `axis`, this one first.
    #[track_caller]
    pub fn concat(&self, others: &[&Tensor], axis: isize) -> Tensor {
        let all: Vec<&Tensor> = std::iter::once(self).chain(others.iter().copied()).collect();
        match self.resolve(axis) {
            Ok(axis) => self.graph().push(Concat { axis }, &all),
            Err(detail) => self.graph().refuse("concat", detail, &all),
        }
    }

    /// Tensors of one shape side by side along a new axis before `axis`, this one first.
    #[track_caller]
    pub fn stack(&self, others: &[&Tensor], axis: isize) -> Tensor {
        let others: Vec<Tensor> = others.iter().map(|tensor| tensor.unsqueeze(axis)).collect();
        let first = self.unsqueeze(axis);
        first.concat(&others.iter().collect::<Vec<_>>(), axis)
    }

    /// Elements moved along `axis` by `shift`, those pushed over the end coming back at the start.
    #[track_caller]
    pub fn roll(&self, axis: isize, shift: isize) -> Tensor {
        let length = self.dim(axis);
        let shift = if length == 0 { 0 } else { shift.rem_euclid(length as isize) as usize };
        if shift == 0 {
            return self.slice(axis, 0, length);
        }
        let (tail, head) = (self.slice(axis, length - shift, shift), self.slice(axis, 0, length - shift));
        tail.concat(&[&head], axis)
    }
}
