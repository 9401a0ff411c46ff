//! Concatenation and padding.

use super::call::Call;
use super::code::position;
use crate::layout::Layout;
use crate::ops::{Concat, Pad};
use crate::shape::Shape;

/// One kernel an input, which writes its part.
pub fn concat(concat: &Concat, call: &mut Call) {
    let target = call.outputs[0];
    let mut start = 0;
    for input in call.inputs.clone() {
        let shape = input.shape();
        let part = Layout::contiguous(target.shape).slice(concat.axis, start, shape[concat.axis]);
        let body = format!("    y[{}] = x[{}];\n", position(&part, "i"), position(&input.layout, "i"));
        call.kernel("concat")
            .reads("x", input.address)
            .writes("y", target.address.plus(part.offset() as usize))
            .each(shape.elements(), &body);
        start += shape[concat.axis];
    }
}

/// Zeros around the input.
pub fn pad(pad: &Pad, call: &mut Call) {
    let (input, target) = (call.inputs[0], call.outputs[0]);
    let shape = input.shape();
    let inner: usize = shape[pad.axis + 1..].iter().product();
    let (length, padded) = (shape[pad.axis], target.shape[pad.axis]);
    let before = pad.before;
    let folded = Shape::from([shape[..pad.axis].iter().product(), length, inner]);
    let number = format!("((i / {}u * {length}u + at) * {inner}u + i % {inner}u)", padded * inner);
    let at = match length * folded[0] * inner {
        0 => "0.0f".to_string(),
        _ => format!("at < {length}u ? x[{}] : 0.0f", position(&input.layout, &number)),
    };
    let body = format!("    const unsigned at = i / {inner}u % {padded}u - {before}u;\n    y[i] = {at};\n");
    call.kernel("pad")
        .reads("x", input.address)
        .writes("y", target.address)
        .each(target.shape.elements(), &body);
}
