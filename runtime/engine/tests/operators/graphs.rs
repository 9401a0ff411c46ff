//! Cases as graphs, for every executor.

use equilayer_engine::{Error, Graph, Tensor};

use crate::cases::{Case, Domain, values};

/// A case as a graph.
pub struct Built {
    pub graph: Graph,
    pub inputs: Vec<Tensor>,
    pub loss: Option<Tensor>,
}

impl Built {
    /// The case's graph with its outputs named; with `loss`, a weighted sum of all outputs instead.
    pub fn new(case: &Case, loss: bool) -> Result<Built, String> {
        let graph = Graph::new();
        let inputs: Vec<Tensor> = case
            .inputs
            .iter()
            .enumerate()
            .map(|(i, input)| graph.input(&format!("in{i}"), input.shape))
            .collect();
        let outputs = (case.build)(&graph, &inputs);
        graph.check().map_err(text)?;
        if !loss {
            outputs.iter().enumerate().for_each(|(i, output)| graph.output(&format!("out{i}"), output));
            return Ok(Built { graph, inputs, loss: None });
        }
        let weighted = outputs.iter().enumerate().map(|(i, output)| {
            let weights = values(output.shape().elements(), 1000 + i as u64, Domain::Any);
            let weights: Vec<f32> = weights.into_iter().map(|x| x as f32).collect();
            (output * graph.constant(*output.shape(), weights)).sum_all()
        });
        let loss = weighted.reduce(|sum, term| sum + term).ok_or("a case without outputs")?;
        Ok(Built { graph, inputs, loss: Some(loss) })
    }

    /// The gradients of a weighted sum of all outputs, named after their inputs.
    pub fn with_gradients(case: &Case) -> Result<Built, String> {
        let built = Built::new(case, true)?;
        let wrt = case.differentiated();
        let tensors: Vec<Tensor> = wrt.iter().map(|&i| built.inputs[i].clone()).collect();
        let loss = built.loss.clone().ok_or("no loss")?;
        let gradients = built.graph.gradients(&loss, &tensors).map_err(text)?;
        for (&i, gradient) in wrt.iter().zip(&gradients) {
            if gradient.shape() != built.inputs[i].shape() {
                return Err(format!(
                    "gradient of input {i} has shape {}, not {}",
                    gradient.shape(),
                    built.inputs[i].shape()
                ));
            }
            built.graph.output(&format!("grad{i}"), gradient);
        }
        Ok(built)
    }
}

/// An error in words.
pub fn text(error: Error) -> String {
    error.to_string()
}
