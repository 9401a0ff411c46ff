//! Teachers: networks whose weights follow another's as a moving average.

use std::cell::RefCell;
use std::collections::BTreeMap;

use equilayer_engine::optim::ema;
use equilayer_engine::{Error, Graph, Tensor};
use serde::Serialize;

use crate::schedule::Schedule;

/// How a teacher follows: θ′ ← m θ′ + (1 − m) θ.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ema {
    /// m, step by step.
    pub momentum: Schedule,
    /// When the teacher moves.
    pub update: EmaUpdate,
}

/// When a teacher moves; the papers' codes differ in this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EmaUpdate {
    /// Towards the weights before the step, and its features are those after the move: MoCo v3.
    BeforeKeys,
    /// Towards the weights after the step: BYOL, DINO.
    AfterStep,
}

impl Ema {
    /// [`EmaUpdate::BeforeKeys`].
    pub fn before_keys(momentum: Schedule) -> Ema {
        Ema { momentum, update: EmaUpdate::BeforeKeys }
    }

    /// [`EmaUpdate::AfterStep`].
    pub fn after_step(momentum: Schedule) -> Ema {
        Ema { momentum, update: EmaUpdate::AfterStep }
    }
}

/// What is put before a parameter's name for the teacher's.
pub const TEACHER: &str = "teacher.";

/// Makes the teacher's parameters in a graph, each once.
pub struct Follower {
    graph: Graph,
    momentum: Tensor,
    update: EmaUpdate,
    /// By the student's name: the teacher's state, and what its forward passes read.
    followed: RefCell<BTreeMap<String, (Tensor, Tensor)>>,
}

impl Follower {
    /// `momentum` is a scalar fed at every step.
    pub fn new(graph: &Graph, momentum: &Tensor, update: EmaUpdate) -> Follower {
        Follower { graph: graph.clone(), momentum: momentum.clone(), update, followed: RefCell::default() }
    }

    /// The teacher's counterpart of a student's parameter, as the teacher's forward pass reads it. What is not trained,
    /// as frozen weights and running statistics, the teacher has for itself.
    pub fn follow(&self, parameter: &Tensor) -> Tensor {
        let Some(name) = self.graph.state_name(parameter) else {
            self.graph.record(Error::Executor("a teacher can only follow parameters and states".into()));
            return parameter.clone();
        };
        if let Some((_, read)) = self.followed.borrow().get(&name) {
            return read.clone();
        }
        let twin = self.graph.twin(&format!("{TEACHER}{name}"), parameter);
        if !self.graph.is_parameter(parameter) {
            return twin;
        }
        let read = match self.update {
            EmaUpdate::BeforeKeys => {
                ema(&self.graph, &[(twin.clone(), parameter.clone())], &self.momentum).remove(0)
            }
            EmaUpdate::AfterStep => twin.clone(),
        };
        self.followed.borrow_mut().insert(name, (twin, read.clone()));
        read
    }

    /// Moves the teacher behind the optimizer: `stepped` gives each parameter's value after the step, by name.
    pub fn finish(&self, stepped: &BTreeMap<String, Tensor>) {
        if self.update == EmaUpdate::BeforeKeys {
            return;
        }
        for (name, (twin, _)) in self.followed.borrow().iter() {
            let Some(value) = stepped.get(name).cloned().or_else(|| self.graph.find_state(name).ok()) else {
                continue;
            };
            ema(&self.graph, &[(twin.clone(), value)], &self.momentum);
        }
    }
}
