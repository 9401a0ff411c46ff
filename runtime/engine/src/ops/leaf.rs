//! Leaves: inputs fed each step, state that stays, constants.

use std::sync::Arc;

use super::{Cost, Operator};
use crate::array::Array;
use crate::init::Init;
use crate::shape::Shape;

/// A tensor fed at every step.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// Name it is fed under.
    pub name: String,
    /// Its shape.
    pub shape: Shape,
}

/// A tensor that lives in the executor from step to step: a parameter, a moment, a running statistic.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// Name in checkpoints.
    pub name: String,
    /// Its shape.
    pub shape: Shape,
    /// Its first values.
    pub init: Init,
    /// The name its first values are drawn under: its own, or that of the state it is a twin of.
    pub drawn_as: String,
    /// Whether it is a parameter, to be trained.
    pub trainable: bool,
}

/// A tensor known when the graph is built.
#[derive(Clone, Debug)]
pub struct Constant {
    /// Its shape.
    pub shape: Shape,
    /// Its elements, row-major.
    pub data: Arc<[f32]>,
}

impl PartialEq for Constant {
    fn eq(&self, other: &Constant) -> bool {
        let same_bits = || self.data.iter().map(|x| x.to_bits()).eq(other.data.iter().map(|x| x.to_bits()));
        self.shape == other.shape && (Arc::ptr_eq(&self.data, &other.data) || same_bits())
    }
}

impl Operator for Input {
    fn name(&self) -> &'static str {
        "input"
    }

    fn infer(&self, _inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        Ok(vec![self.shape])
    }

    /// Zeros: an executor feeds the value and never asks.
    fn reference(&self, _inputs: &[&Array], outputs: &[Shape]) -> Vec<Array> {
        vec![Array::zeros(outputs[0])]
    }

    fn cost(&self, _inputs: &[Shape], _outputs: &[Shape]) -> Cost {
        Cost::FREE
    }
}

impl Operator for State {
    fn name(&self) -> &'static str {
        "state"
    }

    fn infer(&self, _inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        Ok(vec![self.shape])
    }

    /// Zeros: an executor holds the value and never asks.
    fn reference(&self, _inputs: &[&Array], outputs: &[Shape]) -> Vec<Array> {
        vec![Array::zeros(outputs[0])]
    }

    fn cost(&self, _inputs: &[Shape], _outputs: &[Shape]) -> Cost {
        Cost::FREE
    }
}

impl Operator for Constant {
    fn name(&self) -> &'static str {
        "constant"
    }

    fn infer(&self, _inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        match self.data.len() == self.shape.elements() {
            true => Ok(vec![self.shape]),
            false => Err(format!("{} values do not fill shape {}", self.data.len(), self.shape)),
        }
    }

    fn reference(&self, _inputs: &[&Array], outputs: &[Shape]) -> Vec<Array> {
        vec![Array::from_f32(outputs[0], &self.data)]
    }

    fn cost(&self, _inputs: &[Shape], _outputs: &[Shape]) -> Cost {
        Cost::FREE
    }
}
