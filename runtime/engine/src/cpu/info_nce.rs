//! Dense InfoNCE with same-sample masking (Soft Equivariance Regularization, arXiv 2603.06693), streamed:
//! similarities are computed, used and forgotten block by block, never as an N × N matrix.
//!
//! There are two views of the same N = B·T tokens, anchors `a` and positives `p`, both `[N, D]`, sample-major
//! and L2-normalised by the caller. With s(u, w) = u·w / τ, the loss of anchor u is
//!
//! ```text
//! log Σ_w exp s(u, w) − s(u, u⁺)
//! ```
//!
//! where u⁺ is the same token in the other view, and w runs over u⁺ and the candidates of all *other
//! samples*. The loss is the mean over the anchors.
//!
//! A task owns a block of rows and passes all candidates by it; in the backward pass, rows of both views, as
//! anchors and as candidates of the others. So no element is written by two tasks and no sum depends on the
//! number of threads; the price is that s(u, w) is computed for the gradient of u and again for that of w.
//!
//! Memory: a transposed copy of each view (2·N·D), and for each thread a block of at most 252 × 528
//! similarities (532 kB).

use std::ops::Range;

use rayon::prelude::*;

use super::gemm::gemm;
use super::math::{exp, ln};
use super::matrix::{Matrix, MatrixMut};
use super::scratch::Scratch;
use super::simd::{self, LANES};
use super::transpose::par_transpose;
use crate::ops::Negatives;

/// Sizes and parameters of one dense InfoNCE.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InfoNce {
    /// Samples, B.
    pub samples: usize,
    /// Tokens of a sample, T.
    pub tokens: usize,
    /// Width of a token, D.
    pub width: usize,
    /// 1/τ.
    pub inverse_temperature: f32,
    /// What anchors are compared with.
    pub negatives: Negatives,
}

impl InfoNce {
    /// Number of anchors, the length of `lse`: N, or 2N for [`Negatives::BothViews`], those of `a` first.
    pub fn anchors(&self) -> usize {
        match self.negatives {
            Negatives::CrossView => self.rows(),
            Negatives::BothViews => 2 * self.rows(),
        }
    }

    /// The mean loss, 0 if there are no anchors. `lse` gets each anchor's log-sum-exp over its candidates,
    /// for [`InfoNce::backward`].
    pub fn forward(&self, a: &[f32], p: &[f32], lse: &mut [f32]) -> f32 {
        assert_eq!(lse.len(), self.anchors(), "info_nce: one lse for each anchor");
        if lse.is_empty() {
            return 0.0;
        }
        let mut copies = Scratch::take(2 * self.rows() * self.width);
        let views = self.views(a, p, &mut copies);
        let (of_a, of_p) = lse.split_at_mut(self.rows());
        let losses: Vec<f64> = of_a
            .par_chunks_mut(self.block_rows())
            .chain(of_p.par_chunks_mut(self.block_rows()))
            .enumerate()
            .map(|(index, lse)| self.forward_block(self.block(index), &views, lse))
            .collect();
        (losses.iter().sum::<f64>() / self.anchors() as f64) as f32
    }

    /// Fills in the log-sum-exp of a block of anchors, and returns the sum of their losses.
    fn forward_block(&self, block: Block, views: &[View; 2], lse: &mut [f32]) -> f64 {
        let rows = block.range.len();
        let mut scratch = Scratch::take(rows * (STRIDE + 2));
        let (scores, rest) = scratch.split_at_mut(rows * STRIDE);
        let (sums, positives) = rest.split_at_mut(rows);
        // `lse` holds the running maximum until the end.
        lse.fill(f32::NEG_INFINITY);
        sums.fill(0.0);
        for (view, cols) in self.candidates(|view| self.compares(block.view, view)) {
            self.scores(&block, views, view, &cols, scores);
            simd::dispatch(
                #[inline(always)]
                || {
                    for (i, (row, token)) in
                        scores.chunks_exact_mut(STRIDE).zip(block.range.clone()).enumerate()
                    {
                        let row = &mut row[..cols.len().next_multiple_of(LANES)];
                        row[cols.len()..].fill(f32::NEG_INFINITY);
                        let positive = self.mask(token, view != block.view, &cols, row, f32::NEG_INFINITY);
                        if let Some(positive) = positive {
                            positives[i] = row[positive];
                        }
                        let maximum = simd::max(row).max(lse[i]);
                        // Nothing but masked entries so far: nothing to add, and −∞ − −∞ would be NaN.
                        if maximum > f32::NEG_INFINITY {
                            sums[i] = sums[i] * exp(lse[i] - maximum) + simd::exp_sum(row, maximum);
                            lse[i] = maximum;
                        }
                    }
                },
            );
        }
        let mut loss = 0.0;
        for ((lse, sum), positive) in lse.iter_mut().zip(sums).zip(positives) {
            *lse += ln(*sum);
            loss += f64::from(*lse) - f64::from(*positive);
        }
        loss
    }

    /// Gradients of `d_loss` times the loss with respect to `a` and `p`, from what [`InfoNce::forward`] was
    /// given and gave. `d_a` and `d_p`, both `[N, D]`, are overwritten.
    pub fn backward(&self, a: &[f32], p: &[f32], lse: &[f32], d_loss: f32, d_a: &mut [f32], d_p: &mut [f32]) {
        assert_eq!(lse.len(), self.anchors(), "info_nce: one lse for each anchor");
        assert_eq!((d_a.len(), d_p.len()), (a.len(), p.len()), "info_nce: sizes of the gradients");
        let mut copies = Scratch::take(2 * self.rows() * self.width);
        let views = self.views(a, p, &mut copies);
        let factor = d_loss * self.inverse_temperature / self.anchors() as f32;
        let chunk = (self.block_rows() * self.width).max(1);
        d_a.par_chunks_mut(chunk)
            .chain(d_p.par_chunks_mut(chunk))
            .enumerate()
            .for_each(|(index, d_rows)| self.backward_block(self.block(index), &views, lse, factor, d_rows));
    }

    /// The gradient of a block of rows, as anchors and as candidates of the others.
    fn backward_block(&self, block: Block, views: &[View; 2], lse: &[f32], factor: f32, d_rows: &mut [f32]) {
        let rows = block.range.len();
        let mut d_rows = MatrixMut::row_major(d_rows, rows, self.width);
        let mut scores = Scratch::take(rows * STRIDE);
        let mut accumulate = false;
        let lse_of = |view: usize, range: &Range<usize>| &lse[view * self.rows()..][range.clone()];
        let related = |view| self.compares(block.view, view) || self.compares(view, block.view);
        for (view, cols) in self.candidates(related) {
            self.scores(&block, views, view, &cols, &mut scores);
            let of_rows = self.compares(block.view, view).then(|| lse_of(block.view, &block.range));
            let of_cols = self.compares(view, block.view).then(|| lse_of(view, &cols));
            simd::dispatch(
                #[inline(always)]
                || {
                    for (i, (row, token)) in
                        scores.chunks_exact_mut(STRIDE).zip(block.range.clone()).enumerate()
                    {
                        let row = &mut row[..cols.len()];
                        let roles = soften(row, of_rows.map(|lse| lse[i]), of_cols);
                        if let Some(positive) = self.mask(token, view != block.view, &cols, row, 0.0) {
                            row[positive] -= roles;
                        }
                    }
                },
            );
            let weights = Matrix::new(&scores, rows, cols.len(), STRIDE, 1);
            gemm(&mut d_rows, factor, weights, views[view].rows.tile(cols, 0..self.width), accumulate);
            accumulate = true;
        }
    }

    /// Number of tokens of a view, N.
    fn rows(&self) -> usize {
        self.samples * self.tokens
    }

    /// Whether the tokens of `anchor` are anchors and have those of `candidate` for candidates.
    fn compares(&self, anchor: usize, candidate: usize) -> bool {
        self.negatives == Negatives::BothViews || (anchor, candidate) == (0, 1)
    }

    fn views<'a>(&self, a: &'a [f32], p: &'a [f32], copies: &'a mut [f32]) -> [View<'a>; 2] {
        let (of_a, of_p) = copies.split_at_mut(self.rows() * self.width);
        [(a, of_a), (p, of_p)].map(|(rows, copy)| {
            assert_eq!(rows.len(), self.rows() * self.width, "info_nce: a and p are [B·T, D]");
            let rows = Matrix::row_major(rows, self.rows(), self.width);
            View { rows, columns: par_transpose(rows.t(), copy) }
        })
    }

    /// Rows that one task owns: enough tasks for many threads, few enough passes over the candidates.
    fn block_rows(&self) -> usize {
        self.anchors().div_ceil(64).next_multiple_of(6).clamp(96, 252)
    }

    /// Block number `index`, counting through view 0 and then view 1.
    fn block(&self, index: usize) -> Block {
        let blocks = self.rows().div_ceil(self.block_rows());
        let start = index % blocks * self.block_rows();
        Block { view: index / blocks, range: start..self.rows().min(start + self.block_rows()) }
    }

    /// The views that are `wanted`, cut into about equal blocks of columns.
    fn candidates(&self, wanted: impl Fn(usize) -> bool) -> impl Iterator<Item = (usize, Range<usize>)> {
        let n = self.rows();
        let size = n.div_ceil(n.div_ceil(MAX_COLS).max(1)).next_multiple_of(LANES).max(LANES);
        (0..2)
            .filter(move |&view| wanted(view))
            .flat_map(move |view| (0..n).step_by(size).map(move |start| (view, start..n.min(start + size))))
    }

    /// The similarities of a block to columns of a view, in rows of [`STRIDE`].
    fn scores(&self, block: &Block, views: &[View; 2], view: usize, cols: &Range<usize>, scores: &mut [f32]) {
        let rows = views[block.view].rows.tile(block.range.clone(), 0..self.width);
        let columns = views[view].columns.tile(0..self.width, cols.clone());
        let mut scores = MatrixMut::new(scores, rows.rows(), cols.len(), STRIDE, 1);
        gemm(&mut scores, self.inverse_temperature, rows, columns, false);
    }

    /// Replaces, in a row of similarities of `token` to `cols` of a view, those to its own sample by `value`;
    /// all but the positive, if the views differ. Returns where the positive stands in the row.
    #[inline(always)]
    fn mask(
        &self,
        token: usize,
        views_differ: bool,
        cols: &Range<usize>,
        row: &mut [f32],
        value: f32,
    ) -> Option<usize> {
        let positive = (views_differ && cols.contains(&token)).then(|| token - cols.start);
        let kept = positive.map(|positive| row[positive]);
        let local = |column: usize| column.clamp(cols.start, cols.end) - cols.start;
        let sample = token - token % self.tokens;
        row[local(sample)..local(sample + self.tokens)].fill(value);
        if let Some((positive, kept)) = positive.zip(kept) {
            row[positive] = kept;
        }
        positive
    }
}

/// Most columns of a block of similarities.
const MAX_COLS: usize = 512;

/// Distance between the rows of a block of similarities.
const STRIDE: usize = simd::row_stride(MAX_COLS);

/// A view, as rows `[N, D]` and as columns `[D, N]`.
struct View<'a> {
    rows: Matrix<'a>,
    columns: Matrix<'a>,
}

/// Tokens `range` of view 0 (`a`) or 1 (`p`).
struct Block {
    view: usize,
    range: Range<usize>,
}

/// Turns similarities into the sum of two softmax weights: of the columns for the row, given the row's
/// log-sum-exp, and of the row for the columns, given theirs. Returns how many of the two there are.
#[inline(always)]
fn soften(row: &mut [f32], of_row: Option<f32>, of_cols: Option<&[f32]>) -> f32 {
    match (of_row, of_cols) {
        (Some(of_row), Some(of_cols)) => {
            for (x, of_col) in row.iter_mut().zip(of_cols) {
                *x = exp(*x - of_row) + exp(*x - of_col);
            }
            2.0
        }
        (Some(of_row), None) => {
            row.iter_mut().for_each(|x| *x = exp(*x - of_row));
            1.0
        }
        (None, Some(of_cols)) => {
            row.iter_mut().zip(of_cols).for_each(|(x, of_col)| *x = exp(*x - of_col));
            1.0
        }
        (None, None) => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(len: usize, seed: usize) -> Vec<f32> {
        (0..len).map(|i| ((i * 7919 + seed * 104_729) % 1009) as f32 / 504.5 - 1.0).collect()
    }

    fn cases() -> impl Iterator<Item = InfoNce> {
        let shapes = [(1, 1, 1), (1, 5, 3), (4, 1, 6), (3, 4, 5), (2, 300, 3), (600, 1, 2)];
        shapes.into_iter().flat_map(|(samples, tokens, width)| {
            [Negatives::CrossView, Negatives::BothViews].map(|negatives| InfoNce {
                samples,
                tokens,
                width,
                inverse_temperature: 2.5,
                negatives,
            })
        })
    }

    /// The mean loss by the definition, in f64, over all pairs.
    fn reference(of: &InfoNce, a: &[f64], p: &[f64]) -> f64 {
        let (n, d) = (of.rows(), of.width);
        let token = |u: usize| if u < n { &a[u * d..][..d] } else { &p[(u - n) * d..][..d] };
        let s = |u, w| {
            f64::from(of.inverse_temperature) * token(u).iter().zip(token(w)).map(|(x, y)| x * y).sum::<f64>()
        };
        let (anchors, candidates) = match of.negatives {
            Negatives::CrossView => (0..n, n..2 * n),
            Negatives::BothViews => (0..2 * n, 0..2 * n),
        };
        let loss = |u: usize| {
            let positive = (u + n) % (2 * n);
            let counts = |w: usize| w == positive || w % n / of.tokens != u % n / of.tokens;
            candidates.clone().filter(|&w| counts(w)).map(|w| s(u, w).exp()).sum::<f64>().ln()
                - s(u, positive)
        };
        anchors.clone().map(loss).sum::<f64>() / anchors.len() as f64
    }

    fn run(of: &InfoNce, a: &[f32], p: &[f32]) -> (f32, [Vec<f32>; 3]) {
        let mut lse = vec![f32::NAN; of.anchors()];
        let loss = of.forward(a, p, &mut lse);
        let (mut d_a, mut d_p) = (vec![f32::NAN; a.len()], vec![f32::NAN; p.len()]);
        of.backward(a, p, &lse, 3.0, &mut d_a, &mut d_p);
        (loss, [lse, d_a, d_p])
    }

    fn widen(x: &[f32]) -> Vec<f64> {
        x.iter().copied().map(f64::from).collect()
    }

    #[test]
    fn matches_the_definition_and_central_differences() {
        for of in cases() {
            let len = of.rows() * of.width;
            let inputs = [noise(len, 1), noise(len, 2)];
            let wide = inputs.each_ref().map(|x| widen(x));
            let (loss, [_, d_a, d_p]) = run(&of, &inputs[0], &inputs[1]);
            let expected = reference(&of, &wide[0], &wide[1]);
            assert!(
                (f64::from(loss) - expected).abs() < 1e-6 * expected.max(1.0),
                "{of:?}: {loss}, {expected}"
            );
            for (view, gradient) in [d_a, d_p].iter().enumerate() {
                for i in (0..len).step_by(len.div_ceil(13)) {
                    let moved = |by: f64| {
                        let mut wide = wide.clone();
                        wide[view][i] += by;
                        3.0 * reference(&of, &wide[0], &wide[1])
                    };
                    let expected = (moved(1e-4) - moved(-1e-4)) / 2e-4;
                    let got = f64::from(gradient[i]);
                    assert!((got - expected).abs() < 3e-6, "{of:?}, view {view}, {i}: {got}, {expected}");
                }
            }
        }
    }

    #[test]
    fn without_negatives_nothing_moves() {
        for of in cases().filter(|of| of.samples == 1) {
            let len = of.rows() * of.width;
            let (loss, [_, d_a, d_p]) = run(&of, &noise(len, 1), &noise(len, 2));
            assert_eq!(loss, 0.0);
            assert!(d_a.iter().chain(&d_p).all(|&x| x == 0.0));
        }
    }

    #[test]
    fn no_anchors_no_loss() {
        for negatives in [Negatives::CrossView, Negatives::BothViews] {
            let of = InfoNce { samples: 0, tokens: 7, width: 3, inverse_temperature: 1.0, negatives };
            assert_eq!(run(&of, &[], &[]).0, 0.0);
        }
    }

    #[test]
    fn same_bits_for_any_number_of_threads() {
        for negatives in [Negatives::CrossView, Negatives::BothViews] {
            let of = InfoNce { samples: 9, tokens: 70, width: 24, inverse_temperature: 2.0, negatives };
            let (a, p) = (noise(630 * 24, 1), noise(630 * 24, 2));
            let with = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| run(&of, &a, &p))
            };
            let one = with(1);
            assert_eq!(one, with(2));
            assert_eq!(one, with(3));
        }
    }
}
