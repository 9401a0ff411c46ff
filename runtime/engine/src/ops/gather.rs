//! Reading and adding by index: index-select (embedding lookup) and its adjoint, scatter-add.

use super::index::{Indexing, indexable, one_hot, one_hot_or_nan};
use super::{Adjoint, Contract, Cost, Operator};
use crate::array::Array;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Elements of one axis, read by index. Inputs: the tensor `[outer…, length, inner…]` and indices of any shape;
/// output `[outer…, indices…, inner…]`. What an index outside the axis reads is NaN. No gradient reaches indices.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexSelect {
    /// The axis read from.
    pub axis: usize,
}

/// Elements added by index: the adjoint of [`IndexSelect`]. Inputs: the source `[outer…, indices…, inner…]` and the
/// indices; output `[outer…, length, inner…]`. What has an index outside `0..length` is left out.
///
/// Elements that meet are added in the order of the source, so the result has the same bits on every run.
#[derive(Clone, Debug, PartialEq)]
pub struct ScatterAdd {
    /// The axis added into, and the first of those axes of the source that the indices run over.
    pub axis: usize,
    /// Length of that axis.
    pub length: usize,
}

impl Operator for IndexSelect {
    fn name(&self) -> &'static str {
        "index_select"
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        let [input, indices] = [inputs[0], inputs[1]];
        indexable(self.axis, input[self.axis])?;
        let dims = [&input[..self.axis], &indices, &input[self.axis + 1..]].concat();
        Ok(vec![Shape::from(dims)])
    }

    fn reference(&self, inputs: &[&Array], outputs: &[Shape]) -> Vec<Array> {
        let indexing = self.indexing(inputs[0].shape(), inputs[1].shape());
        let mut selected = Array::full(outputs[0], f64::NAN);
        indexing.for_each(inputs[1].data(), |_, read, write| {
            if let Some(read) = read {
                let run = &inputs[0].data()[read..read + indexing.inner];
                selected.data_mut()[write..write + indexing.inner].copy_from_slice(run);
            }
        });
        vec![selected]
    }

    fn gradient(&self, at: &Adjoint<'_>) -> Vec<Option<Tensor>> {
        let length = at.inputs[0].shape()[self.axis];
        let scatter = ScatterAdd { axis: self.axis, length };
        vec![at.when(0, || at.gradient().graph().push(scatter, &[at.gradient(), &at.inputs[1]])), None]
    }

    /// A contraction with one-hot rows, where they stay small. It needs a finite tensor.
    fn decompose(&self, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
        let [input, indices] = inputs else { return None };
        let hot = one_hot_or_nan(indices, input.shape()[self.axis])?;
        let labels = Labels::new(input.shape().len(), self.axis, indices.shape().len());
        Some(vec![input.contract_as(labels.select(), &hot)])
    }

    fn cost(&self, _inputs: &[Shape], outputs: &[Shape]) -> Cost {
        Cost::new(0, outputs, outputs)
    }
}

impl IndexSelect {
    pub(crate) fn indexing(&self, input: &Shape, indices: &Shape) -> Indexing {
        Indexing::single(input, self.axis, indices)
    }
}

impl Operator for ScatterAdd {
    fn name(&self) -> &'static str {
        "scatter_add"
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        let [source, indices] = [inputs[0], inputs[1]];
        indexable(self.axis, self.length)?;
        let end = self.axis + indices.len();
        if source.get(self.axis..end) != Some(&indices[..]) {
            return Err(format!(
                "the source must have the indices' axes {indices} from axis {} on",
                self.axis
            ));
        }
        let dims = [&source[..self.axis], &[self.length], &source[end..]].concat();
        Ok(vec![Shape::from(dims)])
    }

    fn reference(&self, inputs: &[&Array], outputs: &[Shape]) -> Vec<Array> {
        let indexing = self.indexing(&outputs[0], inputs[1].shape());
        let mut sums = Array::zeros(outputs[0]);
        indexing.for_each(inputs[1].data(), |_, add, source| {
            for i in 0..add.map_or(0, |_| indexing.inner) {
                sums.data_mut()[add.unwrap_or(0) + i] += inputs[0].data()[source + i];
            }
        });
        vec![sums]
    }

    fn gradient(&self, at: &Adjoint<'_>) -> Vec<Option<Tensor>> {
        let select = IndexSelect { axis: self.axis };
        vec![at.when(0, || at.gradient().graph().push(select, &[at.gradient(), &at.inputs[1]])), None]
    }

    /// A contraction with one-hot rows, where they stay small. It needs a finite source.
    fn decompose(&self, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
        let [source, indices] = inputs else { return None };
        let hot = one_hot(indices, self.length)?;
        let rank = source.shape().len() + 1 - indices.shape().len();
        let labels = Labels::new(rank, self.axis, indices.shape().len());
        Some(vec![source.contract_as(labels.scatter(), &hot)])
    }

    fn cost(&self, inputs: &[Shape], outputs: &[Shape]) -> Cost {
        Cost::new(inputs[0].elements(), inputs, outputs)
    }
}

impl ScatterAdd {
    pub(crate) fn indexing(&self, output: &Shape, indices: &Shape) -> Indexing {
        Indexing::single(output, self.axis, indices)
    }
}

/// Labels of the contraction with one-hot rows `[indices…, length]`.
struct Labels {
    /// The tensor with the indexed axis.
    indexed: Vec<char>,
    /// The tensor with the indices' axes instead.
    spread: Vec<char>,
    hot: Vec<char>,
}

impl Labels {
    fn new(rank: usize, axis: usize, index_rank: usize) -> Labels {
        let indexed: Vec<char> = ('a'..).take(rank).collect();
        let indices: Vec<char> = ('n'..).take(index_rank).collect();
        let spread = [&indexed[..axis], &indices, &indexed[axis + 1..]].concat();
        Labels { hot: [indices, vec![indexed[axis]]].concat(), indexed, spread }
    }

    fn select(self) -> Contract {
        Contract { a: self.indexed, b: self.hot, out: self.spread }
    }

    fn scatter(self) -> Contract {
        Contract { a: self.spread, b: self.hot, out: self.indexed }
    }
}

impl Tensor {
    /// Elements of `axis` read by index: the axis is replaced by the axes of `indices`, whole numbers below its
    /// length. An index outside the axis reads NaN.
    #[track_caller]
    pub fn index_select(&self, axis: isize, indices: &Tensor) -> Tensor {
        match self.resolve(axis) {
            Ok(axis) => self.graph().push(IndexSelect { axis }, &[self, indices]),
            Err(detail) => self.graph().refuse("index_select", detail, &[self, indices]),
        }
    }

    /// Rows of a table `[rows, …]` by index, as in an embedding: `[indices…, …]`. An index outside the table reads
    /// NaN.
    #[track_caller]
    pub fn gather_rows(&self, indices: &Tensor) -> Tensor {
        self.index_select(0, indices)
    }

    /// Adds elements up by index: the axes that `indices` runs over, from `axis` on, are replaced by one of
    /// `length`. What has an index outside `0..length` is left out; places without an index are 0.
    #[track_caller]
    pub fn scatter_add(&self, axis: isize, indices: &Tensor, length: usize) -> Tensor {
        match self.resolve(axis) {
            Ok(axis) => self.graph().push(ScatterAdd { axis, length }, &[self, indices]),
            Err(detail) => self.graph().refuse("scatter_add", detail, &[self, indices]),
        }
    }
}
