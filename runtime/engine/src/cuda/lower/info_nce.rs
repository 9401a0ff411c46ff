//! Dense InfoNCE (SER, arXiv 2603.06693), streamed: similarities of a block of anchors to all candidates are made by
//! cuBLASLt, used and forgotten. The N × N matrix never is.
//!
//! Anchors of view v meet the candidates of the other view, among them their positives, and with
//! `Negatives::BothViews` those of their own. A row of the block holds the other view's similarities, then the own.

use super::call::Call;
use super::code::literal;
use super::reduce::Reduction;
use crate::cuda::product::{Form, Product, Side};
use crate::cuda::task::{Address, Number, Task};
use crate::ops::{DenseInfoNce, DenseInfoNceGradient, Negatives, ReduceKind};
use crate::shape::Shape;

/// Similarities held at a time: 64 MB.
const MOST_SIMILARITIES: usize = 1 << 24;

struct Sizes {
    rows: usize,
    tokens: usize,
    width: usize,
    both: bool,
    inverse_temperature: f32,
    block: usize,
}

/// Some anchors of one view.
#[derive(Clone, Copy)]
struct Block {
    view: usize,
    first: usize,
    length: usize,
}

impl Sizes {
    fn new(loss: &DenseInfoNce, view: &Shape) -> Sizes {
        let both = loss.negatives == Negatives::BothViews;
        let rows = view[0] * view[1];
        let sizes = Sizes {
            rows,
            tokens: view[1],
            width: view[2],
            both,
            inverse_temperature: 1.0 / loss.temperature,
            block: rows,
        };
        let block = (MOST_SIMILARITIES / sizes.candidates()).clamp(1, rows);
        Sizes { block, ..sizes }
    }

    /// Candidates of an anchor, those that do not count included.
    fn candidates(&self) -> usize {
        if self.both { 2 * self.rows } else { self.rows }
    }

    fn anchors(&self) -> usize {
        self.candidates()
    }

    fn blocks(&self) -> Vec<Block> {
        let views = if self.both { 2 } else { 1 };
        let in_view = |view: usize| {
            (0..self.rows).step_by(self.block).map(move |first| Block {
                view,
                first,
                length: self.block.min(self.rows - first),
            })
        };
        (0..views).flat_map(in_view).collect()
    }

    /// The views that a block's candidates are of, in the order of its columns.
    fn views(&self, block: Block) -> Vec<usize> {
        if self.both { vec![1 - block.view, block.view] } else { vec![1] }
    }

    /// Similarities of a block of anchors to all candidates.
    fn similarities(&self, block: Block, views: [Address; 2], to: Address, call: &mut Call) {
        for (part, view) in self.views(block).into_iter().enumerate() {
            let form = Form {
                rows: block.length,
                columns: self.rows,
                depth: self.width,
                batch: 1,
                a: Side::dense(self.width),
                b: Side::dense(self.width).turned(),
                c: Side::dense(self.candidates()),
                accumulate: false,
                bias: false,
                factors: Number::F32,
                result: Number::F32,
            };
            call.tasks.push(Task::product(Product {
                form,
                a: views[block.view].plus(block.first * self.width),
                b: views[view],
                c: to.plus(part * self.rows),
                alpha: self.inverse_temperature,
                bias: None,
                addend: None,
            }));
        }
    }

    /// What kernels over the rows of a block begin with: the anchor's number in its view, and which candidates count.
    fn head(&self, block: Block) -> String {
        format!(
            "    const unsigned row = blockIdx.x, lane = threadIdx.x, anchor = {first}u + row;
    const auto counts = [&](unsigned j) {{ return j == anchor || j % {rows}u / {tokens}u != anchor / {tokens}u; }};
",
            first = block.first,
            rows = self.rows,
            tokens = self.tokens,
        )
    }
}

/// Threads that share an anchor.
const THREADS: usize = 256;

/// The loss, and the logarithm of each anchor's denominator.
pub fn run(loss: &DenseInfoNce, call: &mut Call) {
    let sizes = Sizes::new(loss, &call.inputs[0].shape());
    let views = [0, 1].map(|input| call.inputs[input].address);
    let [mean, lse] = [0, 1].map(|output| call.outputs[output].address);
    let candidates = sizes.candidates();
    let similarities = call.scratch(sizes.block * candidates);
    let losses = call.scratch(sizes.anchors());
    for block in sizes.blocks() {
        sizes.similarities(block, views, similarities, call);
        let first = block.view * sizes.rows + block.first;
        let body = sizes.head(block)
            + &format!(
                "    const float* s = similarities + (size_t)row * {candidates}u;
    float highest = -INFINITE, sum = 0.0f;
    for (unsigned j = lane; j < {candidates}u; j += {THREADS}u) if (counts(j)) highest = larger(highest, s[j]);
    highest = over<Maximum, {THREADS}>(highest);
    for (unsigned j = lane; j < {candidates}u; j += {THREADS}u) if (counts(j)) sum += expf(s[j] - highest);
    sum = over<Sum, {THREADS}>(sum);
    if (lane != 0) return;
    lse[row] = highest + logf(sum);
    losses[row] = highest + logf(sum) - s[anchor];
"
            );
        call.kernel("dense_info_nce")
            .threads(THREADS as u32)
            .reads("similarities", similarities)
            .writes("lse", lse.plus(first))
            .writes("losses", losses.plus(first))
            .launch(block.length, &body);
    }
    Reduction {
        name: "dense_info_nce_mean",
        kind: ReduceKind::Sum,
        kept: 1,
        reduced: sizes.anchors(),
        reads: &[("losses", losses)],
        terms: &["losses[r]".into()],
        writes: &[("mean", mean)],
        finish: &format!("    mean[k] = t0 / {}.0f;\n", sizes.anchors()),
        results_adjacent: false,
    }
    .lower(call);
}

/// Its gradient: similarities become their weights, which multiply candidates for the anchors and anchors for the
/// candidates.
pub fn gradient(gradient: &DenseInfoNceGradient, call: &mut Call) {
    let shape = call.inputs[0].shape();
    let sizes = Sizes::new(&gradient.loss, &shape);
    let views = [0, 1].map(|input| call.inputs[input].address);
    let [lse, arriving] = [2, 3].map(|input| call.inputs[input].address);
    let d_views = [0, 1].map(|output| call.outputs[output].address);
    let candidates = sizes.candidates();
    let weights = call.scratch(sizes.block * candidates);
    d_views.into_iter().for_each(|address| call.clear(address, shape.elements()));
    let factor = literal(sizes.inverse_temperature / sizes.anchors() as f32);
    for block in sizes.blocks() {
        sizes.similarities(block, views, weights, call);
        let body = sizes.head(block)
            + &format!(
                "    float* s = weights + (size_t)row * {candidates}u;
    const float factor = arriving[0] * {factor}, total = lse[row];
    for (unsigned j = lane; j < {candidates}u; j += {THREADS}u)
        s[j] = counts(j) ? factor * (expf(s[j] - total) - (j == anchor ? 1.0f : 0.0f)) : 0.0f;
"
            );
        call.kernel("dense_info_nce_weights")
            .threads(THREADS as u32)
            .shares("weights", weights)
            .reads("lse", lse.plus(block.view * sizes.rows + block.first))
            .reads("arriving", arriving)
            .launch(block.length, &body);
        sizes.pull(block, weights, views, d_views, call);
    }
}

impl Sizes {
    /// Adds the products of weights with candidates to the anchors' gradient, and with anchors to the candidates'.
    fn pull(
        &self,
        block: Block,
        weights: Address,
        views: [Address; 2],
        d_views: [Address; 2],
        call: &mut Call,
    ) {
        let (own, start) = (block.view, block.first * self.width);
        for (part, view) in self.views(block).into_iter().enumerate() {
            let weights = weights.plus(part * self.rows);
            let dense = Side::dense(self.width);
            let to_anchors = Form {
                rows: block.length,
                columns: self.width,
                depth: self.rows,
                batch: 1,
                a: Side::dense(self.candidates()),
                b: dense,
                c: dense,
                accumulate: true,
                bias: false,
                factors: Number::F32,
                result: Number::F32,
            };
            let to_candidates =
                Form { rows: self.rows, depth: block.length, a: to_anchors.a.turned(), ..to_anchors };
            let product = |form: Form, b: Address, c: Address| {
                Task::product(Product { form, a: weights, b, c, alpha: 1.0, bias: None, addend: None })
            };
            call.tasks.push(product(to_anchors, views[view], d_views[own].plus(start)));
            call.tasks.push(product(to_candidates, views[own].plus(start), d_views[view]));
        }
    }
}
