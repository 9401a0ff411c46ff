//! Reading and adding by index: gathers, scatters and sparse maps. What is added is gathered by the element that
//! receives it, in the order of the source, so that every run has the same bits.

use super::call::Call;
use super::reduce::Reduction;
use crate::ops::sparse_map::indexing;
use crate::ops::{IndexSelect, Indexing, ReduceKind, ScatterAdd};
use crate::ops::{SparseMap, SparseMapTranspose, SparseMapWeights};

/// Number `i` of an element `[samples · outer, axis, inner]` as its parts.
fn parts(length: usize, inner: usize) -> String {
    format!(
        "    const unsigned inner = i % {inner}u, at = i / {inner}u % {length}u, outer = i / {}u;\n",
        length * inner
    )
}

/// The start of a sample's taps: `taps` runs over `[samples, rows, taps]`.
fn sample(indexing: &Indexing) -> String {
    match indexing.samples {
        1 => "0u".into(),
        _ => format!("outer / {}u * {}u", indexing.outer, indexing.rows * indexing.taps),
    }
}

/// Elements read by index.
pub fn select(select: &IndexSelect, call: &mut Call) {
    let ([x, indices], y) = ([call.inputs[0], call.inputs[1]], call.outputs[0]);
    let Indexing { rows, columns, inner, .. } = select.indexing(&x.shape(), &indices.shape());
    let body = parts(rows, inner)
        + &format!(
            "    const int column = place(indices[at], {columns});\n    \
             y[i] = column < 0 ? NOT_A_NUMBER : x[(outer * {columns}u + column) * {inner}u + inner];\n"
        );
    call.kernel("index_select")
        .reads("x", x.address)
        .reads("indices", indices.address)
        .writes("y", y.address)
        .each(y.shape.elements(), &body);
}

/// Elements added by index.
pub fn scatter_add(scatter: &ScatterAdd, call: &mut Call) {
    let ([x, indices], y) = ([call.inputs[0], call.inputs[1]], call.outputs[0]);
    let Indexing { rows, columns, inner, .. } = scatter.indexing(&y.shape, &indices.shape());
    let body = parts(columns, inner)
        + &format!(
            "    float sum = 0.0f;\n    for (unsigned row = 0; row < {rows}u; ++row)\n        \
             if (indices[row] == (float)at) sum += x[(outer * {rows}u + row) * {inner}u + inner];\n    \
             y[i] = sum;\n"
        );
    call.kernel("scatter_add")
        .reads("x", x.address)
        .reads("indices", indices.address)
        .writes("y", y.address)
        .each(y.shape.elements(), &body);
}

/// A sparse map along an axis.
pub fn map(map: &SparseMap, call: &mut Call) {
    let ([x, indices, weights], y) = ([0, 1, 2].map(|input| call.inputs[input]), call.outputs[0]);
    let sizes = indexing(&x.shape(), &y.shape, map.axis, &indices.shape());
    let Indexing { rows, taps, columns, inner, .. } = sizes;
    let body = parts(rows, inner)
        + &format!(
            "    const unsigned first = {} + at * {taps}u;\n    float sum = 0.0f;\n    \
             for (unsigned tap = first; tap < first + {taps}u; ++tap) {{\n        \
             const float weight = weights[tap];\n        if (weight == 0.0f) continue;\n        \
             const int column = place(indices[tap], {columns});\n        \
             sum += weight * (column < 0 ? NOT_A_NUMBER : x[(outer * {columns}u + column) * {inner}u + inner]);\n    \
             }}\n    y[i] = sum;\n",
            sample(&sizes)
        );
    call.kernel("sparse_map")
        .reads("x", x.address)
        .reads("indices", indices.address)
        .reads("weights", weights.address)
        .writes("y", y.address)
        .each(y.shape.elements(), &body);
}

/// The transposed map.
pub fn map_transpose(map: &SparseMapTranspose, call: &mut Call) {
    let ([y, indices, weights], x) = ([0, 1, 2].map(|input| call.inputs[input]), call.outputs[0]);
    let sizes = indexing(&x.shape, &y.shape(), map.axis, &indices.shape());
    let Indexing { rows, taps, columns, inner, .. } = sizes;
    let body = parts(columns, inner)
        + &format!(
            "    const unsigned first = {};\n    float sum = 0.0f;\n    \
             for (unsigned tap = 0; tap < {}u; ++tap) {{\n        \
             if (indices[first + tap] != (float)at || weights[first + tap] == 0.0f) continue;\n        \
             sum += weights[first + tap] * y[(outer * {rows}u + tap / {taps}u) * {inner}u + inner];\n    \
             }}\n    x[i] = sum;\n",
            sample(&sizes),
            rows * taps
        );
    call.kernel("sparse_map_transpose")
        .reads("y", y.address)
        .reads("indices", indices.address)
        .reads("weights", weights.address)
        .writes("x", x.address)
        .each(x.shape.elements(), &body);
}

/// The map's derivative by its weights: a sum a tap.
pub fn map_weights(map: &SparseMapWeights, call: &mut Call) {
    let ([x, indices, y], w) = ([0, 1, 2].map(|input| call.inputs[input]), call.outputs[0]);
    let sizes = indexing(&x.shape(), &y.shape(), map.axis, &indices.shape());
    let Indexing { samples, outer, rows, taps, columns, inner } = sizes;
    let taps_each = (rows * taps).max(1);
    let outer_index = match samples {
        1 => format!("(r / {}u)", inner.max(1)),
        _ => format!("(k / {taps_each}u * {outer}u + r / {}u)", inner.max(1)),
    };
    let row = format!("(k % {taps_each}u / {}u)", taps.max(1));
    let term = format!(
        "y[({outer_index} * {rows}u + {row}) * {inner}u + r % {0}u] * (place(indices[k], {columns}) < 0 ? \
         NOT_A_NUMBER : x[({outer_index} * {columns}u + (unsigned)place(indices[k], {columns})) * {inner}u + r % {0}u])",
        inner.max(1)
    );
    Reduction {
        name: "sparse_map_weights",
        kind: ReduceKind::Sum,
        kept: w.shape.elements(),
        reduced: outer * inner,
        reads: &[("x", x.address), ("indices", indices.address), ("y", y.address)],
        terms: &[term],
        writes: &[("w", w.address)],
        finish: "    w[k] = t0;\n",
        results_adjacent: false,
    }
    .lower(call);
}
