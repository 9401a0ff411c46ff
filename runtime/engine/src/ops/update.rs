//! What the optimizers' operators share: their operands.
//!
//! Each takes a parameter, its moments, its gradient, a number that multiplies the gradient (from clipping), and the
//! step's coefficients, and gives the parameter and moments after the step, written where the old ones lie.

use crate::shape::Shape;
use crate::tensor::Tensor;

/// Shapes of the parameter and its moments after the step.
pub(super) fn infer(inputs: &[Shape], moments: usize, coefficients: &[&str]) -> Result<Vec<Shape>, String> {
    let [updated @ .., gradient, scale, given] = inputs else { return Err("operands are missing".into()) };
    let parameter = updated[0];
    if updated.len() != 1 + moments || updated.iter().any(|shape| *shape != parameter) {
        return Err(format!("{moments} moments of the parameter's shape {parameter} are needed"));
    }
    if *gradient != parameter {
        return Err(format!("the gradient has shape {gradient}, the parameter has {parameter}"));
    }
    if scale.elements() != 1 {
        return Err(format!("the gradient's scale is one number, not {scale}"));
    }
    match given[..] == [coefficients.len()] {
        true => Ok(updated.to_vec()),
        false => Err(format!(
            "the {} coefficients are {}, not {given}",
            coefficients.len(),
            coefficients.join(", ")
        )),
    }
}

/// The gradient times its scale, and the coefficients as scalars.
pub(super) fn operands<const N: usize>(inputs: &[Tensor]) -> Option<(Tensor, [Tensor; N])> {
    let [.., gradient, scale, coefficients] = inputs else { return None };
    let scaled = gradient * scale.reshape(Shape::SCALAR);
    Some((scaled, std::array::from_fn(|i| coefficients.select(0, i))))
}

/// The norm of all elements.
pub(super) fn norm(values: &[f64]) -> f64 {
    values.iter().map(|x| x * x).sum::<f64>().sqrt()
}
