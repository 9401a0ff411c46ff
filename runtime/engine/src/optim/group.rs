//! Parameter groups: who follows which learning rate and weight decay.

use std::fmt;
use std::sync::Arc;

use crate::shape::Shape;

/// Parameters that are treated alike.
#[derive(Clone)]
pub struct Group {
    /// Nothing for the group of all that no other holds.
    name: Option<String>,
    holds: Arc<Predicate>,
    learning_rate: Rate,
    weight_decay: Rate,
    adapts: bool,
    frozen_steps: u64,
}

/// Says of a parameter, by name and shape, whether a group holds it.
pub(super) type Predicate = dyn Fn(&str, &Shape) -> bool + Send + Sync;

/// How a group follows a schedule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    /// So many times the schedule's value.
    Scaled(f64),
    /// Always this value, whatever the schedule says.
    Fixed(f64),
}

impl Group {
    /// The parameters for which `holds` says yes, given name and shape; they follow the schedule as it is until told
    /// otherwise. The name appears in the graph's input `optimizer.NAME`.
    ///
    /// Which parameters go without weight decay is the method's choice: DINO leaves out everything of one axis,
    /// MoCo v3 with AdamW nothing.
    pub fn new(
        name: impl Into<String>,
        holds: impl Fn(&str, &Shape) -> bool + Send + Sync + 'static,
    ) -> Group {
        Group { name: Some(name.into()), holds: Arc::new(holds), ..Group::rest() }
    }

    /// The group of all parameters that no other holds.
    pub(super) fn rest() -> Group {
        Group {
            name: None,
            holds: Arc::new(|_, _| true),
            learning_rate: Rate::Scaled(1.0),
            weight_decay: Rate::Scaled(1.0),
            adapts: true,
            frozen_steps: 0,
        }
    }

    /// How it follows the learning rate.
    pub fn learning_rate(self, rate: Rate) -> Group {
        Group { learning_rate: rate, ..self }
    }

    /// How it follows the weight decay; `Rate::Fixed(0.0)` for none.
    pub fn weight_decay(self, rate: Rate) -> Group {
        Group { weight_decay: rate, ..self }
    }

    /// Takes plain SGD with momentum instead of LARS's adapted step. No other rule adapts.
    pub fn without_adaptation(self) -> Group {
        Group { adapts: false, ..self }
    }

    /// Leaves parameters and moments as they are for the first steps, and counts steps from there: DINO's frozen
    /// last layer. The gradients must still be finite.
    pub fn frozen_for(self, steps: u64) -> Group {
        Group { frozen_steps: steps, ..self }
    }

    /// Those of this group's parameters that `holds` says yes for as well, frozen for the first steps.
    pub(super) fn frozen_part(&self, name: &str, steps: u64, holds: Arc<Predicate>) -> Group {
        let (all, name) = (
            self.holds.clone(),
            match &self.name {
                Some(own) => format!("{name}.{own}"),
                None => name.to_owned(),
            },
        );
        let both = move |name: &str, shape: &Shape| all(name, shape) && holds(name, shape);
        Group { name: Some(name), holds: Arc::new(both), ..self.clone() }.frozen_for(steps)
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub(super) fn holds(&self, name: &str, shape: &Shape) -> bool {
        (self.holds)(name, shape)
    }

    pub(super) fn rates(&self, learning_rate: f64, weight_decay: f64) -> (f64, f64) {
        (self.learning_rate.of(learning_rate), self.weight_decay.of(weight_decay))
    }

    pub(super) fn adapts(&self) -> bool {
        self.adapts
    }

    pub(super) fn frozen_steps(&self) -> u64 {
        self.frozen_steps
    }
}

impl Rate {
    fn of(self, scheduled: f64) -> f64 {
        match self {
            Rate::Scaled(factor) => factor * scheduled,
            Rate::Fixed(value) => value,
        }
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group")
            .field("name", &self.name)
            .field("learning_rate", &self.learning_rate)
            .field("weight_decay", &self.weight_decay)
            .field("adapts", &self.adapts)
            .field("frozen_steps", &self.frozen_steps)
            .finish_non_exhaustive()
    }
}
