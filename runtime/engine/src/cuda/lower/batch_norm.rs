//! Batch norm over axis 1: statistics of each channel, then every element.

use super::call::{Call, Source};
use super::code::literal;
use super::reduce::Reduction;
use crate::cuda::task::Address;
use crate::ops::{BatchNorm, BatchNormGradient, ReduceKind};

/// `[N, C, …]` as samples, channels and places.
struct Channels {
    channels: usize,
    places: usize,
    count: usize,
    elements: usize,
}

impl Channels {
    fn new(x: &Source) -> Channels {
        let shape = x.shape();
        let (channels, elements) = (shape[1], shape.elements());
        let places = shape[2..].iter().product::<usize>();
        Channels { channels, places, count: elements / channels.max(1), elements }
    }

    /// Where term `r` of channel `k` is.
    fn at(&self) -> String {
        let (channels, places) = (self.channels, self.places.max(1));
        match places {
            1 => format!("r * {channels}u + k"),
            _ => format!("(r / {places}u * {channels}u + k) * {places}u + r % {places}u"),
        }
    }

    /// The channel of element `i`.
    fn channel(&self) -> String {
        format!("const unsigned k = i / {}u % {}u;", self.places.max(1), self.channels.max(1))
    }

    fn sums(
        &self,
        name: &str,
        reads: &[(&str, Address)],
        terms: &[String],
        writes: &[(&str, Address)],
        finish: &str,
        call: &mut Call,
    ) {
        Reduction {
            name,
            kind: ReduceKind::Sum,
            kept: self.channels,
            reduced: self.count,
            reads,
            terms,
            writes,
            finish,
            results_adjacent: self.places == 1,
        }
        .lower(call);
    }
}

/// Normalises a batch by its own statistics.
pub fn run(norm: &BatchNorm, call: &mut Call) {
    let x = call.inputs[0];
    let channels = Channels::new(&x);
    let [y, mean, variance] = [0, 1, 2].map(|output| call.outputs[output].address);
    let (at, count) = (channels.at(), channels.count);
    let over = |what: &str| format!("    {what}[k] = t0 / {count}.0f;\n");
    let term = [format!("x[{at}]")];
    channels.sums("batch_mean", &[("x", x.address)], &term, &[("mean", mean)], &over("mean"), call);
    let term = [format!("(x[{at}] - mean[k]) * (x[{at}] - mean[k])")];
    let reads = [("x", x.address), ("mean", mean)];
    channels.sums("batch_variance", &reads, &term, &[("variance", variance)], &over("variance"), call);
    let affine = if norm.affine { " * weight[k] + bias[k]" } else { "" };
    let body = format!(
        "    {}\n    y[i] = (x[i] - mean[k]) / sqrtf(variance[k] + {}){affine};\n",
        channels.channel(),
        literal(norm.epsilon)
    );
    let parameters: Vec<Address> = call.inputs[1..].iter().map(|input| input.address).collect();
    let mut kernel =
        call.kernel("batch_norm").reads("x", x.address).reads("mean", mean).reads("variance", variance);
    for (name, address) in ["weight", "bias"].into_iter().zip(parameters) {
        kernel = kernel.reads(name, address);
    }
    kernel.writes("y", y).each(channels.elements, &body);
}

/// Its gradient.
pub fn gradient(norm: &BatchNormGradient, call: &mut Call) {
    let [x, g, mean, variance] = [0, 1, 2, 3].map(|input| call.inputs[input]);
    let channels = Channels::new(&x);
    let (at, epsilon) = (channels.at(), literal(norm.epsilon));
    let [products, sums] = match norm.affine {
        true => [1, 2].map(|output| call.outputs[output].address),
        false => [0, 1].map(|_| call.scratch(channels.channels)),
    };
    let reads = [("x", x.address), ("g", g.address), ("mean", mean.address), ("variance", variance.address)];
    let normal = |at: &str| format!("((x[{at}] - mean[k]) / sqrtf(variance[k] + {epsilon}))");
    let terms = [format!("g[{at}] * {}", normal(&at)), format!("g[{at}]")];
    channels.sums(
        "batch_norm_sums",
        &reads,
        &terms,
        &[("products", products), ("sums", sums)],
        "    products[k] = t0;\n    sums[k] = t1;\n",
        call,
    );
    let weight = if norm.affine { "weight[k] / " } else { "1.0f / " };
    let body = format!(
        "    {}\n    const float along = (sums[k] + {} * products[k]) / {}.0f;\n    \
         d[i] = {weight}sqrtf(variance[k] + {epsilon}) * (g[i] - along);\n",
        channels.channel(),
        normal("i"),
        channels.count
    );
    let (target, weight) = (call.outputs[0].address, call.inputs.get(4).map(|input| input.address));
    let mut kernel = call.kernel("batch_norm_gradient");
    for (name, address) in reads {
        kernel = kernel.reads(name, address);
    }
    kernel = kernel.reads("products", products).reads("sums", sums);
    if let Some(weight) = weight {
        kernel = kernel.reads("weight", weight);
    }
    kernel.writes("d", target).each(channels.elements, &body);
}
