//! Which token of one map corresponds to which of another.

use equilayer_engine::Tensor;

use super::NORM_EPS;
use crate::plugin::Feature;

/// For each token of `queries` the most similar one of `keys` by the cosine, both `[samples, tokens, width]`: 1 at it and 0
/// elsewhere, `[samples, tokens of queries, tokens of keys]` (DenseCL, arXiv 2011.09157, equation 3). Tokens that are
/// equally similar share the 1. No gradient flows through it.
#[track_caller]
pub fn most_similar(queries: &impl Feature, keys: &impl Feature) -> Tensor {
    let [queries, keys] = [queries.tensor(), keys.tensor()].map(|x| x.stop_gradient().l2_normalize(NORM_EPS));
    let similarities = queries.einsum("bqc,bkc->bqk", &keys);
    let best = similarities.equal(&similarities.max(&[-1]).unsqueeze(-1));
    let count = best.sum(&[-1]).unsqueeze(-1);
    best / count
}

#[cfg(test)]
mod tests {
    use equilayer_engine::Graph;
    use equilayer_engine::reference::{Values, evaluate};

    use super::*;

    #[test]
    fn likeness_is_of_directions_and_ties_are_shared() {
        let graph = Graph::new();
        let queries = graph.constant([1, 2, 2], vec![1.0, 0.1, 0.0, 1.0]);
        let keys = graph.constant([1, 3, 2], vec![9.0, 9.0, 0.5, 0.0, 9.0, 9.0]);
        graph.output("found", &most_similar(&queries, &keys));
        let found = evaluate(&graph, &Values::new()).expect("values");
        assert_eq!(found["found"].data(), [0.0, 1.0, 0.0, 0.5, 0.0, 0.5]);
    }
}
