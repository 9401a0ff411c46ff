//! Several batches to a step: a large batch's gradient in a small batch's memory.
//!
//! With `train.accumulate = k` each optimizer step follows the mean of the gradients of k batches of `train.batch`
//! samples. What is a mean over samples is then what one batch of k · `train.batch` would give, but for rounding. What
//! looks at the batch as a whole sees one of the k alone:
//!
//! | | |
//! |---|---|
//! | contrastive negatives, redundancy and variance terms | among the samples of one batch |
//! | batch norm, a plugin's own state (DINO's centre) | of one batch, moved with every batch |
//! | a regularizer's share of the batch, group elements drawn per batch | of one batch |
//! | the teacher | moves once a step, and is the same for all batches of it |
//! | steps in schedules, metrics, checkpoints | optimizer steps; a metric is the mean over the step's batches |
//!
//! Batches of an epoch that do not fill a step are left out of it, as images that do not fill a batch are.
//!
//! In the graph every parameter has a state for its sum, and the optimizer runs with every batch: at rest, which moves
//! neither parameters nor moments, but for the last batch of a step. So one plan serves all batches. A run is saved and
//! resumed between steps, where the sums are of no use any more.

/// The place of a batch in its optimizer step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The step, from 0.
    pub step: u64,
    /// Whether the step begins with it.
    pub first: bool,
    /// Whether the step ends with it.
    pub last: bool,
}

impl Place {
    /// Of batch `batch`, from 0 over all epochs, where a step takes `accumulate` of them.
    pub fn of(batch: u64, accumulate: u64) -> Place {
        let within = batch % accumulate;
        Place { step: batch / accumulate, first: within == 0, last: within + 1 == accumulate }
    }
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn a_step_begins_and_ends() {
        let all = |accumulate| (0..4).map(|batch| Place::of(batch, accumulate)).collect::<Vec<_>>();
        assert!(
            all(1)
                .iter()
                .enumerate()
                .all(|(step, place)| { *place == Place { step: step as u64, first: true, last: true } })
        );
        assert_eq!(all(3).iter().map(|place| place.step).collect::<Vec<_>>(), [0, 0, 0, 1]);
        assert_eq!(all(3).iter().map(|place| place.first).collect::<Vec<_>>(), [true, false, false, true]);
        assert_eq!(all(3).iter().map(|place| place.last).collect::<Vec<_>>(), [false, false, true, false]);
    }
}
