//! Convolutions as products whose operands are found in the image as they are needed.

use super::call::Call;
use super::tiled::TiledProduct;
use super::window::position_that_sees;
use crate::ops::{Conv2d, Conv2dTranspose, Conv2dWeight, ConvSizes};
use crate::shape::Shape;

fn shapes(call: &Call) -> [Shape; 2] {
    [call.inputs[0].shape(), call.inputs[1].shape()]
}

/// An element of the image x: that which tap `tap` of channel `c` sees from `position`, in sample and group of `bg`.
fn seen(sizes: &ConvSizes) -> String {
    let plane = &sizes.plane;
    let (window, [height, width]) = (plane.window, plane.size);
    format!(
        "const unsigned v = position / {across}u * {stride}u + tap / {kernel_width}u - {padding}u;
        const unsigned u = position % {across}u * {stride}u + tap % {kernel_width}u - {padding}u;
        return v < {height}u && u < {width}u ? x[((bg * {inputs}u + c) * {height}u + v) * {width}u + u] : 0.0f;",
        across = plane.positions[1],
        stride = window.stride,
        kernel_width = window.kernel[1],
        padding = window.padding,
        inputs = sizes.inputs,
    )
}

/// y from x and w.
pub fn conv2d(conv: &Conv2d, call: &mut Call) {
    let Ok(sizes) = conv.sizes(&shapes(call)) else { return };
    let (depth, places, taps) = (sizes.depth(), sizes.plane.places(), sizes.plane.taps());
    let (outputs, groups) = (sizes.outputs, sizes.groups);
    TiledProduct {
        name: "conv2d",
        products: sizes.batch * groups,
        rows: outputs,
        columns: places,
        depth,
        reads: &[("x", call.inputs[0].address), ("w", call.inputs[1].address)],
        left: &format!("return w[(z % {groups}u * {outputs}u + m) * {depth}u + k];"),
        right: &format!(
            "const unsigned c = k / {taps}u, tap = k % {taps}u, position = n, bg = z;\n        {}",
            seen(&sizes)
        ),
        left_dense_in_depth: true,
        result: call.outputs[0].address,
        place: &format!("(z * {outputs}u + m) * {places}u + n"),
    }
    .lower(call);
}

/// x from y and w.
pub fn conv2d_transpose(conv: &Conv2dTranspose, call: &mut Call) {
    let Ok(sizes) = conv.sizes(&shapes(call)) else { return };
    let (plane, outputs, inputs, groups) = (&sizes.plane, sizes.outputs, sizes.inputs, sizes.groups);
    let (taps, pixels, kernel_width) = (plane.taps(), plane.pixels(), plane.window.kernel[1]);
    TiledProduct {
        name: "conv2d_transpose",
        products: sizes.batch * groups,
        rows: inputs,
        columns: pixels,
        depth: outputs * taps,
        reads: &[("y", call.inputs[0].address), ("w", call.inputs[1].address)],
        left: &format!(
            "return w[((z % {groups}u * {outputs}u + k / {taps}u) * {inputs}u + m) * {taps}u + k % {taps}u];"
        ),
        right: &format!(
            "const unsigned tap_row = k % {taps}u / {kernel_width}u, tap_column = k % {taps}u % {kernel_width}u;
        const unsigned row = n / {width}u, column = n % {width}u;
        {}
        return is_seen ? y[((z * {outputs}u + k / {taps}u) * {down}u + down) * {across}u + across] : 0.0f;",
            position_that_sees(plane),
            width = plane.size[1],
            down = plane.positions[0],
            across = plane.positions[1],
        ),
        left_dense_in_depth: false,
        result: call.outputs[0].address,
        place: &format!("(z * {inputs}u + m) * {pixels}u + n"),
    }
    .lower(call);
}

/// w from x and y.
pub fn conv2d_weight(conv: &Conv2dWeight, call: &mut Call) {
    let Ok(sizes) = conv.sizes(&shapes(call)) else { return };
    let (depth, places, taps) = (sizes.depth(), sizes.plane.places(), sizes.plane.taps());
    let (outputs, groups) = (sizes.outputs, sizes.groups);
    TiledProduct {
        name: "conv2d_weight",
        products: groups,
        rows: outputs,
        columns: depth,
        depth: sizes.batch * places,
        reads: &[("x", call.inputs[0].address), ("y", call.inputs[1].address)],
        left: &format!(
            "return y[((k / {places}u * {groups}u + z) * {outputs}u + m) * {places}u + k % {places}u];"
        ),
        right: &format!(
            "const unsigned c = n / {taps}u, tap = n % {taps}u, position = k % {places}u;
        const unsigned bg = k / {places}u * {groups}u + z;
        {}",
            seen(&sizes)
        ),
        left_dense_in_depth: true,
        result: call.outputs[0].address,
        place: &format!("(z * {outputs}u + m) * {depth}u + n"),
    }
    .lower(call);
}
