//! The losses of a method by themselves, for those who look rather than train.

use equilayer_engine::{Graph, Tensor};

use super::assemble::Recipe;
use super::build::{ProgramError, TrainingOptions};
use super::shape::StepShape;
use crate::encoder::EncoderConfig;
use crate::method::{Layout, Method};

/// The forward half of a step: networks, taps and losses, without gradients and updates.
pub struct Losses {
    /// Where they are.
    pub graph: Graph,
    /// The unweighted loss of each member that has one, by name, in the method's order. Scalars.
    pub terms: Vec<(String, Tensor)>,
    /// L = L_inv + Σ λ L_equiv.
    pub total: Tensor,
}

impl Losses {
    /// Writes the losses into a graph of their own.
    ///
    /// # Errors
    /// As [`Program::build`](super::Program::build), but for what concerns gradients.
    pub fn build(
        method: &Method,
        encoder: &dyn EncoderConfig,
        layout: &Layout,
        shape: &StepShape,
        options: &TrainingOptions,
    ) -> Result<Losses, ProgramError> {
        let assembly = Recipe { method, encoder, layout, shape, options }.assemble()?;
        let total = assembly.total();
        let terms = assembly.terms.into_iter().map(|term| (term.name, term.loss)).collect();
        Ok(Losses { graph: assembly.graph, terms, total })
    }
}
