//! What a forward pass is for.

use equilayer_engine::random::stream_id;
use equilayer_engine::{Randomness, Tensor};

/// How a network is run: in training or in evaluation, and what that means for layers that care.
///
/// | | batch norm uses | running statistics | stochastic depth |
/// |---|---|---|---|
/// | [`Pass::training`] | the batch | move towards the batch | as [asked for](Pass::stochastic_depth) |
/// | [`Pass::training`], then [`Pass::keeping_statistics`] | the batch | stay | as asked for |
/// | [`Pass::evaluation`] | running statistics | stay | none |
///
/// Running statistics move once a step. A network that is run on two batches in one graph keeps them in all passes but
/// one; a second move would be recorded as an error.
#[derive(Clone, Debug)]
pub struct Pass {
    training: bool,
    moves_statistics: bool,
    stochastic_depth: Option<StochasticDepth>,
}

#[derive(Clone, Debug)]
struct StochasticDepth {
    rate: f32,
    randomness: Randomness,
    stream: String,
}

impl Pass {
    /// A training step: the batch's statistics, towards which running ones move.
    pub fn training() -> Pass {
        Pass { training: true, moves_statistics: true, stochastic_depth: None }
    }

    /// Evaluation: running statistics, nothing random.
    pub fn evaluation() -> Pass {
        Pass { training: false, moves_statistics: false, stochastic_depth: None }
    }

    /// This pass, with running statistics left as they are.
    pub fn keeping_statistics(self) -> Pass {
        Pass { moves_statistics: false, ..self }
    }

    /// This pass with stochastic depth: of each sample, residual branches of the last block are dropped with
    /// probability `rate` (0 to 1 exclusive), those of the first with probability 0, and in between linearly, as in
    /// DINO (Huang et al. 2016). `randomness` has one sample for each image; passes of one step that shall draw
    /// different numbers get different names of `stream`. Without effect in evaluation.
    pub fn stochastic_depth(self, rate: f32, randomness: &Randomness, stream: &str) -> Pass {
        let depth = StochasticDepth { rate, randomness: randomness.clone(), stream: stream.into() };
        Pass { stochastic_depth: Some(depth), ..self }
    }

    /// Whether layers use the statistics of the batch.
    pub fn is_training(&self) -> bool {
        self.training
    }

    /// Whether running statistics move.
    pub fn moves_statistics(&self) -> bool {
        self.moves_statistics
    }

    /// A residual branch as this pass leaves it: `[batch, ..]`, with samples dropped where it has stochastic depth.
    /// `block` of `blocks`, counted from 0, sets the probability; `name` tells the branches of a network apart.
    #[track_caller]
    pub fn residual(&self, branch: &Tensor, block: usize, blocks: usize, name: &str) -> Tensor {
        let Some(depth) = self.stochastic_depth.as_ref().filter(|_| self.training) else {
            return branch.clone();
        };
        let rate = depth.rate * (block as f32 / blocks.saturating_sub(1).max(1) as f32);
        branch.drop_path(rate, &depth.randomness, use_id(&format!("{}.{block}.{name}", depth.stream)))
    }
}

/// The two halves of the name's stream, folded: the engine numbers uses with 32 bits.
fn use_id(name: &str) -> u32 {
    let id = stream_id(name);
    (id >> 32) as u32 ^ id as u32
}
