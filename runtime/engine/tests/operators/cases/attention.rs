//! Attention: one token, one head, odd widths, more tokens than one block, an empty batch.

use super::{Case, fed};

pub fn cases() -> Vec<Case> {
    let sizes: [(usize, usize, usize, usize); 7] = [
        (1, 1, 1, 1),
        (2, 5, 3, 4),
        (3, 17, 2, 7),
        (1, 33, 1, 64),
        (0, 4, 2, 3),
        (1, 300, 1, 3),
        (2, 64, 2, 16),
    ];
    sizes
        .map(|(batch, tokens, heads, width)| {
            let name = format!("attention B={batch} T={tokens} H={heads} d={width}");
            Case::new(name, vec![fed([batch, tokens, 3 * heads * width])], move |_, x| {
                vec![x[0].attention(heads)]
            })
        })
        .into_iter()
        .chain([Case::new("attention of a view", vec![fed([5, 2, 24])], |_, x| {
            vec![x[0].transpose(0, 1).attention(2)]
        })])
        .collect()
}
