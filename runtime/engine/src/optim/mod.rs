//! Optimizers and moving averages for whole models, as nodes of the graph.
//!
//! An [`Optimizer`] is a description. [`Optimizer::apply`] adds one update operator for each parameter, with moments
//! that live beside the parameter in the executor; everything that may change from step to step is fed, so a schedule
//! never re-plans:
//!
//! ```
//! use equilayer_engine::optim::{AdamWOptions, Clip, Group, Optimizer, Rate};
//! use equilayer_engine::{CompileOptions, CpuExecutor, CpuOptions, Executor, Graph, Init};
//!
//! let graph = Graph::new();
//! let weight = graph.parameter("weight", [2, 3], Init::XavierUniform);
//! let bias = graph.parameter("bias", [3], Init::Constant(0.0));
//! let loss = (graph.input("x", [4, 2]).matmul(&weight) + &bias).square().mean_all();
//! let parameters = graph.parameters();
//! let gradients = graph.gradients(&loss, &parameters)?;
//!
//! let optimizer = Optimizer::adamw(AdamWOptions::default())
//!     .group(Group::new("vectors", |_, shape| shape.rank() <= 1).weight_decay(Rate::Fixed(0.0)))
//!     .clip(Clip::Global(1.0));
//! let applied = optimizer.apply(&graph, &parameters, &gradients)?;
//! graph.output("gradient norm", &applied.norms[0]);
//!
//! let plan = graph.compile(&CompileOptions::new())?;
//! let mut executor = CpuExecutor::new(CpuOptions::default())?;
//! for step in 0..10 {
//!     let hyper = optimizer.hyper(step, 1e-3, 0.05);
//!     let mut inputs: Vec<(&str, &[f32])> = hyper.iter().map(|(name, values)| (name.as_str(), &values[..])).collect();
//!     inputs.push(("x", &[0.5; 8]));
//!     executor.run(&plan, &inputs)?;
//! }
//! # Ok::<(), equilayer_engine::Error>(())
//! ```

mod clip;
mod ema;
mod group;
mod rule;

pub use clip::{Clip, Clipping};
pub use ema::ema;
pub use group::{Group, Rate};
pub use rule::{AdamWOptions, LarsOptions, SgdOptions};

use std::sync::Arc;

use self::group::Predicate;
use self::rule::Rule;
use crate::error::Error;
use crate::graph::Graph;
use crate::init::Init;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// How parameters follow their gradients.
///
/// The graph gets one input for each group: `optimizer` for the parameters that no [`Group`] holds, and
/// `optimizer.GROUP` for each group; [`Optimizer::hyper`] makes their values. Moments are states named after their
/// parameter: `PARAMETER.adamw.m` and `.adamw.v`, `PARAMETER.sgd.momentum`, `PARAMETER.lars.momentum`.
#[derive(Clone, Debug)]
pub struct Optimizer {
    name: String,
    rule: Rule,
    /// The last one holds all that the others do not.
    groups: Vec<Group>,
    clip: Option<Clip>,
}

/// What an optimizer added to a graph.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The parameters after the step, in the order given: what an average that follows the step reads.
    pub parameters: Vec<Tensor>,
    /// With clipping, the gradients' norms before it: one for each parameter, or the one of all of them.
    pub norms: Vec<Tensor>,
}

impl Optimizer {
    /// AdamW, with PyTorch's decoupled weight decay.
    pub fn adamw(options: AdamWOptions) -> Optimizer {
        Optimizer::new(Rule::AdamW(options))
    }

    /// SGD with momentum, with PyTorch's weight decay in the gradient.
    pub fn sgd(options: SgdOptions) -> Optimizer {
        Optimizer::new(Rule::Sgd(options))
    }

    /// LARS: see [`crate::ops::Lars`] for the form, and [`Group::without_adaptation`] for biases and norms.
    pub fn lars(options: LarsOptions) -> Optimizer {
        Optimizer::new(Rule::Lars(options))
    }

    fn new(rule: Rule) -> Optimizer {
        Optimizer { name: "optimizer".into(), rule, groups: vec![Group::rest()], clip: None }
    }

    /// Another name than `optimizer`, for a second one in a graph.
    pub fn named(self, name: impl Into<String>) -> Optimizer {
        Optimizer { name: name.into(), ..self }
    }

    /// Treats some parameters differently. The first group that holds a parameter counts.
    pub fn group(mut self, group: Group) -> Optimizer {
        self.groups.insert(self.groups.len() - 1, group);
        self
    }

    /// Leaves parameters as they are for the first steps ([`Group::frozen_for`]), each otherwise treated as the group
    /// that holds it. `name` is for the graph's inputs.
    pub fn freeze(
        mut self,
        name: &str,
        steps: u64,
        holds: impl Fn(&str, &Shape) -> bool + Send + Sync + 'static,
    ) -> Optimizer {
        let holds: Arc<Predicate> = Arc::new(holds);
        let frozen: Vec<Group> =
            self.groups.iter().map(|group| group.frozen_part(name, steps, holds.clone())).collect();
        self.groups.splice(0..0, frozen);
        self
    }

    /// Clips the gradients.
    pub fn clip(self, clip: Clip) -> Optimizer {
        Optimizer { clip: Some(clip), ..self }
    }

    /// Adds moments, inputs and updates to the graph and assigns the results, so that each run is one step.
    /// `gradients` belong to `parameters` in order, as [`Graph::gradients`] gives them.
    ///
    /// # Errors
    /// Options out of range, a tensor that is no parameter, another number of gradients than of parameters, a
    /// parameter given twice, or errors recorded in the graph.
    #[track_caller]
    pub fn apply(
        &self,
        graph: &Graph,
        parameters: &[Tensor],
        gradients: &[Tensor],
    ) -> Result<Applied, Error> {
        self.check()?;
        if parameters.len() != gradients.len() {
            let detail =
                format!("{} gradients do not belong to {} parameters", gradients.len(), parameters.len());
            return Err(Error::Name { kind: "optimizer", name: self.name.clone(), detail });
        }
        let coefficients: Vec<Tensor> = self
            .groups
            .iter()
            .map(|group| graph.input(&self.input_name(group), self.rule.coefficients(group)))
            .collect();
        let clipping = match self.clip {
            Some(clip) => clip.of(graph, gradients),
            None => Clipping { scales: vec![graph.scalar(1.0); gradients.len()], norms: Vec::new() },
        };
        let mut updated = Vec::with_capacity(parameters.len());
        for ((parameter, gradient), scale) in parameters.iter().zip(gradients).zip(&clipping.scales) {
            updated.push(self.update(graph, parameter, gradient, scale, &coefficients)?);
        }
        graph.check()?;
        Ok(Applied { parameters: updated, norms: clipping.norms })
    }

    /// Adds moments and update of one parameter, and gives its new value. `coefficients` are all groups'.
    #[track_caller]
    fn update(
        &self,
        graph: &Graph,
        parameter: &Tensor,
        gradient: &Tensor,
        scale: &Tensor,
        coefficients: &[Tensor],
    ) -> Result<Tensor, Error> {
        let name = self.parameter_name(graph, parameter)?;
        let group = self.group_of(&name, parameter);
        let zeros =
            |moment: &&str| graph.state(&format!("{name}.{moment}"), *parameter.shape(), Init::Constant(0.0));
        let moments: Vec<Tensor> = self.rule.moments().iter().map(zeros).collect();
        let next =
            self.rule.step(&self.groups[group], parameter, &moments, gradient, scale, &coefficients[group]);
        for (state, next) in [parameter].into_iter().chain(&moments).zip(&next) {
            graph.assign(state, next);
        }
        Ok(next[0].clone())
    }

    /// What to feed in a step. `step` counts the updates made before, from 0 on; `learning_rate` and `weight_decay`
    /// are the schedule's, which each group's [`Rate`]s follow or not. Computed in `f64`.
    pub fn hyper(&self, step: u64, learning_rate: f64, weight_decay: f64) -> Vec<(String, Vec<f32>)> {
        let values = |group: &Group| {
            let (learning_rate, weight_decay) = group.rates(learning_rate, weight_decay);
            match step.checked_sub(group.frozen_steps()) {
                Some(step) => self.rule.values(group, step, learning_rate, weight_decay),
                None => self.rule.at_rest(group),
            }
        };
        self.groups.iter().map(|group| (self.input_name(group), values(group))).collect()
    }

    /// What to feed in a run that is no step: parameters and moments stay as they are. For gradients that are summed over
    /// several runs before a step.
    pub fn rest(&self) -> Vec<(String, Vec<f32>)> {
        self.groups.iter().map(|group| (self.input_name(group), self.rule.at_rest(group))).collect()
    }

    fn input_name(&self, group: &Group) -> String {
        match group.name() {
            Some(name) => format!("{}.{name}", self.name),
            None => self.name.clone(),
        }
    }

    /// The first group that holds a parameter; the last one holds any.
    fn group_of(&self, name: &str, parameter: &Tensor) -> usize {
        self.groups
            .iter()
            .position(|group| group.holds(name, parameter.shape()))
            .unwrap_or(self.groups.len() - 1)
    }

    fn parameter_name(&self, graph: &Graph, parameter: &Tensor) -> Result<String, Error> {
        graph.state_name(parameter).ok_or_else(|| {
            let detail = "cannot be optimized: it is computed, not a parameter".into();
            Error::Name { kind: "parameter", name: format!("{parameter:?}"), detail }
        })
    }

    fn check(&self) -> Result<(), Error> {
        let problem = self.rule.problem().or_else(|| self.clip.and_then(Clip::problem));
        match problem {
            Some((name, detail)) => Err(Error::Name { kind: "optimizer option", name: name.into(), detail }),
            None => Ok(()),
        }
    }
}
