//! Methods: one objective and the regularizers placed beside it.
//!
//! A [`Method`] is data: plugins, where each sits, its weight, its knobs. The macro [`method!`](crate::method!) and a
//! configuration file make the same value. What only an encoder and a batch can decide (does that layer exist, are
//! there samples enough) is checked by [`Method::problems`], all at once, before anything is allocated.

mod check;
mod layout;
mod placed;
mod problem;

use std::collections::BTreeMap;

use equilayer_grammar::methods;

pub use layout::{Layout, Split};
pub use placed::{Member, Placed};
pub use problem::{Choice, Problem};

use crate::plugin::{Crops, Ema, Objective, PluginKind, Regularizer, Width};

/// An objective and its regularizers.
///
/// ```
/// # use equilayer::plugin::{Embedding, Loss, Plugin, Views, cls};
/// # use equilayer::method::{Member, Method};
/// # let loss = |z: Views<Embedding>| Loss::from((&z.all[0].tensor - &z.all[1].tensor).square().mean_all());
/// let objective = Plugin::objective("alignment", loss).doc("Brings two views together.").argument("z");
/// let regularizer = Plugin::regularizer("early", loss).doc("The same, elsewhere.").at(cls(3_usize)).argument("z");
/// let method = Method::of(Member::of(&objective)).with(Member::of(&regularizer).weighted(0.5));
/// assert_eq!(method.to_string(), "alignment + 0.5 * early at cls(3)");
/// ```
#[derive(Clone, Debug)]
pub struct Method {
    objective: Member,
    regularizers: Vec<Member>,
    problems: Vec<String>,
}

impl Method {
    /// A method of an objective alone.
    pub fn new<O: Objective>(objective: impl Into<Placed<O>>) -> Method {
        Method::of(objective.into().into())
    }

    /// The method with one more regularizer.
    pub fn plus<R: Regularizer>(self, regularizer: impl Into<Placed<R>>) -> Method {
        self.with(regularizer.into().into())
    }

    /// [`Method::new`] for a plugin whose type is not known, from a registry.
    pub fn of(objective: Member) -> Method {
        let wrong = (objective.spec().kind != PluginKind::Objective).then(methods::missing_objective);
        Method { objective, regularizers: Vec::new(), problems: wrong.into_iter().collect() }
    }

    /// [`Method::plus`] for a plugin whose type is not known, from a registry. The same regularizer may sit at several
    /// layers.
    pub fn with(mut self, regularizer: Member) -> Method {
        let name = &regularizer.spec().name;
        if regularizer.spec().kind != PluginKind::Regularizer {
            self.problems.push(methods::twice("objective", name));
        }
        if self.regularizers.iter().any(|other| other.spec().name == *name && other.at == regularizer.at) {
            self.problems.push(methods::twice("regularizer", name));
        }
        self.regularizers.push(regularizer);
        self
    }

    /// The invariance loss.
    pub fn objective(&self) -> &Member {
        &self.objective
    }

    /// The placed regularizers, in order.
    pub fn regularizers(&self) -> &[Member] {
        &self.regularizers
    }

    /// The method on other crops of each image.
    pub fn seeing(self, views: Crops) -> Method {
        Method { objective: self.objective.seeing(views), ..self }
    }

    /// Everything, the objective first.
    pub fn members(&self) -> impl Iterator<Item = &Member> + Clone {
        std::iter::once(&self.objective).chain(&self.regularizers)
    }

    /// The teacher, if the objective brings one.
    pub fn teacher(&self) -> Option<&Ema> {
        self.objective.teacher()
    }

    /// Layers that stand still for the first epochs, as `dino.projector.6`, and for how many. A layer's parameters are
    /// named after it: `LAYER.weight`.
    pub fn frozen_layers(&self) -> Vec<(String, usize)> {
        let frozen = |(member, name): (&Member, String)| {
            let heads = member.spec().heads().filter_map(|(head, mlp)| {
                let knob = mlp.freeze_last.as_deref()?;
                let epochs = member.width(&Width::knob(knob), 0);
                Some((format!("{name}.{head}.{}", mlp.last_linear()?), epochs))
            });
            heads.collect::<Vec<_>>()
        };
        self.members().zip(self.names()).flat_map(frozen).filter(|(_, epochs)| *epochs > 0).collect()
    }

    /// What each member is called in parameters, logs and reports: its plugin's name, and its place too where the
    /// plugin sits at several.
    pub fn names(&self) -> Vec<String> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for member in self.members() {
            *counts.entry(&member.spec().name).or_default() += 1;
        }
        let name = |member: &Member| match counts[member.spec().name.as_str()] {
            1 => member.spec().name.clone(),
            _ => format!("{}@{}", member.spec().name, member.at),
        };
        self.members().map(name).collect()
    }
}

impl std::fmt::Display for Method {
    /// As in the macro: `moco_v3 + 0.5 * ser at tokens(3)`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.objective.spec().name)?;
        for member in &self.regularizers {
            match member.control {
                true => write!(f, " + control of {}", member.spec().name)?,
                false => write!(f, " + {} * {} at {}", member.weight, member.spec().name, member.at)?,
            }
        }
        Ok(())
    }
}
