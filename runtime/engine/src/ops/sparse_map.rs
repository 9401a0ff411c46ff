//! Sparse linear maps along an axis: what resizing, interpolating and permuting tokens have in common.
//!
//! A map is given by `taps` for each of its rows, as input tensors: `indices` and `weights`, both `[rows, taps]`,
//! or `[batch, rows, taps]` with a map for each sample. So another map at every step needs no other plan.
//! [`super::Taps`] makes them from a list of entries.
//!
//! The map, its transpose and its derivative by the weights are each other's derivatives: with `y = W x`,
//! `∂x = Wᵀ ∂y` and `∂W = ∂y xᵀ` at the taps.

use super::index::{Indexing, indexable, one_hot, one_hot_or_nan};
use super::{Adjoint, Contract, Cost, Operator, Taps};
use crate::array::Array;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// `y[…, r, …] = Σₖ weights[r, k] · x[…, indices[r, k], …]`. Inputs: x, indices, weights.
///
/// A tap of weight 0 is not read, so padding may carry any index. Elsewhere an index outside the axis gives NaN.
#[derive(Clone, Debug, PartialEq)]
pub struct SparseMap {
    /// The axis mapped.
    pub axis: usize,
}

/// The transposed map: `x[…, indices[r, k], …] += weights[r, k] · y[…, r, …]`. Inputs: y, indices, weights.
///
/// What has an index outside the axis is left out. Terms that meet are added in the order of the rows, so the
/// result has the same bits on every run.
#[derive(Clone, Debug, PartialEq)]
pub struct SparseMapTranspose {
    /// The axis mapped.
    pub axis: usize,
    /// Its length in the result.
    pub length: usize,
}

/// The map's derivative by its weights: `w[r, k] = Σ y[…, r, …] · x[…, indices[r, k], …]`. Inputs: x, indices,
/// y.
///
/// An index outside the axis gives NaN.
#[derive(Clone, Debug, PartialEq)]
pub struct SparseMapWeights {
    /// The axis mapped.
    pub axis: usize,
}

impl Operator for SparseMap {
    fn name(&self) -> &'static str {
        "sparse_map"
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        let [input, indices, weights] = [inputs[0], inputs[1], inputs[2]];
        check_taps(&input, self.axis, &indices, &weights)?;
        indexable(self.axis, input[self.axis])?;
        Ok(vec![with_axis(&input, self.axis, indices[indices.len() - 2])])
    }

    fn reference(&self, inputs: &[&Array], outputs: &[Shape]) -> Vec<Array> {
        let [x, indices, weights] = [inputs[0], inputs[1], inputs[2]];
        let indexing = indexing(x.shape(), &outputs[0], self.axis, indices.shape());
        let mut mapped = Array::zeros(outputs[0]);
        indexing.for_each(indices.data(), |tap, read, write| {
            let weight = weights.data()[tap];
            if weight != 0.0 {
                for i in 0..indexing.inner {
                    let value = read.map_or(f64::NAN, |read| x.data()[read + i]);
                    mapped.data_mut()[write + i] += weight * value;
                }
            }
        });
        vec![mapped]
    }

    fn gradient(&self, at: &Adjoint<'_>) -> Vec<Option<Tensor>> {
        let [x, indices, weights] = at.inputs else { return vec![None; at.inputs.len()] };
        let (graph, gradient) = (x.graph(), at.gradient());
        let transpose = SparseMapTranspose { axis: self.axis, length: x.shape()[self.axis] };
        vec![
            at.when(0, || graph.push(transpose, &[gradient, indices, weights])),
            None,
            at.when(2, || graph.push(SparseMapWeights { axis: self.axis }, &[x, indices, gradient])),
        ]
    }

    /// A contraction with the dense matrix, where it stays small. It reads taps of weight 0 too.
    fn decompose(&self, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
        let [x, indices, weights] = inputs else { return None };
        let hot = one_hot_or_nan(indices, x.shape()[self.axis])?;
        let labels = Labels::new(x.shape().len(), self.axis, indices.shape().len());
        Some(vec![x.contract_as(labels.map(), &dense(weights, &hot))])
    }

    fn cost(&self, inputs: &[Shape], outputs: &[Shape]) -> Cost {
        cost(&outputs[0], inputs, outputs)
    }
}

impl Operator for SparseMapTranspose {
    fn name(&self) -> &'static str {
        "sparse_map_transpose"
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        let [rows, indices, weights] = [inputs[0], inputs[1], inputs[2]];
        check_taps(&rows, self.axis, &indices, &weights)?;
        check_rows(&rows, self.axis, &indices)?;
        indexable(self.axis, self.length)?;
        Ok(vec![with_axis(&rows, self.axis, self.length)])
    }

    fn reference(&self, inputs: &[&Array], outputs: &[Shape]) -> Vec<Array> {
        let [y, indices, weights] = [inputs[0], inputs[1], inputs[2]];
        let indexing = indexing(&outputs[0], y.shape(), self.axis, indices.shape());
        let mut sums = Array::zeros(outputs[0]);
        indexing.for_each(indices.data(), |tap, add, source| {
            let weight = weights.data()[tap];
            if let (Some(add), true) = (add, weight != 0.0) {
                for i in 0..indexing.inner {
                    sums.data_mut()[add + i] += weight * y.data()[source + i];
                }
            }
        });
        vec![sums]
    }

    fn gradient(&self, at: &Adjoint<'_>) -> Vec<Option<Tensor>> {
        let [y, indices, weights] = at.inputs else { return vec![None; at.inputs.len()] };
        let (graph, gradient) = (y.graph(), at.gradient());
        vec![
            at.when(0, || graph.push(SparseMap { axis: self.axis }, &[gradient, indices, weights])),
            None,
            at.when(2, || graph.push(SparseMapWeights { axis: self.axis }, &[gradient, indices, y])),
        ]
    }

    /// A contraction with the dense matrix, where it stays small.
    fn decompose(&self, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
        let [y, indices, weights] = inputs else { return None };
        let hot = one_hot(indices, self.length)?;
        let labels = Labels::new(y.shape().len(), self.axis, indices.shape().len());
        Some(vec![y.contract_as(labels.transpose(), &dense(weights, &hot))])
    }

    fn cost(&self, inputs: &[Shape], outputs: &[Shape]) -> Cost {
        cost(&inputs[0], inputs, outputs)
    }
}

impl Operator for SparseMapWeights {
    fn name(&self) -> &'static str {
        "sparse_map_weights"
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        let [input, indices, rows] = [inputs[0], inputs[1], inputs[2]];
        check_taps(&input, self.axis, &indices, &indices)?;
        check_rows(&rows, self.axis, &indices)?;
        indexable(self.axis, input[self.axis])?;
        match with_axis(&input, self.axis, 1) == with_axis(&rows, self.axis, 1) {
            true => Ok(vec![indices]),
            false => Err(format!(
                "the map's input {input} and output {rows} may differ along axis {} only",
                self.axis
            )),
        }
    }

    fn reference(&self, inputs: &[&Array], outputs: &[Shape]) -> Vec<Array> {
        let [x, indices, y] = [inputs[0], inputs[1], inputs[2]];
        let indexing = indexing(x.shape(), y.shape(), self.axis, indices.shape());
        let mut sums = Array::zeros(outputs[0]);
        indexing.for_each(indices.data(), |tap, read, row| {
            for i in 0..indexing.inner {
                let value = read.map_or(f64::NAN, |read| x.data()[read + i]);
                sums.data_mut()[tap] += y.data()[row + i] * value;
            }
        });
        vec![sums]
    }

    fn gradient(&self, at: &Adjoint<'_>) -> Vec<Option<Tensor>> {
        let [x, indices, y] = at.inputs else { return vec![None; at.inputs.len()] };
        let (graph, gradient) = (x.graph(), at.gradient());
        let transpose = SparseMapTranspose { axis: self.axis, length: x.shape()[self.axis] };
        vec![
            at.when(0, || graph.push(transpose, &[y, indices, gradient])),
            None,
            at.when(2, || graph.push(SparseMap { axis: self.axis }, &[x, indices, gradient])),
        ]
    }

    /// The derivative by a dense matrix, read at the taps, where it stays small.
    fn decompose(&self, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
        let [x, indices, y] = inputs else { return None };
        let hot = one_hot_or_nan(indices, x.shape()[self.axis])?;
        let labels = Labels::new(x.shape().len(), self.axis, indices.shape().len());
        let equation = if indices.shape().len() == 2 { "rc,rkc->rk" } else { "brc,brkc->brk" };
        Some(vec![x.contract_as(labels.weights(), y).einsum(equation, &hot)])
    }

    fn cost(&self, inputs: &[Shape], outputs: &[Shape]) -> Cost {
        cost(&inputs[2], inputs, outputs)
    }
}

/// A multiplication and an addition for each tap of each element of the rows' side.
fn cost(rows: &Shape, inputs: &[Shape], outputs: &[Shape]) -> Cost {
    let taps = inputs[1].last().copied().unwrap_or(1);
    Cost::new(2 * taps * rows.elements(), inputs, outputs)
}

fn check_taps(tensor: &Shape, axis: usize, indices: &Shape, weights: &Shape) -> Result<(), String> {
    if indices != weights {
        return Err(format!("indices {indices} and weights {weights} must have one shape"));
    }
    match indices.len() {
        2 => Ok(()),
        3 if axis == 0 => Err("a map for each sample cannot run along the batch axis 0".into()),
        3 if indices[0] == tensor[0] => Ok(()),
        3 => Err(format!("maps for {} samples meet a batch of {}", indices[0], tensor[0])),
        rank => {
            Err(format!("taps are [rows, taps], or [batch, rows, taps] for a map a sample; got {rank} axes"))
        }
    }
}

fn check_rows(tensor: &Shape, axis: usize, indices: &Shape) -> Result<(), String> {
    let rows = indices[indices.len() - 2];
    match tensor.get(axis) == Some(&rows) {
        true => Ok(()),
        false => Err(format!("a map of {rows} rows cannot have given {tensor} along axis {axis}")),
    }
}

fn with_axis(shape: &Shape, axis: usize, length: usize) -> Shape {
    let mut dims = shape.to_vec();
    if let Some(dim) = dims.get_mut(axis) {
        *dim = length;
    }
    Shape::from(dims)
}

/// How taps of this shape meet a tensor before and after the map.
pub(crate) fn indexing(columns: &Shape, rows: &Shape, axis: usize, taps: &Shape) -> Indexing {
    let per_sample = taps.len() == 3;
    Indexing {
        samples: if per_sample { taps[0] } else { 1 },
        outer: columns[usize::from(per_sample)..axis].iter().product(),
        rows: rows[axis],
        taps: taps[taps.len() - 1],
        columns: columns[axis],
        inner: columns[axis + 1..].iter().product(),
    }
}

/// The dense matrices `[batch?, rows, columns]`.
fn dense(weights: &Tensor, hot: &Tensor) -> Tensor {
    (weights.unsqueeze(-1) * hot).sum(&[-2])
}

/// Labels of contractions with dense matrices `[batch?, rows, columns]`.
struct Labels {
    /// The tensor before the map.
    columns: Vec<char>,
    /// The tensor after it.
    rows: Vec<char>,
    matrix: Vec<char>,
}

impl Labels {
    fn new(rank: usize, axis: usize, tap_rank: usize) -> Labels {
        let columns: Vec<char> = ('a'..).take(rank).collect();
        let mut rows = columns.clone();
        rows[axis] = 'r';
        let batch = if tap_rank == 3 { &columns[..1] } else { &[] };
        Labels { matrix: [batch, &['r', columns[axis]]].concat(), columns, rows }
    }

    fn map(self) -> Contract {
        Contract { a: self.columns, b: self.matrix, out: self.rows }
    }

    fn transpose(self) -> Contract {
        Contract { a: self.rows, b: self.matrix, out: self.columns }
    }

    fn weights(self) -> Contract {
        Contract { a: self.columns, b: self.rows, out: self.matrix }
    }
}

impl Tensor {
    /// A sparse linear map along `axis`: element `r` of the result is the sum over `k` of `weights[r, k]` times
    /// element `indices[r, k]`. Both are `[rows, taps]`, or `[batch, rows, taps]` with a map for each sample of the
    /// leading axis. Gradients reach this tensor and the weights.
    ///
    /// Pad rows with taps of weight 0, which are not read. An index outside the axis gives NaN.
    #[track_caller]
    pub fn sparse_map(&self, axis: isize, indices: &Tensor, weights: &Tensor) -> Tensor {
        match self.resolve(axis) {
            Ok(axis) => self.graph().push(SparseMap { axis }, &[self, indices, weights]),
            Err(detail) => self.graph().refuse("sparse_map", detail, &[self, indices, weights]),
        }
    }

    /// [`Tensor::sparse_map`] with a map that never changes: a group action on tokens, a resizing.
    #[track_caller]
    pub fn map_axis(&self, axis: isize, map: &Taps) -> Tensor {
        let length = self.dim(axis);
        if self.resolve(axis).is_ok() && length != map.columns() {
            let detail =
                format!("a map from {} elements meets axis {axis} of length {length}", map.columns());
            return self.graph().refuse("map_axis", detail, &[self]);
        }
        let taps = [map.rows(), map.taps()];
        let indices = self.graph().constant(taps, map.indices());
        let weights = self.graph().constant(taps, map.weights());
        self.sparse_map(axis, &indices, &weights)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Graph;

    fn refusal(axis: isize, indices: impl Into<Shape>, weights: impl Into<Shape>) -> String {
        let graph = Graph::new();
        let (indices, weights) = (graph.input("indices", indices), graph.input("weights", weights));
        graph.input("x", [4, 5, 6]).sparse_map(axis, &indices, &weights);
        graph.check().expect_err("no such map").to_string()
    }

    #[test]
    fn maps_that_do_not_fit_say_what_is_wrong() {
        assert!(refusal(1, [3, 2], [2, 3]).contains("must have one shape"));
        assert!(refusal(1, [3, 7, 2], [3, 7, 2]).contains("maps for 3 samples meet a batch of 4"));
        assert!(refusal(0, [4, 7, 2], [4, 7, 2]).contains("cannot run along the batch axis"));
        assert!(refusal(1, [7], [7]).contains("got 1 axes"));
        assert!(refusal(3, [7, 2], [7, 2]).contains("axis 3 does not exist"));
    }

    #[test]
    fn a_map_of_another_length_is_refused() -> Result<(), crate::TapsError> {
        let graph = Graph::new();
        graph.input("x", [4, 5]).map_axis(1, &Taps::new(3, 6, &[(0, 5, 1.0)])?);
        let error = graph.check().expect_err("6 columns meet 5 elements").to_string();
        assert!(error.contains("a map from 6 elements meets axis 1 of length 5"), "{error}");
        Ok(())
    }
}
