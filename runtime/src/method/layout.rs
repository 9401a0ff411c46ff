//! How a batch is cut: which samples are transformed by which action.

use crate::action::Action;
use crate::plugin::Role;

use super::Method;

/// The parts of a batch. Samples of a split come after the plain ones, split by split.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// Samples of the whole batch.
    pub batch: usize,
    /// Samples whose views are independent crops.
    pub plain: usize,
    /// Samples whose two views are one crop under two elements of a group.
    pub splits: Vec<Split>,
}

/// Samples whose two views are related by a known action. Regularizers with the same action and the same share of the
/// batch work on the same samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// Name in the graph's inputs: that of the first regularizer that asked for it.
    pub name: String,
    /// How many.
    pub samples: usize,
    /// What acts on them.
    pub action: Action,
    /// Members of the method that work on it, by index; 0 is the objective.
    pub members: Vec<usize>,
}

impl Layout {
    /// How a method cuts a batch (METHODS: SER's split: the last n samples take both views from one crop).
    /// `plain` is 0 if the splits take more than there is, which [`Method::problems`] reports.
    pub fn of(method: &Method, batch: usize) -> Layout {
        let mut splits: Vec<Split> = Vec::new();
        for (index, (member, name)) in method.members().zip(method.names()).enumerate() {
            let spec = member.spec();
            let Some(action) = spec.action.as_ref().filter(|_| spec.reads(Role::Pair)) else { continue };
            let samples = member.batch.samples(batch);
            let same = splits.iter_mut().find(|split| split.action == *action && split.samples == samples);
            match same {
                Some(split) => split.members.push(index),
                None => splits.push(Split { name, samples, action: action.clone(), members: vec![index] }),
            }
        }
        let split: usize = splits.iter().map(|split| split.samples).sum();
        Layout { batch, plain: batch.saturating_sub(split), splits }
    }

    /// The split that a member works on.
    pub fn split_of(&self, member: usize) -> Option<usize> {
        self.splits.iter().position(|split| split.members.contains(&member))
    }
}
