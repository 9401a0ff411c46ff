//! Dense InfoNCE: both kinds of negatives, one sample (whose loss is 0), more tokens than one block.

use equilayer_engine::ops::Negatives;

use super::{Case, fed};

pub fn cases() -> Vec<Case> {
    let sizes: [(usize, usize, usize); 5] = [(2, 1, 3), (3, 5, 8), (2, 17, 33), (1, 4, 3), (3, 120, 4)];
    let mut cases = Vec::new();
    for negatives in [Negatives::CrossView, Negatives::BothViews] {
        for (samples, tokens, width) in sizes {
            let name = format!("dense InfoNCE, {negatives:?}, B={samples} T={tokens} D={width}");
            let shape = [samples, tokens, width];
            cases.push(Case::new(name, vec![fed(shape), fed(shape)], move |_, x| {
                vec![x[0].dense_info_nce(&x[1], 0.4, negatives)]
            }));
        }
    }
    cases
}
