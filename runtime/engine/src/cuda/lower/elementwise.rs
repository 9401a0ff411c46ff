//! Elementwise programs: a thread an element, whatever the layouts of the operands.

use std::fmt::Write as _;

use super::call::{Call, Source, Target};
use super::code::{literal, position};
use crate::ops::{BinaryKind as B, Instruction, Op, Program, UnaryKind as U};

/// Runs an elementwise operator.
pub fn run(op: &Op, call: &mut Call) {
    if let Some(program) = Program::of(op) {
        let (inputs, outputs) = (call.inputs.clone(), call.outputs.clone());
        apply(op.as_operator().name(), &program, &inputs, &outputs, call);
    }
}

/// The same elements, row-major.
pub fn copy(call: &mut Call) {
    let (inputs, outputs) = (call.inputs.clone(), call.outputs.clone());
    apply("copy", &Program::copy(), &inputs, &outputs, call);
}

/// Runs a program for every element. Outputs may lie over inputs whose elements coincide: each thread reads before it
/// writes, and elements are nobody else's.
pub fn apply(name: &str, program: &Program, inputs: &[Source], outputs: &[Target], call: &mut Call) {
    let Some(elements) = outputs.first().map(|output| output.shape.elements()) else { return };
    let positions: Vec<String> = inputs.iter().map(|input| position(&input.layout, "i")).collect();
    let mut body = statements(program, |input| format!("x{input}[{}]", positions[input]));
    for (output, value) in program.outputs.iter().enumerate() {
        let _ = writeln!(body, "    y{output}[i] = v{value};");
    }
    let mut kernel = call.kernel(name);
    for (number, input) in inputs.iter().enumerate() {
        kernel = kernel.shares(&format!("x{number}"), input.address);
    }
    for (number, output) in outputs.iter().enumerate() {
        kernel = kernel.shares(&format!("y{number}"), output.address);
    }
    kernel.each(elements, &body);
}

/// The program's values `v0`, `v1`, …, one statement each.
fn statements(program: &Program, load: impl Fn(usize) -> String) -> String {
    let mut text = String::new();
    for (number, instruction) in program.instructions.iter().enumerate() {
        let value = match *instruction {
            Instruction::Load(input) => load(usize::from(input)),
            Instruction::Constant(value) => literal(value),
            Instruction::Unary(kind, x) => unary(kind, &format!("v{x}")),
            Instruction::Binary(kind, a, b) => binary(kind, &format!("v{a}"), &format!("v{b}")),
            Instruction::Select(mask, a, b) => format!("v{mask} != 0.0f ? v{a} : v{b}"),
        };
        let _ = writeln!(text, "    const float v{number} = {value};");
    }
    text
}

fn unary(kind: U, x: &str) -> String {
    match kind {
        U::Neg => format!("-{x}"),
        U::Abs => format!("fabsf({x})"),
        U::Sign => format!("{x} == 0.0f || {x} != {x} ? {x} : copysignf(1.0f, {x})"),
        U::Square => format!("{x} * {x}"),
        U::Recip => format!("1.0f / {x}"),
        U::Sqrt => format!("sqrtf({x})"),
        U::Rsqrt => format!("rsqrtf({x})"),
        U::Exp => format!("expf({x})"),
        U::Exp2 => format!("exp2f({x})"),
        U::Ln => format!("logf({x})"),
        U::Log2 => format!("log2f({x})"),
        U::Sin => format!("sinf({x})"),
        U::Cos => format!("cosf({x})"),
        U::Tanh => format!("tanhf({x})"),
        U::Sigmoid => format!("1.0f / (1.0f + expf(-{x}))"),
        U::Erf => format!("erff({x})"),
        U::Gelu => format!("0.5f * {x} * (1.0f + erff({x} * 0.70710678f))"),
        U::GeluDerivative => {
            format!("0.5f * (1.0f + erff({x} * 0.70710678f)) + {x} * expf(-0.5f * {x} * {x}) * 0.39894228f")
        }
        U::Relu => format!("{x} < 0.0f ? 0.0f : {x}"),
        U::Silu => format!("{x} / (1.0f + expf(-{x}))"),
        U::Softplus => format!("fmaxf({x}, 0.0f) + log1pf(expf(-fabsf({x})))"),
        U::Floor => format!("floorf({x})"),
        U::StopGradient => x.into(),
    }
}

fn binary(kind: B, a: &str, b: &str) -> String {
    match kind {
        B::Add => format!("{a} + {b}"),
        B::Sub => format!("{a} - {b}"),
        B::Mul => format!("{a} * {b}"),
        B::Div => format!("{a} / {b}"),
        B::Max => format!("larger({a}, {b})"),
        B::Min => format!("smaller({a}, {b})"),
        B::Pow => format!("power({a}, {b})"),
        B::Mod => format!("fmodf({a}, {b})"),
        B::Less => format!("{a} < {b} ? 1.0f : 0.0f"),
        B::LessEqual => format!("{a} <= {b} ? 1.0f : 0.0f"),
        B::Equal => format!("{a} == {b} ? 1.0f : 0.0f"),
    }
}
