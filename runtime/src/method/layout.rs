//! How a batch is cut: which samples are transformed by which action.

use crate::action::Action;
use crate::plugin::{BatchShare, Role};

use super::Method;

/// The parts of a step's samples, in this order: plain ones, splits that are part of the batch, splits of their own.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// Samples of the batch: those that the objective sees.
    pub batch: usize,
    /// Samples whose views are independent crops.
    pub plain: usize,
    /// Samples whose two views are one crop under two elements of a group.
    pub splits: Vec<Split>,
}

/// Samples whose views are, two by two, one crop under two elements of a known action: the two global crops, and local
/// crops where a regularizer compares those too (SER's 2 + 4 views, arXiv 2603.06693). Regularizers with the same action,
/// the same crops and the same share of the batch work on the same samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// Name in the graph's inputs: that of the first regularizer that asked for it.
    pub name: String,
    /// How many.
    pub samples: usize,
    /// Whether they are a mini-batch of their own, which the objective does not see.
    pub own: bool,
    /// What acts on them.
    pub action: Action,
    /// How many of their local crops are pairs, from the first on: an even number.
    pub local: usize,
    /// Members of the method that work on it, by index; 0 is the objective.
    pub members: Vec<usize>,
}

impl Split {
    /// Pairs of crops: the global one, and those of local crops.
    pub fn pairs(&self) -> usize {
        1 + self.local / 2
    }

    fn is_like(&self, other: &Split) -> bool {
        let key = |split: &Split| (split.samples, split.own, split.local);
        self.action == other.action && key(self) == key(other)
    }
}

impl Layout {
    /// How a method cuts a batch: as SER (arXiv 2603.06693) does, the last n samples take both views from one crop.
    /// `plain` is 0 if the splits take more than there is, which [`Method::problems`] reports.
    pub fn of(method: &Method, batch: usize) -> Layout {
        let mut splits: Vec<Split> = Vec::new();
        for (index, (member, name)) in method.members().zip(method.names()).enumerate() {
            let spec = member.spec();
            let Some(action) = spec.action.as_ref().filter(|_| spec.reads(Role::Pair)) else { continue };
            let (samples, own) = (member.batch.samples(batch), matches!(member.batch, BatchShare::Own(_)));
            let (action, local) = (action.clone(), member.views().local);
            let new = Split { name, samples, own, action, local, members: vec![index] };
            match splits.iter_mut().find(|split| split.is_like(&new)) {
                Some(split) => split.members.push(index),
                None => splits.push(new),
            }
        }
        splits.sort_by_key(|split| split.own);
        let shared: usize = splits.iter().filter(|split| !split.own).map(|split| split.samples).sum();
        Layout { batch, plain: batch.saturating_sub(shared), splits }
    }

    /// Images that a step takes from the data set: the batch, and mini-batches of their own.
    pub fn loaded(&self) -> usize {
        self.batch + self.splits.iter().filter(|split| split.own).map(|split| split.samples).sum::<usize>()
    }

    /// The split that a member works on.
    pub fn split_of(&self, member: usize) -> Option<usize> {
        self.splits.iter().position(|split| split.members.contains(&member))
    }
}
