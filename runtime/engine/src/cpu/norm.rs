//! Squared norms, summed piece by piece in an order fixed by the length.

use std::ops::Range;

use rayon::prelude::*;

use super::call::Call;
use super::instructions;

/// Elements of one task.
const BLOCK: usize = 64 * PIECE;

/// Elements that are summed in `f32`; few enough that nearly nothing is lost. Pieces are summed in `f64`.
pub const PIECE: usize = 1024;

/// Runs a sum of squares.
pub fn run(call: &mut Call<'_>) {
    let values = call.input(0);
    let [output] = call.outputs();
    let [sum] = sum_pieces(values.len(), |piece| [squares(&values[piece])]);
    output.fill(sum as f32);
}

/// Sums what `of` gives for each piece of `length` elements.
pub fn sum_pieces<const N: usize>(length: usize, of: impl Fn(Range<usize>) -> [f32; N] + Sync) -> [f64; N] {
    let block = |block: usize| {
        let range = block * BLOCK..length.min((block + 1) * BLOCK);
        let mut sums = [0.0; N];
        instructions::arch().dispatch(
            #[inline(always)]
            || {
                for start in range.clone().step_by(PIECE) {
                    let parts = of(start..range.end.min(start + PIECE));
                    sums.iter_mut().zip(parts).for_each(|(sum, part)| *sum += f64::from(part));
                }
            },
        );
        sums
    };
    let blocks: Vec<[f64; N]> = (0..length.div_ceil(BLOCK)).into_par_iter().map(block).collect();
    let add = |mut sums: [f64; N], block: [f64; N]| {
        sums.iter_mut().zip(block).for_each(|(sum, part)| *sum += part);
        sums
    };
    blocks.into_iter().fold([0.0; N], add)
}

/// Sum of the squares of a piece, in independent lanes so that the loop vectorises.
#[inline(always)]
pub fn squares(piece: &[f32]) -> f32 {
    const LANES: usize = 32;
    let mut lanes = [0.0f32; LANES];
    let mut chunks = piece.chunks_exact(LANES);
    for chunk in &mut chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, &x)| *lane += x * x);
    }
    lanes.iter_mut().zip(chunks.remainder()).for_each(|(lane, &x)| *lane += x * x);
    lanes.iter().sum()
}
