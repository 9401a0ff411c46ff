//! The gradient guard: before the first step, every term must send gradient where its placement says, and nowhere else.
//!
//! A loss whose gradient is cut off trains nothing and says so nowhere: it falls a little because the rest of the network
//! moves. The public code of SER is an example (a gather without gradient). So each term is differentiated by
//! itself, unweighted, so that a control with λ = 0 passes:
//!
//! - its gradient at what it tapped is not zero;
//! - each of its heads gets a gradient that is not zero;
//! - no parameter of a layer behind its tap, and no other member's head, is reached at all: that is a fact of the graph,
//!   not a matter of numbers.
//!
//! Parameters that are declared frozen are states, not parameters, and are not asked about.

use equilayer_engine::{CompileOptions, Error, Executor, Tensor};

use super::assemble::{Assembly, Recipe, Term};
use super::build::{ProgramError, TrainingOptions};
use super::names::ENCODER;
use super::shape::StepShape;
use crate::encoder::EncoderConfig;
use crate::method::{Layout, Member, Method};
use crate::plugin::Layer;

/// Where a term's gradient goes.
#[derive(Clone, Debug, PartialEq)]
pub struct TermGradient {
    /// The member's name.
    pub term: String,
    /// Norm at what it tapped.
    pub at_tap: f32,
    /// Norm for each of its heads, by name.
    pub heads: Vec<(String, f32)>,
}

/// A term that does not train what it should, or more.
#[derive(Clone, Debug, thiserror::Error)]
pub enum GuardError {
    /// No gradient at the tap.
    #[error(
        "the loss `{term}` sends no gradient to its tap {tap}: it would train nothing. Look for a stop_gradient, a \
         comparison or an index between the tapped features and the loss"
    )]
    Severed {
        /// The member's name.
        term: String,
        /// Its place.
        tap: String,
    },
    /// A head without gradient.
    #[error(
        "the head `{head}` of `{term}` gets no gradient: use its output in the loss, or leave the head out of the \
         signature"
    )]
    DeadHead {
        /// The member's name.
        term: String,
        /// The head's.
        head: String,
    },
    /// Gradient behind the tap.
    #[error(
        "the loss `{term}` sits at {tap} and sends gradient past it, to {}: what it reads is made of later layers; read \
         the tapped features alone",
        .reached.join(", ")
    )]
    Leak {
        /// The member's name.
        term: String,
        /// Its place.
        tap: String,
        /// Parameters that it must not reach, the first few.
        reached: Vec<String>,
    },
    /// Not a number.
    #[error(
        "the gradient of `{term}` is not finite before the first step: look at its inputs and its temperature"
    )]
    NotFinite {
        /// The member's name.
        term: String,
    },
    /// The guard could not be run.
    #[error(transparent)]
    Program(#[from] ProgramError),
}

impl From<Error> for GuardError {
    fn from(error: Error) -> GuardError {
        GuardError::Program(error.into())
    }
}

/// How many names a message lists.
const LISTED: usize = 4;

/// Differentiates every term by itself on one batch, with the weights that `executor` holds or starts with; weights are
/// left as they are. `inputs` are those of a training step.
///
/// # Errors
/// The first term, in the method's order, that breaks a rule.
pub fn guard(
    method: &Method,
    encoder: &dyn EncoderConfig,
    layout: &Layout,
    shape: &StepShape,
    options: &TrainingOptions,
    executor: &mut dyn Executor,
    inputs: &[(&str, &[f32])],
) -> Result<Vec<TermGradient>, GuardError> {
    let recipe = Recipe { method, encoder, layout, shape, options };
    let assembly = recipe.assemble()?;
    let members = || method.members().filter(|member| !member.is_control());
    for (term, member) in assembly.terms.iter().zip(members()) {
        assembly.check_reach(term, member, encoder)?;
        assembly.declare_norms(term)?;
    }
    let plan = assembly.graph.compile(&CompileOptions::new())?;
    let known = |name: &str| plan.inputs().iter().any(|port| port.name == name);
    let inputs: Vec<(&str, &[f32])> = inputs.iter().copied().filter(|(name, _)| known(name)).collect();
    let outputs = executor.run(&plan, &inputs)?;
    let mut found = Vec::new();
    for (term, member) in assembly.terms.iter().zip(members()) {
        let norm = |what: &str| outputs.scalar(&output(&term.name, what)).map_err(GuardError::from);
        let at_tap = norm("")?;
        let heads: Vec<(String, f32)> = term
            .heads
            .iter()
            .map(|(head, _)| Ok((head.clone(), norm(head)?)))
            .collect::<Result<_, GuardError>>()?;
        let name = term.name.clone();
        if !at_tap.is_finite() || heads.iter().any(|(_, norm)| !norm.is_finite()) {
            return Err(GuardError::NotFinite { term: name });
        }
        if at_tap == 0.0 {
            return Err(GuardError::Severed { term: name, tap: member.at().to_string() });
        }
        if let Some((head, _)) = heads.iter().find(|(_, norm)| *norm == 0.0) {
            return Err(GuardError::DeadHead { term: name, head: head.clone() });
        }
        found.push(TermGradient { term: name, at_tap, heads });
    }
    Ok(found)
}

fn output(term: &str, what: &str) -> String {
    format!("guard.{term}.{what}")
}

impl Assembly {
    /// What the graph alone tells: which parameters a term depends on.
    fn check_reach(
        &self,
        term: &Term,
        member: &Member,
        encoder: &dyn EncoderConfig,
    ) -> Result<(), GuardError> {
        let last = match member.at().layer {
            Layer::After(layer) if layer < encoder.layers() => layer,
            _ => usize::MAX,
        };
        let own: Vec<String> =
            term.heads.iter().flat_map(|(_, head)| head).filter_map(|p| self.graph.state_name(p)).collect();
        let parameters = self.graph.parameters();
        let reached = self.graph.reached_gradients(&term.loss, &parameters)?;
        let forbidden = |parameter: &Tensor| {
            let name = self.graph.state_name(parameter)?;
            let allowed = match name.strip_prefix(ENCODER) {
                Some(part) => encoder.layer_of(part) <= last,
                None => own.contains(&name),
            };
            (!allowed).then_some(name)
        };
        let mut leaks: Vec<String> = parameters
            .iter()
            .zip(&reached)
            .filter(|(_, gradient)| gradient.is_some())
            .filter_map(|(parameter, _)| forbidden(parameter))
            .collect();
        if leaks.is_empty() {
            return Ok(());
        }
        if leaks.len() > LISTED {
            let more = leaks.len() - LISTED;
            leaks.truncate(LISTED);
            leaks.push(format!("and {more} more"));
        }
        Err(GuardError::Leak { term: term.name.clone(), tap: member.at().to_string(), reached: leaks })
    }

    /// What numbers tell: norms at the tap and of each head.
    fn declare_norms(&self, term: &Term) -> Result<(), Error> {
        let norm = |wrt: &[Tensor]| -> Result<Tensor, Error> {
            let gradients = self.graph.reached_gradients(&term.loss, wrt)?;
            let squares = gradients.iter().flatten().map(Tensor::sum_of_squares).reduce(|a, b| a + b);
            Ok(squares.map_or_else(|| self.graph.scalar(0.0), |squares| squares.sqrt()))
        };
        self.graph.output(&output(&term.name, ""), &norm(&term.taps)?);
        for (head, parameters) in &term.heads {
            self.graph.output(&output(&term.name, head), &norm(parameters)?);
        }
        Ok(())
    }
}
