//! What a sliding window sees, and its adjoint.

use super::call::Call;
use super::code::literal;
use crate::ops::{Fold, Plane, Unfold, Window};

/// What the window sees, with a fill on padding.
pub fn unfold(unfold: &Unfold, call: &mut Call) {
    let (x, y) = (call.inputs[0], call.outputs[0]);
    let Ok(plane) = unfold.plane(&x.shape()) else { return };
    let ([_, kernel_width], [down, across]) = (plane.window.kernel, plane.positions);
    let Window { stride, padding, .. } = plane.window;
    let [height, width] = plane.size;
    let body = format!(
        "    const unsigned position = i % {places}u, tap = i / {places}u % {taps}u, plane = i / {view}u;\n    \
         const unsigned v = position / {across}u * {stride}u + tap / {kernel_width}u - {padding}u;\n    \
         const unsigned u = position % {across}u * {stride}u + tap % {kernel_width}u - {padding}u;\n    \
         y[i] = v < {height}u && u < {width}u ? x[(plane * {height}u + v) * {width}u + u] : {fill};\n",
        places = down * across,
        taps = plane.taps(),
        view = plane.taps() * down * across,
        fill = literal(unfold.fill),
    );
    call.kernel("unfold").reads("x", x.address).writes("y", y.address).each(y.shape.elements(), &body);
}

/// The sum of all that saw a pixel.
pub fn fold(fold: &Fold, call: &mut Call) {
    let (x, y) = (call.inputs[0], call.outputs[0]);
    let Ok(plane) = fold.window.over(fold.size) else { return };
    let ([kernel_height, kernel_width], [height, width]) = (plane.window.kernel, plane.size);
    let body = format!(
        "    const unsigned row = i / {width}u % {height}u, column = i % {width}u, plane = i / {pixels}u;\n    \
         float sum = 0.0f;\n    \
         for (unsigned tap_row = 0; tap_row < {kernel_height}u; ++tap_row)\n    \
         for (unsigned tap_column = 0; tap_column < {kernel_width}u; ++tap_column) {{\n        \
         {seen}\n        \
         if (is_seen) sum += x[((plane * {taps}u + tap_row * {kernel_width}u + tap_column) * {down}u + down) * \
         {across}u + across];\n    }}\n    y[i] = sum;\n",
        pixels = plane.pixels(),
        seen = position_that_sees(&plane),
        taps = plane.taps(),
        down = plane.positions[0],
        across = plane.positions[1],
    );
    call.kernel("fold").reads("x", x.address).writes("y", y.address).each(y.shape.elements(), &body);
}

/// Statements that find the position (`down`, `across`) from which a tap (`tap_row`, `tap_column`) sees a pixel (`row`,
/// `column`), and whether there is one (`is_seen`).
pub fn position_that_sees(plane: &Plane) -> String {
    let Window { stride, padding, .. } = plane.window;
    let [positions_down, positions_across] = plane.positions;
    format!(
        "const unsigned down_steps = row + {padding}u - tap_row, across_steps = column + {padding}u - tap_column;\n        \
         const unsigned down = down_steps / {stride}u, across = across_steps / {stride}u;\n        \
         const bool is_seen = down_steps % {stride}u == 0 && across_steps % {stride}u == 0\n            \
         && down < {positions_down}u && across < {positions_across}u && row + {padding}u >= tap_row && column + {padding}u >= tap_column;"
    )
}
