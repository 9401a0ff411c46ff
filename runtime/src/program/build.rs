//! From an assembly to a plan: gradients, optimizer, moving averages.

use std::collections::BTreeMap;

use equilayer_engine::optim::{AdamWOptions, Optimizer};
use equilayer_engine::{CompileOptions, Error, Graph, Init, Plan, Tensor};

use super::assemble::{Assembly, Recipe};
use super::names;
use super::shape::StepShape;
use crate::encoder::EncoderConfig;
use crate::method::{Layout, Method};

/// How a method is trained, as far as it is in the graph.
#[derive(Clone, Debug)]
pub struct TrainingOptions {
    /// Rule, groups and clipping; rates are fed.
    pub optimizer: Optimizer,
    /// Runs whose mean gradient the optimizer follows. Above 1, [`names::SUMMED`] says whether a run begins a sum, and the
    /// optimizer is fed [`Optimizer::rest`] in all runs but the last.
    pub accumulate: usize,
    /// Probability of stochastic depth at the student's last block, 0 to 1 exclusive.
    pub drop_path: f32,
    /// Height and width of local crops, pixels.
    pub local_image: [usize; 2],
    /// Numbers in a transform's vector (EquiMod).
    pub transform_parameters: usize,
    /// Which passes run.
    pub compile: CompileOptions,
}

impl Default for TrainingOptions {
    /// AdamW with PyTorch's moments, no stochastic depth, 96-pixel local crops.
    fn default() -> TrainingOptions {
        TrainingOptions {
            optimizer: Optimizer::adamw(AdamWOptions::default()),
            accumulate: 1,
            drop_path: 0.0,
            local_image: [96, 96],
            transform_parameters: 18,
            compile: CompileOptions::new(),
        }
    }
}

/// Why a method cannot be made a program.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ProgramError {
    /// It does not fit the encoder or the batch.
    #[error("this method cannot be trained so:\n{}", .0.iter().map(|p| format!("  {p}")).collect::<Vec<_>>().join("\n"))]
    Method(Vec<String>),
    /// A loss does not fit what it is given: its heads' widths, an action's elements.
    #[error("`{name}` cannot be computed: {detail}")]
    Term {
        /// The member's name.
        name: String,
        /// What does not fit, the remedy, and the heads that may be to blame, a line each.
        detail: String,
    },
    /// The graph cannot be built or compiled.
    #[error(transparent)]
    Engine(#[from] Error),
}

/// A training step of a method on an encoder.
#[derive(Debug)]
pub struct Program {
    /// What an executor runs.
    pub plan: Plan,
}

impl Program {
    /// Builds and compiles a training step.
    ///
    /// # Errors
    /// A method that does not fit ([`Method::problems`]), a parameter that no loss reaches, an optimizer's option out
    /// of range.
    pub fn build(
        method: &Method,
        encoder: &dyn EncoderConfig,
        layout: &Layout,
        shape: &StepShape,
        options: &TrainingOptions,
    ) -> Result<Program, ProgramError> {
        let assembly = Recipe { method, encoder, layout, shape, options }.assemble()?;
        Ok(Program { plan: assembly.train(options)? })
    }
}

/// The gradients of the runs of a step so far, each a `count`-th, kept in states from run to run.
fn summed(graph: &Graph, parameters: &[Tensor], gradients: &[Tensor], count: usize) -> Vec<Tensor> {
    let kept = graph.input(names::SUMMED, []);
    let sum = |(parameter, gradient): (&Tensor, &Tensor)| {
        let name = format!("{}.summed", graph.state_name(parameter).unwrap_or_default());
        let state = graph.state(&name, *parameter.shape(), Init::Constant(0.0));
        let sum = &state * &kept + gradient / count as f32;
        graph.assign(&state, &sum);
        sum
    };
    parameters.iter().zip(gradients).map(sum).collect()
}

impl Assembly {
    fn train(self, options: &TrainingOptions) -> Result<Plan, Error> {
        let graph = &self.graph;
        let total = self.total();
        let parameters = graph.parameters();
        let mut gradients = graph.gradients(&total, &parameters)?;
        if options.accumulate > 1 {
            gradients =
                graph.scope("optimizer", || summed(graph, &parameters, &gradients, options.accumulate));
        }
        let applied = graph.scope("optimizer", || options.optimizer.apply(graph, &parameters, &gradients))?;
        if let Some(follower) = &self.follower {
            let name = |parameter: &Tensor| graph.state_name(parameter).unwrap_or_default();
            let stepped: BTreeMap<String, Tensor> =
                parameters.iter().map(name).zip(applied.parameters).collect();
            graph.scope("teacher", || follower.finish(&stepped));
        }
        graph.output("loss", &total);
        for term in &self.terms {
            graph.output(&format!("loss.{}", term.name), &term.loss);
        }
        graph.scope("metrics", || self.gradient_norms())?;
        graph.compile(&options.compile)
    }

    /// L = L_inv + Σ λ L_equiv.
    pub(super) fn total(&self) -> Tensor {
        let weighted = self.terms.iter().map(|term| match &term.weight {
            Some(weight) => &term.loss * weight,
            None => term.loss.clone(),
        });
        weighted.reduce(|a, b| a + b).unwrap_or_else(|| self.graph.scalar(0.0))
    }

    /// Of each term at its tap. The total's gradient passes through the same nodes, so that this costs a norm.
    fn gradient_norms(&self) -> Result<(), Error> {
        for term in &self.terms {
            let weighted = match &term.weight {
                Some(weight) => &term.loss * weight,
                None => term.loss.clone(),
            };
            let gradients = self.graph.reached_gradients(&weighted, &term.taps)?;
            let squares = gradients.iter().flatten().map(Tensor::sum_of_squares).reduce(|a, b| a + b);
            if let Some(squares) = squares {
                self.graph.output(&format!("gradient.{}", term.name), &squares.sqrt());
            }
        }
        Ok(())
    }
}
