//! Operators along the last axis: a warp a row, or a block a row where rows are long.

use std::fmt::Write as _;

use super::call::{Call, Source};
use super::code::{literal, row_position, rows};
use super::reduce::Reduction;
use crate::cuda::task::Address;
use crate::ops::{L2Normalize, L2NormalizeGradient, LayerNorm, LayerNormGradient, ReduceKind};
use crate::ops::{Softmax, SoftmaxGradient, SoftmaxKind};
use crate::shape::Shape;

/// Rows longer than this have a block of their own.
const LONG: usize = 1024;

/// Threads of a block of rows that are not long, a warp each.
const WARPS: usize = 4;

/// A kernel over rows. In its body `row` is the row's number, `lane` the thread's number among the row's, `each(j)` a
/// loop over the row's elements, and `sum(x)` and `maximum(x)` join a value of all its threads.
struct Rows {
    count: usize,
    width: usize,
    body: String,
}

impl Rows {
    fn new(shape: &Shape) -> Rows {
        let (count, width) = rows(shape);
        Rows { count, width, body: String::new() }
    }

    fn lanes(&self) -> usize {
        if self.width > LONG { 256 } else { 32 }
    }

    /// Where a row of an operand with dense rows starts, as a pointer.
    fn row(mut self, name: &str, base: &str, source: &Source, constant: &str) -> Self {
        let _ = writeln!(
            self.body,
            "    {constant}auto* {name} = {base} + ({});",
            row_position(&source.layout, "row")
        );
        self
    }

    fn reads(self, name: &str, base: &str, source: &Source) -> Self {
        self.row(name, base, source, "const ")
    }

    fn writes(mut self, name: &str, base: &str) -> Self {
        let _ = writeln!(self.body, "    auto* {name} = {base} + (size_t)row * {}u;", self.width);
        self
    }

    /// A statement.
    fn then(mut self, statement: &str) -> Self {
        let _ = writeln!(self.body, "    {statement}");
        self
    }

    /// A statement for each element `j` of the row.
    fn each(mut self, statement: &str) -> Self {
        let (width, lanes) = (self.width, self.lanes());
        let _ = writeln!(self.body, "    for (unsigned j = lane; j < {width}u; j += {lanes}u) {statement}");
        self
    }

    /// `name` becomes the sum of an expression over the row.
    fn sum(self, name: &str, of: &str) -> Self {
        let lanes = self.lanes();
        self.then(&format!("float {name} = 0.0f;"))
            .each(&format!("{name} += {of};"))
            .then(&format!("{name} = over<Sum, {lanes}>({name});"))
    }

    /// `total` becomes ln Σ eˣ of a row: −∞ where all is −∞, ∞ where an element is.
    fn log_sum_exp(self, of: &str) -> Self {
        let lanes = self.lanes();
        self.then("float highest = -INFINITE;")
            .each(&format!("highest = fmaxf(highest, {of});"))
            .then(&format!("highest = over<Maximum, {lanes}>(highest);"))
            .then("const float shift = finite(highest) ? highest : 0.0f;")
            .sum("total", &format!("expf({of} - shift)"))
            .then("total = shift + logf(total);")
    }

    /// Adds the kernel.
    fn launch(self, name: &str, reads: &[(&str, Address)], writes: &[(&str, Address)], call: &mut Call) {
        let (count, lanes) = (self.count, self.lanes());
        let head = match lanes {
            32 => format!(
                "    const unsigned row = blockIdx.x * {WARPS}u + threadIdx.x / 32u, lane = threadIdx.x % 32u;\n    \
                 if (row >= {count}u) return;\n"
            ),
            _ => "    const unsigned row = blockIdx.x, lane = threadIdx.x;\n".into(),
        };
        let (threads, blocks) =
            if lanes == 32 { (32 * WARPS, count.div_ceil(WARPS)) } else { (lanes, count) };
        let mut kernel = call.kernel(name).threads(threads as u32);
        for (name, address) in reads {
            kernel = kernel.reads(name, *address);
        }
        for (name, address) in writes {
            kernel = kernel.writes(name, *address);
        }
        kernel.launch(blocks, &(head + &self.body));
    }
}

/// Softmax or its logarithm.
pub fn softmax(softmax: &Softmax, call: &mut Call) {
    let (x, y) = (call.inputs[0], call.outputs[0]);
    let write = match softmax.0 {
        SoftmaxKind::Probability => "to[j] = expf(from[j] - total);",
        SoftmaxKind::LogProbability => "to[j] = from[j] - total;",
    };
    Rows::new(&y.shape).reads("from", "x", &x).writes("to", "y").log_sum_exp("from[j]").each(write).launch(
        "softmax",
        &[("x", x.address)],
        &[("y", y.address)],
        call,
    );
}

/// Its gradient.
pub fn softmax_gradient(gradient: &SoftmaxGradient, call: &mut Call) {
    let ([y, g], target) = ([call.inputs[0], call.inputs[1]], call.outputs[0]);
    let (sum, write) = match gradient.0 {
        SoftmaxKind::Probability => ("value[j] * arriving[j]", "to[j] = value[j] * (arriving[j] - along);"),
        SoftmaxKind::LogProbability => ("arriving[j]", "to[j] = arriving[j] - expf(value[j]) * along;"),
    };
    Rows::new(&target.shape)
        .reads("value", "y", &y)
        .reads("arriving", "g", &g)
        .writes("to", "d")
        .sum("along", sum)
        .each(write)
        .launch("softmax_gradient", &[("y", y.address), ("g", g.address)], &[("d", target.address)], call);
}

/// ln Σ eˣ.
pub fn log_sum_exp(call: &mut Call) {
    let (x, y) = (call.inputs[0], call.outputs[0]);
    Rows::new(&x.shape())
        .reads("from", "x", &x)
        .log_sum_exp("from[j]")
        .then("if (lane == 0) y[row] = total;")
        .launch("log_sum_exp", &[("x", x.address)], &[("y", y.address)], call);
}

/// Layer norm, with each row's mean and inverse standard deviation.
pub fn layer_norm(norm: &LayerNorm, call: &mut Call) {
    let x = call.inputs[0];
    let [y, mean, inverse_std] = [0, 1, 2].map(|output| call.outputs[output].address);
    let mut reads = vec![("x", x.address)];
    let normal = "(from[j] - middle) * scale";
    let write = match norm.affine {
        true => {
            reads.extend([("weight", call.inputs[1].address), ("bias", call.inputs[2].address)]);
            format!("to[j] = {normal} * weight[j] + bias[j];")
        }
        false => format!("to[j] = {normal};"),
    };
    let body = Rows::new(&x.shape());
    let width = body.width;
    body.reads("from", "x", &x)
        .writes("to", "y")
        .sum("middle", "from[j]")
        .then(&format!("middle /= {width}.0f;"))
        .sum("spread", "(from[j] - middle) * (from[j] - middle)")
        .then(&format!("const float scale = 1.0f / sqrtf(spread / {width}.0f + {});", literal(norm.epsilon)))
        .each(&write)
        .then("if (lane == 0) { mean[row] = middle; inverse_std[row] = scale; }")
        .launch("layer_norm", &reads, &[("y", y), ("mean", mean), ("inverse_std", inverse_std)], call);
}

/// Its gradient: that of x a row at a time, those of weight and bias over all rows.
pub fn layer_norm_gradient(gradient: &LayerNormGradient, call: &mut Call) {
    let [x, g] = [call.inputs[0], call.inputs[1]];
    let [mean, inverse_std] = [2, 3].map(|input| call.inputs[input].address);
    let target = call.outputs[0].address;
    let mut reads = vec![("x", x.address), ("g", g.address), ("mean", mean), ("inverse_std", inverse_std)];
    let weighted = match gradient.affine {
        true => {
            reads.push(("weight", call.inputs[4].address));
            "(arriving[j] * weight[j])"
        }
        false => "arriving[j]",
    };
    let normal = "((from[j] - mean[row]) * inverse_std[row])";
    let body = Rows::new(&x.shape());
    let (count, width) = (body.count, body.width);
    body.reads("from", "x", &x)
        .reads("arriving", "g", &g)
        .writes("to", "d")
        .sum("along", weighted)
        .sum("product", &format!("{normal} * {weighted}"))
        .then(&format!("along /= {width}.0f; product /= {width}.0f;"))
        .each(&format!("to[j] = inverse_std[row] * ({weighted} - along - {normal} * product);"))
        .launch("layer_norm_gradient", &reads, &[("d", target)], call);
    if gradient.affine {
        let [of_weight, of_bias] = [1, 2].map(|output| call.outputs[output].address);
        let at = |source: &Source| format!("{} + (int)k", row_position(&source.layout, "r"));
        let arriving = format!("g[{}]", at(&g));
        Reduction {
            name: "layer_norm_parameters",
            kind: ReduceKind::Sum,
            kept: width,
            reduced: count,
            reads: &reads[..4],
            terms: &[format!("{arriving} * (x[{}] - mean[r]) * inverse_std[r]", at(&x)), arriving.clone()],
            writes: &[("of_weight", of_weight), ("of_bias", of_bias)],
            finish: "    of_weight[k] = t0;\n    of_bias[k] = t1;\n",
            results_adjacent: true,
        }
        .lower(call);
    }
}

/// Rows scaled to unit length, and their norms.
pub fn l2_normalize(normalize: &L2Normalize, call: &mut Call) {
    let (x, [y, norm]) = (call.inputs[0], [0, 1].map(|output| call.outputs[output].address));
    let epsilon = literal(normalize.epsilon);
    Rows::new(&x.shape())
        .reads("from", "x", &x)
        .writes("to", "y")
        .sum("length", "from[j] * from[j]")
        .then("length = sqrtf(length);")
        .then(&format!("const float divisor = length < {epsilon} ? {epsilon} : length;"))
        .each("to[j] = from[j] / divisor;")
        .then("if (lane == 0) norm[row] = length;")
        .launch("l2_normalize", &[("x", x.address)], &[("y", y), ("norm", norm)], call);
}

/// Its gradient.
pub fn l2_normalize_gradient(gradient: &L2NormalizeGradient, call: &mut Call) {
    let [y, g, norm] = [0, 1, 2].map(|input| call.inputs[input]);
    let (target, epsilon) = (call.outputs[0], literal(gradient.epsilon));
    Rows::new(&target.shape)
        .reads("unit", "y", &y)
        .reads("arriving", "g", &g)
        .writes("to", "d")
        .sum("along", "unit[j] * arriving[j]")
        .then(&format!("const bool is_short = norm[row] < {epsilon};"))
        .then(&format!("const float divisor = is_short ? {epsilon} : norm[row];"))
        .then("if (is_short) along = 0.0f;")
        .each("to[j] = (arriving[j] - unit[j] * along) / divisor;")
        .launch(
            "l2_normalize_gradient",
            &[("y", y.address), ("g", g.address), ("norm", norm.address)],
            &[("d", target.address)],
            call,
        );
}

/// Cross entropy with class indices.
pub fn cross_entropy(call: &mut Call) {
    let [x, target] = [call.inputs[0], call.inputs[1]];
    let [loss, total] = [0, 1].map(|output| call.outputs[output].address);
    let body = Rows::new(&x.shape());
    let width = body.width;
    body.reads("from", "x", &x)
        .log_sum_exp("from[j]")
        .then("if (lane != 0) return;")
        .then(&format!("const int class_ = place(target[row], {width});"))
        .then("loss[row] = class_ < 0 ? NOT_A_NUMBER : total - from[class_];")
        .then("totals[row] = total;")
        .launch(
            "cross_entropy",
            &[("x", x.address), ("target", target.address)],
            &[("loss", loss), ("totals", total)],
            call,
        );
}

/// Its gradient.
pub fn cross_entropy_gradient(call: &mut Call) {
    let [x, target, total, g] = [0, 1, 2, 3].map(|input| call.inputs[input]);
    let to = call.outputs[0].address;
    let body = Rows::new(&x.shape());
    let width = body.width;
    body.reads("from", "x", &x)
        .writes("to", "d")
        .then(&format!("const int class_ = place(target[row], {width});"))
        .each(
            "to[j] = class_ < 0 ? NOT_A_NUMBER\n            \
             : g[row] * expf(from[j] - total[row]) - (j == class_ ? g[row] : 0.0f);",
        )
        .launch(
            "cross_entropy_gradient",
            &[("x", x.address), ("target", target.address), ("total", total.address), ("g", g.address)],
            &[("d", to)],
            call,
        );
}

/// Cross entropy with target distributions. Where a target is 0, so is its term.
pub fn soft_cross_entropy(call: &mut Call) {
    let [x, p] = [call.inputs[0], call.inputs[1]];
    let [loss, total] = [0, 1].map(|output| call.outputs[output].address);
    Rows::new(&x.shape())
        .reads("from", "x", &x)
        .reads("target", "p", &p)
        .log_sum_exp("from[j]")
        .sum("entropy", "target[j] == 0.0f ? 0.0f : target[j] * (total - from[j])")
        .then("if (lane == 0) { loss[row] = entropy; totals[row] = total; }")
        .launch(
            "soft_cross_entropy",
            &[("x", x.address), ("p", p.address)],
            &[("loss", loss), ("totals", total)],
            call,
        );
}

/// Its gradient.
pub fn soft_cross_entropy_gradient(call: &mut Call) {
    let [x, p, total, g] = [0, 1, 2, 3].map(|input| call.inputs[input]);
    let to = call.outputs[0].address;
    Rows::new(&x.shape())
        .reads("from", "x", &x)
        .reads("target", "p", &p)
        .writes("to", "d")
        .sum("mass", "target[j]")
        .each("to[j] = g[row] * (mass * expf(from[j] - total[row]) - target[j]);")
        .launch(
            "soft_cross_entropy_gradient",
            &[("x", x.address), ("p", p.address), ("total", total.address), ("g", g.address)],
            &[("d", to)],
            call,
        );
}
