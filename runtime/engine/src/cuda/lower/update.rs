//! Updates of parameters, moments and teachers where they lie.

use super::call::{Call, KernelBuilder};
use super::reduce::Reduction;
use crate::cuda::task::Address;
use crate::ops::{ReduceKind, Sgd};

/// A kernel that changes the outputs, named, element by element.
fn update(name: &str, changed: &[&str], given: &[(&str, Address)], body: &str, call: &mut Call) {
    let (targets, elements) = (call.outputs.clone(), call.outputs[0].shape.elements());
    let mut kernel: KernelBuilder<'_> = call.kernel(name);
    for (name, target) in changed.iter().zip(targets) {
        kernel = kernel.shares(name, target.address);
    }
    for (name, address) in given {
        kernel = kernel.reads(name, *address);
    }
    kernel.each(elements, body);
}

/// Gradient, its scale and the coefficients, which follow the parameter and its moments.
fn given(call: &Call) -> [(&'static str, Address); 3] {
    let first = call.outputs.len();
    let at = |input: usize| call.inputs[first + input].address;
    [("gradient", at(0)), ("scale", at(1)), ("c", at(2))]
}

/// A step of AdamW.
pub fn adamw(call: &mut Call) {
    let body = "    const float g = scale[0] * gradient[i];
    const float m = first[i] + c[2] * (g - first[i]), v = second[i] + c[3] * (g * g - second[i]);
    first[i] = m;
    second[i] = v;
    // One subtraction, so that a small decay is not rounded away against 1.
    parameter[i] -= c[1] * parameter[i] + c[0] * m / (sqrtf(v) * c[4] + c[5]);
";
    update("adamw", &["parameter", "first", "second"], &given(call), body, call);
}

/// A step of SGD with momentum.
pub fn sgd(sgd: &Sgd, call: &mut Call) {
    let ahead = if sgd.nesterov { "direction + c[2] * moved" } else { "moved" };
    let body = format!(
        "    const float direction = scale[0] * gradient[i] + c[1] * parameter[i];
    const float moved = c[2] * buffer[i] + c[3] * direction;
    buffer[i] = moved;
    parameter[i] -= c[0] * ({ahead});
"
    );
    update("sgd", &["parameter", "buffer"], &given(call), &body, call);
}

/// A step of LARS: two norms, then the elements.
pub fn lars(call: &mut Call) {
    let (elements, given) = (call.outputs[0].shape.elements(), given(call));
    let parameter = ("parameter", call.outputs[0].address);
    let norms = ("norms", call.scratch(2));
    let direction = "(scale[0] * gradient[r] + c[1] * parameter[r])";
    Reduction {
        name: "lars_norms",
        kind: ReduceKind::Sum,
        kept: 1,
        reduced: elements,
        reads: &[parameter, given[0], given[1], given[2]],
        terms: &["parameter[r] * parameter[r]".into(), format!("{direction} * {direction}")],
        writes: &[norms],
        finish: "    norms[0] = t0;\n    norms[1] = t1;\n",
        results_adjacent: false,
    }
    .lower(call);
    let body = "    const bool both = norms[0] > 0.0f && norms[1] > 0.0f;
    const float ratio = both ? c[3] * sqrtf(norms[0] / norms[1]) : 1.0f;
    const float direction = scale[0] * gradient[i] + c[1] * parameter[i];
    const float moved = c[2] * buffer[i] + c[4] * ratio * direction;
    buffer[i] = moved;
    parameter[i] -= c[0] * moved;
";
    let given: Vec<(&str, Address)> = given.into_iter().chain([norms]).collect();
    update("lars", &["parameter", "buffer"], &given, body, call);
}

/// A step of an exponential moving average.
pub fn ema(call: &mut Call) {
    let given = [("student", call.inputs[1].address), ("momentum", call.inputs[2].address)];
    let body = "    teacher[i] = momentum[0] * teacher[i] + (1.0f - momentum[0]) * student[i];\n";
    update("ema", &["teacher"], &given, body, call);
}
