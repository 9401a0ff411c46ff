//! Sinks: what a graph is run for. Nothing that no sink needs is computed.

use super::{Access, Cost, Operator};
use crate::array::Array;
use crate::shape::Shape;

/// A tensor handed back after each step.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// Name it is handed back under.
    pub name: String,
}

/// The value a state has after the step. Its inputs: the state as it was, and the new value.
#[derive(Clone, Debug, PartialEq)]
pub struct Assign {
    /// The state's name.
    pub name: String,
}

impl Operator for Output {
    fn name(&self) -> &'static str {
        "output"
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
}

impl Operator for Assign {
    fn name(&self) -> &'static str {
        "assign"
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        match inputs[0] == inputs[1] {
            true => Ok(vec![inputs[0]]),
            false => {
                Err(format!("state `{}` has shape {}, its new value has {}", self.name, inputs[0], inputs[1]))
            }
        }
    }

    fn reference(&self, inputs: &[&Array], _outputs: &[Shape]) -> Vec<Array> {
        vec![inputs[1].clone()]
    }

    fn cost(&self, _inputs: &[Shape], _outputs: &[Shape]) -> Cost {
        Cost::FREE
    }

    fn access(&self, _input: usize) -> Access {
        Access::Strided
    }
}
