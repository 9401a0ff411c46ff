//! Reductions over any axes.

use super::{Access, Adjoint, Cost, Operator};
use crate::array::Array;
use crate::shape::{AxisSet, Shape};
use crate::tensor::Tensor;

/// A reduction that drops the reduced axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Reduce {
    /// What is computed.
    pub kind: ReduceKind,
    /// The axes it runs over.
    pub axes: AxisSet,
}

/// The reductions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReduceKind {
    /// Sum; 0 over nothing.
    Sum,
    /// Maximum; equal maxima share the gradient, as in PyTorch's `amax`. Refused over an empty axis.
    Max,
}

impl Operator for Reduce {
    fn name(&self) -> &'static str {
        match self.kind {
            ReduceKind::Sum => "sum",
            ReduceKind::Max => "maximum over axes",
        }
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        let empty = self.axes.iter().find(|&axis| inputs[0][axis] == 0);
        match (self.kind, empty) {
            (ReduceKind::Max, Some(axis)) => Err(format!("axis {axis} is empty and has no maximum")),
            _ => Ok(vec![inputs[0].without(self.axes)]),
        }
    }

    fn reference(&self, inputs: &[&Array], outputs: &[Shape]) -> Vec<Array> {
        let (start, combine): (f64, fn(f64, f64) -> f64) = match self.kind {
            ReduceKind::Sum => (0.0, |a, b| a + b),
            ReduceKind::Max => {
                (f64::NEG_INFINITY, |a, b| if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) })
            }
        };
        let mut reduced = Array::full(outputs[0], start);
        let kept = crate::layout::Layout::contiguous(inputs[0].shape().keeping(self.axes))
            .expand(*inputs[0].shape());
        for (to, &value) in kept.positions().zip(inputs[0].data()) {
            let sum = &mut reduced.data_mut()[to];
            *sum = combine(*sum, value);
        }
        vec![reduced]
    }

    fn gradient(&self, at: &Adjoint<'_>) -> Vec<Option<Tensor>> {
        let input = &at.inputs[0];
        let spread =
            |tensor: &Tensor| tensor.reshape(input.shape().keeping(self.axes)).expand(*input.shape());
        let pulled = match self.kind {
            ReduceKind::Sum => spread(at.gradient()),
            ReduceKind::Max => {
                let hit = input.equal(&spread(&at.outputs[0]));
                let axes: Vec<isize> = self.axes.iter().map(|axis| axis as isize).collect();
                &hit * spread(&(at.gradient() / hit.sum(&axes)))
            }
        };
        vec![Some(pulled)]
    }

    fn cost(&self, inputs: &[Shape], outputs: &[Shape]) -> Cost {
        Cost::new(inputs[0].elements(), inputs, outputs)
    }

    fn access(&self, _input: usize) -> Access {
        Access::Strided
    }
}

impl Tensor {
    #[track_caller]
    fn reduce(&self, kind: ReduceKind, axes: &[isize]) -> Tensor {
        let resolved: Result<AxisSet, String> = axes.iter().map(|&axis| self.resolve(axis)).collect();
        match resolved {
            Ok(axes) if axes.is_empty() => self.clone(),
            Ok(axes) => self.graph().push(Reduce { kind, axes }, &[self]),
            Err(detail) => self.graph().refuse("reduce", detail, &[self]),
        }
    }

    /// Elements along `axes` together; negative axes count from the end.
    fn count(&self, axes: &[isize]) -> usize {
        let axes: AxisSet = axes.iter().filter_map(|&axis| self.resolve(axis).ok()).collect();
        axes.iter().map(|axis| self.shape()[axis]).product()
    }

    /// Sum over `axes`, which are dropped.
    #[track_caller]
    pub fn sum(&self, axes: &[isize]) -> Tensor {
        self.reduce(ReduceKind::Sum, axes)
    }

    /// Maximum over `axes`, which are dropped.
    #[track_caller]
    pub fn max(&self, axes: &[isize]) -> Tensor {
        self.reduce(ReduceKind::Max, axes)
    }

    /// Mean over `axes`, which are dropped. Refused over nothing.
    #[track_caller]
    pub fn mean(&self, axes: &[isize]) -> Tensor {
        match self.count(axes) {
            0 => self.graph().refuse("mean", "the mean over an empty axis does not exist".into(), &[self]),
            count => self.sum(axes) * (1.0 / count as f32),
        }
    }

    /// Variance over `axes`, which are dropped: squared distances from the mean over `count − correction`.
    /// `correction` 0 gives the population's variance, 1 the unbiased estimate.
    #[track_caller]
    pub fn variance(&self, axes: &[isize], correction: usize) -> Tensor {
        let count = self.count(axes);
        if count <= correction {
            let detail = format!("{count} values with correction {correction} leave nothing to divide by");
            return self.graph().refuse("variance", detail, &[self]);
        }
        let kept = self.shape().keeping(axes.iter().filter_map(|&axis| self.resolve(axis).ok()).collect());
        let centred = self - self.mean(axes).reshape(kept);
        centred.square().sum(axes) * (1.0 / (count - correction) as f32)
    }

    /// Sum of all elements, a scalar.
    #[track_caller]
    pub fn sum_all(&self) -> Tensor {
        self.sum(&self.all_axes())
    }

    /// Mean of all elements, a scalar.
    #[track_caller]
    pub fn mean_all(&self) -> Tensor {
        self.mean(&self.all_axes())
    }

    fn all_axes(&self) -> Vec<isize> {
        (0..self.shape().len() as isize).collect()
    }
}
