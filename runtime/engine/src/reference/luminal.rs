//! luminal's interpreter as a second opinion: other primitives, other loops, other hands.

use luminal::prelude::Tensor as LuminalTensor;

use super::Values;
use super::evaluate::leaf;
use super::lower::{Lowered, lower};
use crate::error::Error;
use crate::executor::Outputs;
use crate::graph::Graph;

/// Evaluates all outputs and assignments of a graph in luminal's bare interpreter, in `f32`, given its inputs and
/// states by name; see [`lower`]. Names and defaults are those of [`evaluate`](super::evaluate()).
///
/// Values that are not finite may come out otherwise than from our kernels: choices are written out as products.
///
/// # Errors
/// Errors recorded in the graph, a missing or misshapen input, or initial values that cannot be made.
pub fn interpret(graph: &Graph, given: &Values) -> Result<Outputs, Error> {
    graph.check()?;
    lower(graph).run(given)
}

impl Lowered {
    /// Runs luminal's interpreter, never its compilers: some of those give wrong results in luminal 0.2.0.
    ///
    /// # Errors
    /// A missing or misshapen input, or initial values that cannot be made.
    pub fn run(&mut self, given: &Values) -> Result<Outputs, Error> {
        for (op, node) in &self.leaves {
            if let Some(array) = leaf(op, given)? {
                self.luminal.set_tensor(*node, 0, LuminalTensor::new(array.to_f32()));
            }
        }
        self.luminal.no_delete.extend(self.results.iter().map(|&(_, node)| node));
        self.luminal.execute();
        let mut outputs = Outputs::default();
        for (name, node) in &self.results {
            let tensor = self.luminal.get_tensor_ref(*node, 0);
            let values = tensor.and_then(|tensor| tensor.data.as_any().downcast_ref::<Vec<f32>>());
            let missing = || Error::Luminal(format!("the interpreter gave no values for `{name}`"));
            outputs.insert(name, values.ok_or_else(missing)?.clone());
        }
        // luminal skips what already has values: they would stay for the next run.
        self.luminal.tensors.clear();
        Ok(outputs)
    }
}
