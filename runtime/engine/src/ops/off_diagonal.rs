//! The sum of squares off the diagonal of a matrix: what decorrelating losses (Barlow Twins, VICReg) push down.

use super::rows::rows;
use super::{Access, Adjoint, Cost, Differentiable, Operator};
use crate::array::Array;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Σ cᵢⱼ² over i ≠ j of a square matrix: a scalar.
#[derive(Clone, Debug, PartialEq)]
pub struct OffDiagonalSquares;

/// The gradient of [`OffDiagonalSquares`]. Inputs: the matrix, the gradient that arrived.
#[derive(Clone, Debug, PartialEq)]
pub struct OffDiagonalSquaresGradient;

impl Operator for OffDiagonalSquares {
    fn name(&self) -> &'static str {
        "off_diagonal_squares"
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        match inputs[0][..] {
            [rows, columns] if rows == columns => Ok(vec![Shape::SCALAR]),
            _ => Err(format!("{} is no square matrix [D, D], and only that has a diagonal", inputs[0])),
        }
    }

    fn reference(&self, inputs: &[&Array], _outputs: &[Shape]) -> Vec<Array> {
        let off = |(i, row): (usize, &[f64])| -> f64 {
            row.iter().enumerate().filter(|&(j, _)| i != j).map(|(_, c)| c * c).sum()
        };
        vec![Array::scalar(rows(inputs[0]).enumerate().map(off).sum())]
    }

    fn gradient(&self, at: &Adjoint<'_>) -> Vec<Option<Tensor>> {
        let graph = at.gradient().graph();
        vec![Some(graph.push(OffDiagonalSquaresGradient, &[&at.inputs[0], at.gradient()]))]
    }

    fn decompose(&self, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
        Some(vec![off_diagonal(&inputs[0]).square().sum_all()])
    }

    fn cost(&self, inputs: &[Shape], outputs: &[Shape]) -> Cost {
        Cost::new(2 * inputs[0].elements(), inputs, outputs)
    }

    fn access(&self, _input: usize) -> Access {
        Access::Rows
    }
}

/// A matrix with zeros on its diagonal. The mask compares two index vectors and takes no memory before fusion.
fn off_diagonal(matrix: &Tensor) -> Tensor {
    let size = matrix.dim(0);
    let indices: Vec<f32> = (0..size).map(|index| index as f32).collect();
    let indices = matrix.graph().constant([size], indices);
    matrix * (1.0 - indices.unsqueeze(-1).equal(&indices))
}

impl Operator for OffDiagonalSquaresGradient {
    fn name(&self) -> &'static str {
        "off_diagonal_squares_gradient"
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        Ok(vec![inputs[0]])
    }

    fn reference(&self, inputs: &[&Array], outputs: &[Shape]) -> Vec<Array> {
        let (size, arriving) = (outputs[0][0], inputs[1].data()[0]);
        let off = |(at, c): (usize, &f64)| if at / size == at % size { 0.0 } else { 2.0 * arriving * c };
        vec![Array::new(outputs[0], inputs[0].data().iter().enumerate().map(off).collect())]
    }

    fn differentiable(&self) -> Differentiable {
        Differentiable::No
    }

    fn decompose(&self, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
        let [matrix, arriving] = inputs else { return None };
        Some(vec![off_diagonal(matrix) * (arriving * 2.0)])
    }

    fn access(&self, input: usize) -> Access {
        if input == 0 { Access::Rows } else { Access::Contiguous }
    }
}

impl Tensor {
    /// Σ cᵢⱼ² over i ≠ j of a square matrix `[D, D]`: a scalar.
    #[track_caller]
    pub fn off_diagonal_squares(&self) -> Tensor {
        self.graph().push(OffDiagonalSquares, &[self])
    }
}
