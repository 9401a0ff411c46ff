//! Fused multi-head self-attention, forward and backward, on one packed projection.
//!
//! With `q`, `k`, `v` of shape `[T, d]` for each sample and head, `out = softmax(scale · q kᵀ) v`. The scores
//! are made, used and forgotten block by block (Dao et al., FlashAttention, arXiv 2205.14135): the tokens are
//! cut into blocks of at most 256, and one task holds the scores of one query block against one key block.
//! Nothing of size T² exists. A thread's scratch, for any T, is at most 4 · 272 · (2 · 256 + d) bytes, 627 kB
//! at d = 64, and 4 · 272 · (256 + d) forward.
//!
//! What writes to an element, and in which order, depends on the shape alone, so the bits do not depend on
//! the number of threads.

use std::ops::Range;

use rayon::prelude::*;

use super::gemm::gemm;
use super::math::{exp, ln};
use super::matrix::{Matrix, MatrixMut, SharedMatrix};
use super::prefetch::prefetch;
use super::scratch::Scratch;
use super::simd::{self, LANES};
use super::transpose::transpose;

/// Sizes of one attention, and the factor on its scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attention {
    /// Samples, B.
    pub batch: usize,
    /// Tokens of a sample, T.
    pub tokens: usize,
    /// Heads, H.
    pub heads: usize,
    /// Width of a head, d.
    pub width: usize,
    /// Factor on the scores, usually 1/√d.
    pub scale: f32,
}

impl Attention {
    /// `qkv [B, T, 3, H, d]` → `out [B, T, H, d]` and `lse [B, H, T]`, the log-sum-exp of each query's scaled
    /// scores, which [`Attention::backward`] needs. All contiguous; `out` and `lse` are overwritten.
    pub fn forward(&self, qkv: &[f32], out: &mut [f32], lse: &mut [f32]) {
        let Self { batch, tokens, heads, width, .. } = *self;
        let qkv = Matrix::row_major(qkv, batch * tokens, 3 * heads * width);
        let out = MatrixMut::row_major(out, batch * tokens, heads * width).share();
        let lse = MatrixMut::row_major(lse, batch * heads, tokens).share();
        let blocks = Blocks::new(tokens);
        (0..batch * heads * blocks.count).into_par_iter().with_max_len(1).for_each(|task| {
            let (head, block) = (self.head(task / blocks.count, blocks), task % blocks.count);
            // SAFETY: each task has a (sample, head, query block) of its own.
            let (mut out, mut lse) = unsafe {
                (
                    out.tile(head.rows(block), head.columns(0)),
                    lse.tile(head.index..head.index + 1, blocks.range(block)),
                )
            };
            head.forward(block, qkv, &mut out, lse.row_mut(0));
        });
    }

    /// Gradient of the loss with respect to `qkv`, from `d_out [B, T, H, d]` and what [`Attention::forward`]
    /// was given and gave. `d_qkv [B, T, 3, H, d]` is overwritten.
    pub fn backward(&self, qkv: &[f32], out: &[f32], lse: &[f32], d_out: &[f32], d_qkv: &mut [f32]) {
        let Self { batch, tokens, heads, width, .. } = *self;
        let given = Given {
            qkv: Matrix::row_major(qkv, batch * tokens, 3 * heads * width),
            out: Matrix::row_major(out, batch * tokens, heads * width),
            d_out: Matrix::row_major(d_out, batch * tokens, heads * width),
            lse: Matrix::row_major(lse, batch * heads, tokens),
        };
        let d_qkv = MatrixMut::row_major(d_qkv, batch * tokens, 3 * heads * width).share();
        let blocks = Blocks::new(tokens);
        (0..batch * heads).into_par_iter().with_max_len(1).for_each(|index| {
            let head = self.head(index, blocks);
            // In step s, query block i meets key block i + s: the tasks of a step have no block in common, so
            // each may add to the gradients of its own two, and the steps fix the order of the sums.
            for step in 0..blocks.count {
                let task = |i| head.backward(i, (i + step) % blocks.count, &given, &d_qkv);
                match blocks.count {
                    1 => task(0),
                    count => (0..count).into_par_iter().with_max_len(1).for_each(task),
                }
            }
        });
    }

    fn head(&self, index: usize, blocks: Blocks) -> Head {
        Head { index, blocks, of: *self }
    }
}

/// What the backward pass works from, as matrices: one row a token, one column a feature. `lse` has one row a
/// head of a sample and one column a token.
struct Given<'a> {
    qkv: Matrix<'a>,
    out: Matrix<'a>,
    d_out: Matrix<'a>,
    lse: Matrix<'a>,
}

/// One head of one sample: number `b · H + h`.
#[derive(Clone, Copy)]
struct Head {
    index: usize,
    blocks: Blocks,
    of: Attention,
}

impl Head {
    /// One query block against all key blocks, with a running maximum and sum for each query.
    fn forward(&self, block: usize, qkv: Matrix, out: &mut MatrixMut, lse: &mut [f32]) {
        let stride = self.blocks.stride;
        let queries = qkv.tile(self.rows(block), self.columns(0));
        bring(&[queries]);
        let rows = queries.rows();
        let mut scratch = Scratch::take(stride * (self.of.width + rows) + rows);
        let (packed, rest) = scratch.split_at_mut(stride * self.of.width);
        let (scores, sums) = rest.split_at_mut(stride * rows);
        // `lse` holds the running maximum until the end.
        lse.fill(f32::NEG_INFINITY);
        sums.fill(0.0);
        for key_block in 0..self.blocks.count {
            let [keys, values] = [1, 2].map(|part| qkv.tile(self.rows(key_block), self.columns(part)));
            bring(&[keys, values]);
            let keys = self.blocks.pack(keys, packed);
            gemm(
                &mut MatrixMut::new(scores, rows, keys.cols(), stride, 1),
                self.of.scale,
                queries,
                keys,
                false,
            );
            let first = key_block == 0;
            simd::dispatch(
                #[inline(always)]
                || {
                    for (i, row) in scores.chunks_exact_mut(stride).enumerate() {
                        let row = &mut row[..keys.cols()];
                        row[values.rows()..].fill(f32::NEG_INFINITY);
                        let maximum = simd::max(row).max(lse[i]);
                        let rescale = exp(lse[i] - maximum);
                        lse[i] = maximum;
                        sums[i] = sums[i] * rescale + simd::exp_sum(row, maximum);
                        if !first {
                            out.row_mut(i).iter_mut().for_each(|x| *x *= rescale);
                        }
                    }
                },
            );
            gemm(out, 1.0, Matrix::new(scores, rows, values.rows(), stride, 1), values, !first);
        }
        for (i, (lse, sum)) in lse.iter_mut().zip(sums).enumerate() {
            *lse += ln(*sum);
            let factor = 1.0 / *sum;
            out.row_mut(i).iter_mut().for_each(|x| *x *= factor);
        }
    }

    /// What query block `i` and key block `j` add to each other's gradients. The first pair of each block,
    /// which is with itself, writes instead of adding.
    fn backward(&self, i: usize, j: usize, given: &Given, d_qkv: &SharedMatrix) {
        let stride = self.blocks.stride;
        let part = |block, part| given.qkv.tile(self.rows(block), self.columns(part));
        let (queries, keys, values) = (part(i, 0), part(j, 1), part(j, 2));
        let [d_out, out] = [given.d_out, given.out].map(|of| of.tile(self.rows(i), self.columns(0)));
        bring(&[queries, keys, values, d_out, out]);
        let rows = queries.rows();

        let mut scratch = Scratch::take(stride * (self.of.width + 2 * rows));
        let (packed, rest) = scratch.split_at_mut(stride * self.of.width);
        let (p, ds) = rest.split_at_mut(stride * rows);
        let packed_keys = self.blocks.pack(keys, packed);
        let padded = packed_keys.cols();
        gemm(&mut MatrixMut::new(p, rows, padded, stride, 1), self.of.scale, queries, packed_keys, false);
        let packed_values = self.blocks.pack(values, packed);
        gemm(&mut MatrixMut::new(ds, rows, padded, stride, 1), 1.0, d_out, packed_values, false);
        self.softmax_gradient(out, d_out, &given.lse.row(self.index)[self.blocks.range(i)], p, ds);

        let p = Matrix::new(p, rows, keys.rows(), stride, 1);
        let ds = Matrix::new(ds, rows, keys.rows(), stride, 1);
        // SAFETY: tasks that run at the same time have other heads, or other query and other key blocks.
        let part = |block, part| unsafe { d_qkv.tile(self.rows(block), self.columns(part)) };
        gemm(&mut part(i, 0), 1.0, ds, keys, i != j);
        gemm(&mut part(j, 1), 1.0, ds.t(), queries, i != j);
        gemm(&mut part(j, 2), 1.0, p.t(), d_out, i != j);
    }

    /// Turns scaled scores into weights, `p`, and the gradients of the weights into those of `q kᵀ`, `ds`;
    /// rows of both are queries of block `i`. `Σ_j p_ij · dp_ij` is the dot product of `out` and `d_out`, so
    /// that no row has to be complete.
    fn softmax_gradient(&self, out: Matrix, d_out: Matrix, lse: &[f32], p: &mut [f32], ds: &mut [f32]) {
        let stride = self.blocks.stride;
        simd::dispatch(
            #[inline(always)]
            || {
                let rows = p.chunks_exact_mut(stride).zip(ds.chunks_exact_mut(stride)).zip(lse);
                for (row, ((p, ds), lse)) in rows.enumerate() {
                    let delta = simd::dot(out.row(row), d_out.row(row));
                    for (p, ds) in p.iter_mut().zip(ds) {
                        *p = exp(*p - lse);
                        *ds = *p * (*ds - delta) * self.of.scale;
                    }
                }
            },
        );
    }

    /// Where the tokens of a block stand in a matrix with one row a token.
    fn rows(&self, block: usize) -> Range<usize> {
        let start = self.index / self.of.heads * self.of.tokens;
        let tokens = self.blocks.range(block);
        start + tokens.start..start + tokens.end
    }

    /// Where the head's features stand: in `part` 0, 1 or 2 for q, k and v of `qkv`, in part 0 of `out`.
    fn columns(&self, part: usize) -> Range<usize> {
        let start = (part * self.of.heads + self.index % self.of.heads) * self.of.width;
        start..start + self.of.width
    }
}

/// Asks for all operands of a task at once: their rows are those of many heads apart.
fn bring(operands: &[Matrix]) {
    for operand in operands {
        prefetch(operand.data().as_ptr(), operand.row_stride() as isize, operand.rows(), operand.cols());
    }
}

/// The cut of the tokens into about equal blocks, for queries and keys alike.
#[derive(Clone, Copy, Debug)]
struct Blocks {
    tokens: usize,
    /// Tokens in each block but the last.
    size: usize,
    count: usize,
    /// Distance between the rows of a block of scores, and of a packed block.
    stride: usize,
}

impl Blocks {
    fn new(tokens: usize) -> Self {
        const MAX: usize = 256;
        let size = tokens.div_ceil(tokens.div_ceil(MAX).max(1)).next_multiple_of(LANES).max(LANES);
        Self { tokens, size, count: tokens.div_ceil(size), stride: simd::row_stride(size) }
    }

    fn range(&self, block: usize) -> Range<usize> {
        block * self.size..self.tokens.min((block + 1) * self.size)
    }

    /// The transpose of `rows` (tokens × d), padded with columns of zeros to whole vectors.
    fn pack<'a>(&self, rows: Matrix, packed: &'a mut [f32]) -> Matrix<'a> {
        let padded = rows.rows().next_multiple_of(LANES);
        transpose(rows.t(), packed, self.stride);
        for row in packed.chunks_exact_mut(self.stride) {
            row[rows.rows()..padded].fill(0.0);
        }
        Matrix::new(packed, rows.cols(), padded, self.stride, 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(len: usize, seed: usize) -> Vec<f32> {
        (0..len).map(|i| ((i * 7919 + seed * 104_729) % 1009) as f32 / 504.5 - 1.0).collect()
    }

    fn attention(batch: usize, tokens: usize, heads: usize, width: usize) -> Attention {
        Attention { batch, tokens, heads, width, scale: 1.7 / (width as f32).sqrt() }
    }

    /// `out` and `lse` by the definition, in f64, with the scores in memory.
    fn reference(of: &Attention, qkv: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let Attention { batch, tokens, heads, width, .. } = *of;
        let at = |b, t, part, h| &qkv[(((b * tokens + t) * 3 + part) * heads + h) * width..][..width];
        let mut out = vec![0.0; batch * tokens * heads * width];
        let mut lse = vec![0.0; batch * heads * tokens];
        for (b, h, t) in
            (0..batch * heads * tokens).map(|i| (i / heads / tokens, i / tokens % heads, i % tokens))
        {
            let dot = |u| at(b, t, 0, h).iter().zip(at(b, u, 1, h)).map(|(q, k)| q * k).sum::<f64>();
            let weights: Vec<f64> = (0..tokens).map(|u| (f64::from(of.scale) * dot(u)).exp()).collect();
            let sum: f64 = weights.iter().sum();
            lse[(b * heads + h) * tokens + t] = sum.ln();
            let out = &mut out[((b * tokens + t) * heads + h) * width..][..width];
            for (u, weight) in weights.iter().enumerate() {
                out.iter_mut().zip(at(b, u, 2, h)).for_each(|(out, v)| *out += weight / sum * v);
            }
        }
        (out, lse)
    }

    fn run(of: &Attention, qkv: &[f32], d_out: &[f32]) -> [Vec<f32>; 3] {
        let mut out = vec![f32::NAN; qkv.len() / 3];
        let mut lse = vec![f32::NAN; of.batch * of.heads * of.tokens];
        let mut d_qkv = vec![f32::NAN; qkv.len()];
        of.forward(qkv, &mut out, &mut lse);
        of.backward(qkv, &out, &lse, d_out, &mut d_qkv);
        [out, lse, d_qkv]
    }

    fn widen(x: &[f32]) -> Vec<f64> {
        x.iter().copied().map(f64::from).collect()
    }

    fn assert_close(got: &[f32], expected: &[f64], tolerance: f64) {
        assert_eq!(got.len(), expected.len());
        for (i, (&got, expected)) in got.iter().zip(expected).enumerate() {
            assert!(
                (f64::from(got) - expected).abs() <= tolerance,
                "element {i}: {got}, expected {expected}"
            );
        }
    }

    #[test]
    fn matches_the_definition() {
        for (b, t, h, d) in
            [(1, 1, 1, 1), (2, 3, 2, 5), (2, 17, 3, 8), (1, 65, 2, 33), (1, 300, 2, 7), (0, 5, 2, 4)]
        {
            let of = attention(b, t, h, d);
            let qkv = noise(b * t * 3 * h * d, 1);
            let (out, lse) = reference(&of, &widen(&qkv));
            let [got_out, got_lse, _] = run(&of, &qkv, &noise(out.len(), 2));
            assert_close(&got_out, &out, 2e-6);
            assert_close(&got_lse, &lse, 4e-6);
        }
    }

    #[test]
    fn gradient_matches_central_differences() {
        for (b, t, h, d, stride) in [(1, 1, 1, 1, 1), (2, 3, 2, 5, 1), (1, 20, 2, 4, 3), (1, 530, 1, 3, 431)]
        {
            let of = attention(b, t, h, d);
            let qkv = noise(b * t * 3 * h * d, 1);
            let d_out = noise(b * t * h * d, 2);
            let [_, _, d_qkv] = run(&of, &qkv, &d_out);
            let loss = |i: usize, by: f64| {
                let mut moved = widen(&qkv);
                moved[i] += by;
                reference(&of, &moved).0.iter().zip(&d_out).map(|(o, &g)| o * f64::from(g)).sum::<f64>()
            };
            for i in (0..qkv.len()).step_by(stride) {
                let expected = (loss(i, 1e-4) - loss(i, -1e-4)) / 2e-4;
                assert!(
                    (f64::from(d_qkv[i]) - expected).abs() < 5e-6,
                    "{i}: {}, expected {expected}",
                    d_qkv[i]
                );
            }
        }
    }

    #[test]
    fn large_scores_do_not_overflow() {
        let of = attention(1, 280, 1, 4);
        let qkv: Vec<f32> = noise(280 * 12, 1).iter().map(|x| x * 100.0).collect();
        let [out, lse, d_qkv] = run(&of, &qkv, &noise(280 * 4, 2));
        assert!([out, lse, d_qkv].iter().flatten().all(|x| x.is_finite()));
    }

    #[test]
    fn same_bits_for_any_number_of_threads() {
        let of = attention(2, 600, 2, 9);
        let (qkv, d_out) = (noise(2 * 600 * 54, 1), noise(2 * 600 * 18, 2));
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| run(&of, &qkv, &d_out))
        };
        let one = with(1);
        assert_eq!(one, with(2));
        assert_eq!(one, with(3));
    }
}
