//! Reductions: sums or maxima of anything that can be written as an expression, in a fixed order.
//!
//! A block makes one result where neighbours in memory are added, or 32 results where they are not, so that either
//! way neighbouring threads read neighbours. Where results are too few to fill a device, the sum is cut into parts,
//! which a second kernel joins. Nothing is added by atomics: every run has the same bits.

use std::fmt::Write as _;

use super::call::{Call, Source};
use super::code::position;
use crate::cuda::task::Address;
use crate::layout::Layout;
use crate::ops::{Reduce, ReduceKind};
use crate::shape::{AxisSet, Shape};

/// Blocks that have as many loads under way as the memory of a device of today answers, of two bytes each: all threads of
/// 132 multiprocessors.
const FULL: usize = 1056;

/// Terms that are worth a block of their own.
const WORTH_A_BLOCK: usize = 2048;

/// Results that a block makes side by side, and the threads that share each.
const SIDE: usize = 32;
const SHARE: usize = 8;

/// Several reductions in one sweep.
pub struct Reduction<'a> {
    /// In kernel names.
    pub name: &'a str,
    /// What is done.
    pub kind: ReduceKind,
    /// How many results there are.
    pub kept: usize,
    /// How many terms each has.
    pub reduced: usize,
    /// What is read, by parameter name.
    pub reads: &'a [(&'a str, Address)],
    /// Terms as expressions of `k`, the result's number, and `r`, the term's.
    pub terms: &'a [String],
    /// What is written, by parameter name.
    pub writes: &'a [(&'a str, Address)],
    /// Statements that write the results of `k` from `t0`, `t1`, …, one for each of the terms.
    pub finish: &'a str,
    /// Whether neighbouring results, not terms, lie side by side in memory.
    pub results_adjacent: bool,
}

impl Reduction<'_> {
    /// Adds the kernels.
    pub fn lower(&self, call: &mut Call) {
        if self.kept == 0 {
            return;
        }
        let parts = self.parts();
        if parts == 1 {
            return self.sweep(call, 1, self.reads, self.terms, self.writes, self.finish, self.reduced);
        }
        let between = call.scratch(self.terms.len() * parts * self.kept);
        let store: String = (0..self.terms.len())
            .map(|term| format!("    parts[({term}u * {parts}u + part) * {}u + k] = t{term};\n", self.kept))
            .collect();
        let each = self.reduced.div_ceil(parts);
        self.sweep(call, parts, self.reads, self.terms, &[("parts", between)], &store, each);
        let joined: Vec<String> = (0..self.terms.len())
            .map(|term| format!("parts[({term}u * {parts}u + r) * {}u + k]", self.kept))
            .collect();
        let mut reads = vec![("parts", between)];
        // What finishing reads, the first kernel's operands may hold.
        reads.extend(self.reads.iter().filter(|(name, _)| mentions(self.finish, name)));
        let join = Reduction {
            reads: &reads,
            terms: &joined,
            reduced: parts,
            results_adjacent: self.kept > 1,
            ..*self
        };
        join.sweep(call, 1, &reads, &joined, self.writes, self.finish, parts);
    }

    /// Into how many parts the terms are cut.
    fn parts(&self) -> usize {
        let blocks = if self.results_adjacent { self.kept.div_ceil(SIDE) } else { self.kept };
        let worth = if self.results_adjacent { WORTH_A_BLOCK / SIDE } else { WORTH_A_BLOCK };
        (FULL / blocks.max(1)).min(self.reduced / worth).max(1)
    }

    fn sweep(
        &self,
        call: &mut Call,
        parts: usize,
        reads: &[(&str, Address)],
        terms: &[String],
        writes: &[(&str, Address)],
        finish: &str,
        each: usize,
    ) {
        let body = match self.results_adjacent {
            true => self.side_by_side(terms, finish, parts, each),
            false => self.one_a_block(terms, finish, parts, each),
        };
        let blocks = if self.results_adjacent { self.kept.div_ceil(SIDE) } else { self.kept };
        let mut kernel = call.kernel(self.name);
        for (name, address) in reads {
            kernel = kernel.reads(name, *address);
        }
        for (name, address) in writes {
            kernel = kernel.writes(name, *address);
        }
        let threads = if self.results_adjacent { SIDE * SHARE } else { self.threads(each) };
        kernel.threads(threads as u32).launch(blocks * parts, &body);
    }

    /// Threads that share a result.
    fn threads(&self, terms: usize) -> usize {
        terms.div_ceil(4).next_power_of_two().clamp(32, 256)
    }

    fn join(&self) -> &'static str {
        match self.kind {
            ReduceKind::Sum => "Sum",
            ReduceKind::Max => "Maximum",
        }
    }

    fn accumulate(&self, terms: &[String]) -> String {
        let mut text = String::new();
        for (number, term) in terms.iter().enumerate() {
            let _ = writeln!(text, "        t{number} = {}::join(t{number}, {term});", self.join());
        }
        text
    }

    fn start(&self, terms: usize, variables: &str) -> String {
        let none: Vec<String> = (0..terms).map(|term| format!("t{term} = {}::none()", self.join())).collect();
        format!("{variables}    float {};\n", none.join(", "))
    }

    fn one_a_block(&self, terms: &[String], finish: &str, parts: usize, each: usize) -> String {
        let threads = self.threads(each);
        let variables = format!(
            "    const unsigned k = blockIdx.x / {parts}u, part = blockIdx.x % {parts}u;\n    \
             const unsigned end = min(part * {each}u + {each}u, {}u);\n",
            self.reduced
        );
        let mut body = self.start(terms.len(), &variables);
        let _ = writeln!(
            body,
            "    for (unsigned r = part * {each}u + threadIdx.x; r < end; r += {threads}u) {{"
        );
        body += &self.accumulate(terms);
        body += "    }\n";
        for term in 0..terms.len() {
            let _ = writeln!(body, "    t{term} = over<{}, {threads}>(t{term});", self.join());
        }
        body + "    if (threadIdx.x != 0) return;\n" + finish
    }

    fn side_by_side(&self, terms: &[String], finish: &str, parts: usize, each: usize) -> String {
        let (kept, reduced) = (self.kept, self.reduced);
        let variables = format!(
            "    const unsigned part = blockIdx.x % {parts}u, share = threadIdx.x / {SIDE}u;\n    \
             const unsigned k = blockIdx.x / {parts}u * {SIDE}u + threadIdx.x % {SIDE}u;\n    \
             const unsigned end = k < {kept}u ? min(part * {each}u + {each}u, {reduced}u) : 0u;\n"
        );
        let mut body = self.start(terms.len(), &variables);
        let _ = writeln!(body, "    for (unsigned r = part * {each}u + share; r < end; r += {SHARE}u) {{");
        body += &self.accumulate(terms);
        body += "    }\n";
        let _ = writeln!(body, "    __shared__ float shares[{}][{SHARE}][{SIDE}];", terms.len());
        for term in 0..terms.len() {
            let _ = writeln!(body, "    shares[{term}][share][threadIdx.x % {SIDE}u] = t{term};");
        }
        let _ = writeln!(body, "    __syncthreads();\n    if (share != 0 || k >= {kept}u) return;");
        let _ = writeln!(body, "    for (int other = 1; other < {SHARE}; ++other) {{");
        for term in 0..terms.len() {
            let _ = writeln!(
                body,
                "        t{term} = {}::join(t{term}, shares[{term}][other][threadIdx.x % {SIDE}u]);",
                self.join()
            );
        }
        body + "    }\n" + finish
    }
}

/// Whether a parameter's name stands in a text.
fn mentions(text: &str, name: &str) -> bool {
    text.contains(&format!("{name}["))
}

/// A reduction over any axes of any layout.
pub fn run(reduce: &Reduce, call: &mut Call) {
    let (input, target) = (call.inputs[0], call.outputs[0]);
    let layout = input.layout;
    let (kept, reduced) = split(&layout, reduce.axes);
    let term = format!("x[{} + {}]", position(&kept, "k"), position(&reduced, "r"));
    Reduction {
        name: if reduce.kind == ReduceKind::Sum { "sum" } else { "maximum" },
        kind: reduce.kind,
        kept: target.shape.elements(),
        reduced: reduced.shape().elements(),
        reads: &[("x", input.address)],
        terms: &[term],
        writes: &[("y", target.address)],
        finish: "    y[k] = t0;\n",
        results_adjacent: nearest_stride(&kept) < nearest_stride(&reduced),
    }
    .lower(call);
}

/// The layout over the kept axes, and over the reduced ones, each in order and counted from the first element.
fn split(layout: &Layout, axes: AxisSet) -> (Layout, Layout) {
    let others: AxisSet = (0..layout.shape().len()).filter(|&axis| !axes.contains(axis)).collect();
    (layout.drop_axes(axes), layout.drop_axes(others))
}

/// The least distance of neighbours.
fn nearest_stride(layout: &Layout) -> usize {
    let strides = layout.shape().iter().zip(layout.strides()).filter(|&(&dim, _)| dim > 1);
    strides.map(|(_, stride)| stride.unsigned_abs()).min().unwrap_or(usize::MAX)
}

/// Sum of all squares.
pub fn sum_of_squares(call: &mut Call) {
    let Source { address, layout } = call.inputs[0];
    let target = call.outputs[0];
    Reduction {
        name: "sum_of_squares",
        kind: ReduceKind::Sum,
        kept: 1,
        reduced: layout.shape().elements(),
        reads: &[("x", address)],
        terms: &["x[r] * x[r]".into()],
        writes: &[("y", target.address)],
        finish: "    y[k] = t0;\n",
        results_adjacent: false,
    }
    .lower(call);
}

/// The sum of squares off the diagonal of a matrix with dense rows.
pub fn off_diagonal_squares(call: &mut Call) {
    let (input, target) = (call.inputs[0], call.outputs[0]);
    let size = input.shape()[0];
    let at = position(&input.layout, "r");
    Reduction {
        name: "off_diagonal_squares",
        kind: ReduceKind::Sum,
        kept: 1,
        reduced: size * size,
        reads: &[("x", input.address)],
        terms: &[format!("(r / {0}u == r % {0}u ? 0.0f : x[{at}] * x[{at}])", size.max(1))],
        writes: &[("y", target.address)],
        finish: "    y[k] = t0;\n",
        results_adjacent: false,
    }
    .lower(call);
}

/// Its gradient.
pub fn off_diagonal_gradient(call: &mut Call) {
    let (input, arriving, target) = (call.inputs[0], call.inputs[1], call.outputs[0]);
    let size: Shape = input.shape();
    let body = format!(
        "    y[i] = i / {0}u == i % {0}u ? 0.0f : 2.0f * g[0] * x[{1}];\n",
        size[0],
        position(&input.layout, "i")
    );
    call.kernel("off_diagonal_gradient")
        .reads("x", input.address)
        .reads("g", arriving.address)
        .writes("y", target.address)
        .each(target.shape.elements(), &body);
}
