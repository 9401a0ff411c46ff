//! Which tensors lie in 16 bits where products are made of them, and where all of them lie then.
//!
//! A product of bfloat16 rounds its factors in any case. So what some product or attention takes is kept rounded: it is
//! written and read in half the bytes and takes half the memory until the backward pass, and so is an activation's
//! derivative that is saved beside it. Four kinds keep `f32`:
//!
//! - what comes in, goes out or stays from step to step, such as parameters and moments;
//! - terms of a sum that goes on from block to block, such as the residual stream and its gradient, where many small
//!   steps would be rounded away;
//! - what is compared: a maximum is equal to none of what it was taken of once either is rounded;
//! - what operators read that are not elementwise, norms, sums, products or attention, such as losses.
//!
//! This is what automatic mixed precision does (Micikevicius et al., arXiv 1710.03740), but the numbers of 16 bits have
//! the range of `f32`, so that no loss need be scaled (Kalamkar et al., arXiv 1905.12322).

use super::task::{Address, Number, Region};
use crate::device::Precision;
use crate::layout::Layout;
use crate::ops::{BinaryKind, Instruction, Op, Program, Reduce, ReduceKind};
use crate::plan::{Buffer, Operand, Place, Plan, Step, place};

/// A plan's memory.
#[derive(Clone, Debug)]
pub struct Storage {
    /// Length of the arena, in elements of `f32`.
    pub arena: usize,
    /// Where each buffer starts, and what its numbers are.
    pub buffers: Vec<Address>,
}

impl Storage {
    /// The plan's own places in `f32`; with products of bfloat16, places of tensors of two sizes.
    pub fn new(plan: &Plan, precision: Precision) -> Storage {
        let mut buffers = plan.buffers.clone();
        let mut arena = plan.arena;
        let numbers = numbers(plan, precision);
        if numbers.contains(&Number::Bf16) {
            for (buffer, number) in buffers.iter_mut().zip(&numbers) {
                buffer.elements = (buffer.elements * number.bytes()).div_ceil(Number::F32.bytes());
            }
            arena = place(&mut buffers, &plan.lifetimes);
        }
        let address = |(buffer, number): (&Buffer, Number)| match buffer.place {
            Place::Arena(start) => Address {
                region: Region::Arena,
                offset: start * Number::F32.bytes() / number.bytes(),
                number,
            },
            Place::State(state) => Address { region: Region::State(state), offset: 0, number },
            Place::Constant(constant) => Address { region: Region::Constant(constant), offset: 0, number },
        };
        Storage { arena, buffers: buffers.iter().zip(numbers).map(address).collect() }
    }
}

/// What the numbers of each buffer are.
fn numbers(plan: &Plan, precision: Precision) -> Vec<Number> {
    let mut is_factor = vec![false; plan.buffers.len()];
    let mut is_wide: Vec<bool> =
        plan.buffers.iter().map(|buffer| !matches!(buffer.place, Place::Arena(_))).collect();
    for port in plan.inputs.iter().chain(&plan.outputs) {
        is_wide[port.buffer] = true;
    }
    for step in &plan.steps {
        factors(step).into_iter().for_each(|buffer| is_factor[buffer] = true);
        wide(step).into_iter().for_each(|buffer| is_wide[buffer] = true);
    }
    let is_saved = saved(plan, &is_factor);
    let number = |buffer: usize| match precision {
        Precision::Bf16 if (is_factor[buffer] || is_saved[buffer]) && !is_wide[buffer] => Number::Bf16,
        _ => Number::F32,
    };
    (0..plan.buffers.len()).map(number).collect()
}

/// What programs write beside factors and nothing but programs reads: an activation's derivative, for the backward pass.
fn saved(plan: &Plan, is_factor: &[bool]) -> Vec<bool> {
    let mut is_saved = vec![false; plan.buffers.len()];
    let is_program = |step: &&Step| matches!(step.op, Op::Fused(_) | Op::FusedContract(_));
    for step in plan.steps.iter().filter(is_program) {
        let beside = step.outputs.iter().any(|output| is_factor[output.buffer]);
        step.outputs.iter().for_each(|output| is_saved[output.buffer] |= beside);
    }
    for step in plan.steps.iter().filter(|step| Program::of(&step.op).is_none() && !is_program(step)) {
        step.inputs.iter().for_each(|input| is_saved[input.buffer] = false);
    }
    is_saved
}

/// Buffers that a step takes as factors of products; attention's result is of one, too.
fn factors(step: &Step) -> Vec<usize> {
    let (inputs, outputs): (&[usize], &[usize]) = match &step.op {
        Op::Contract(_) | Op::FusedContract(_) => (&[0, 1], &[]),
        Op::Attention(_) => (&[0], &[0]),
        Op::AttentionGradient(_) => (&[0, 1, 3], &[0]),
        _ => (&[], &[]),
    };
    let of_inputs = inputs.iter().map(|&input| step.inputs[input].buffer);
    of_inputs.chain(outputs.iter().map(|&output| step.outputs[output].buffer)).collect()
}

/// Buffers that a step wants in `f32`.
fn wide(step: &Step) -> Vec<usize> {
    match &step.op {
        Op::Copy(_)
        | Op::Concat(_)
        | Op::Contract(_)
        | Op::Attention(_)
        | Op::AttentionGradient(_)
        | Op::LayerNorm(_)
        | Op::LayerNormGradient(_)
        | Op::Reduce(Reduce { kind: ReduceKind::Sum, .. }) => Vec::new(),
        Op::Unary(_) | Op::Binary(_) | Op::Select(_) | Op::Fused(_) => {
            let wide = |program: Program| wide_in(&program, 0, &step.inputs, &step.outputs);
            Program::of(&step.op).map_or_else(Vec::new, wide)
        }
        // The program's first input is the product itself, which has no buffer.
        Op::FusedContract(fused) => wide_in(&fused.epilogue, 1, &step.inputs[2..], &step.outputs),
        _ => step.inputs.iter().chain(&step.outputs).map(|operand| operand.buffer).collect(),
    }
}

/// What a program compares; whole tensors that it adds to something whole, and such sums where they are results. The
/// program's first inputs are `made` for it, the rest are operands.
fn wide_in(program: &Program, made: usize, inputs: &[Operand], outputs: &[Operand]) -> Vec<usize> {
    let operand = |value: u16| match program.instructions[usize::from(value)] {
        Instruction::Load(input) => usize::from(input).checked_sub(made).map(|at| &inputs[at]),
        _ => None,
    };
    let is_whole = |value: u16| match program.instructions[usize::from(value)] {
        Instruction::Constant(_) => false,
        _ => operand(value).is_none_or(|operand| !is_repeated(&operand.layout)),
    };
    let mut found = Vec::new();
    for (at, instruction) in program.instructions.iter().enumerate() {
        let &Instruction::Binary(kind, a, b) = instruction else { continue };
        let loaded: Vec<usize> =
            [a, b].into_iter().filter_map(operand).map(|operand| operand.buffer).collect();
        match kind {
            BinaryKind::Less | BinaryKind::LessEqual | BinaryKind::Equal => found.extend(loaded),
            BinaryKind::Add | BinaryKind::Sub if !loaded.is_empty() && is_whole(a) && is_whole(b) => {
                found.extend(loaded);
                let results = program.outputs.iter().zip(outputs);
                let sums = results.filter(|&(&value, _)| usize::from(value) == at);
                found.extend(sums.map(|(_, result)| result.buffer));
            }
            _ => {}
        }
    }
    found
}

/// Whether elements are taken more than once, as a bias is.
fn is_repeated(layout: &Layout) -> bool {
    layout.shape().iter().zip(layout.strides()).any(|(&length, &stride)| length > 1 && stride == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CompileOptions, Graph, Init, Tensor};

    const WIDTH: usize = 8;

    fn compiled(graph: &Graph) -> Plan {
        graph.compile(&CompileOptions::new()).expect("a plan")
    }

    fn linear(x: &Tensor, name: &str, width: usize) -> Tensor {
        let parameter =
            |name: String, shape: &[usize]| x.graph().parameter(&name, shape, Init::XavierUniform);
        x.matmul(&parameter(format!("{name}.weight"), &[x.dim(-1), width]))
            + parameter(format!("{name}.bias"), &[1, width])
    }

    /// Two blocks of a transformer without attention, and the gradients of all weights.
    fn blocks() -> Plan {
        let graph = Graph::new();
        let mut x = graph.input("x", [4, 6, WIDTH]);
        for block in ["first", "second"] {
            let normal = x.layer_norm(None, None, 1e-6);
            let hidden = linear(&normal, &format!("{block}.wide"), 4 * WIDTH).gelu();
            x = &x + linear(&hidden, &format!("{block}.narrow"), WIDTH);
        }
        let gradients = graph.gradients(&x.square().sum_all(), &graph.parameters()).expect("gradients");
        for (number, gradient) in gradients.iter().enumerate() {
            graph.output(&format!("gradient{number}"), gradient);
        }
        compiled(&graph)
    }

    #[test]
    fn nothing_changes_in_f32() {
        let plan = blocks();
        for precision in [Precision::F32, Precision::Tf32] {
            let storage = Storage::new(&plan, precision);
            assert_eq!(storage.arena, plan.arena);
            for (address, buffer) in storage.buffers.iter().zip(&plan.buffers) {
                assert_eq!(address.number, Number::F32);
                let Place::Arena(start) = buffer.place else { continue };
                assert_eq!((address.region, address.offset), (Region::Arena, start));
            }
        }
    }

    /// Elements of the buffers of each kind that a step of some operator takes or gives.
    fn sizes(plan: &Plan, storage: &Storage, number: Number, of: impl Fn(&Op) -> bool) -> Vec<usize> {
        let steps = plan.steps.iter().filter(|step| of(&step.op));
        let operands = steps.flat_map(|step| step.inputs.iter().chain(&step.outputs));
        let kept = operands.filter(|operand| storage.buffers[operand.buffer].number == number);
        kept.map(|operand| plan.buffers[operand.buffer].elements).collect()
    }

    #[test]
    fn what_products_take_is_kept_in_sixteen_bits_but_what_goes_on() {
        let plan = blocks();
        let storage = Storage::new(&plan, Precision::Bf16);
        let [rows, hidden] = [4 * 6 * WIDTH, 4 * 6 * 4 * WIDTH];
        let of_norms = |number| sizes(&plan, &storage, number, |op| matches!(op, Op::LayerNorm(_)));
        // What a norm reads is the residual stream; what it gives is the next product's.
        assert_eq!(of_norms(Number::Bf16), [rows; 2]);
        assert_eq!(of_norms(Number::F32).iter().filter(|&&size| size == rows).count(), 2);
        let of_products = |number| sizes(&plan, &storage, number, |op| matches!(op, Op::FusedContract(_)));
        assert!(of_products(Number::Bf16).contains(&hidden));
        assert!(!of_products(Number::F32).contains(&hidden), "some hidden tensor is wide");
        for port in plan.inputs.iter().chain(&plan.outputs) {
            assert_eq!(storage.buffers[port.buffer].number, Number::F32, "{}", port.name);
        }
        assert!(storage.arena < 3 * plan.arena / 4, "{} of {}", storage.arena, plan.arena);
    }

    #[test]
    fn tensors_of_two_sizes_that_live_together_lie_apart() {
        let plan = blocks();
        let storage = Storage::new(&plan, Precision::Bf16);
        let range = |buffer: usize| {
            let address = storage.buffers[buffer];
            (address.bytes(), address.plus(plan.buffers[buffer].elements).bytes())
        };
        let living: Vec<usize> = (0..plan.buffers.len())
            .filter(|&buffer| storage.buffers[buffer].region == Region::Arena)
            .collect();
        for (&a, &b) in living.iter().flat_map(|a| living.iter().map(move |b| (a, b))).filter(|(a, b)| a < b)
        {
            let (Some((first, last)), Some((other_first, other_last))) =
                (plan.lifetimes[a], plan.lifetimes[b])
            else {
                continue;
            };
            let ([start, end], [other_start, other_end]) =
                ([range(a).0, range(a).1], [range(b).0, range(b).1]);
            let together = first <= other_last && other_first <= last;
            assert!(!together || end <= other_start || other_end <= start, "buffers {a} and {b}");
        }
    }

    #[test]
    fn what_is_compared_is_kept_whole() {
        let graph = Graph::new();
        let x = graph.input("x", [4, 8]).tanh();
        let most = x.max(&[1]);
        let product = x.matmul(&x.transpose(0, 1)).sum_all() + most.einsum("k,k->", &most);
        graph.output("gradient", &graph.gradients(&product, &[x]).expect("a gradient")[0]);
        let plan = compiled(&graph);
        let storage = Storage::new(&plan, Precision::Bf16);
        let maxima = |number| {
            sizes(&plan, &storage, number, |op| {
                matches!(op, Op::Reduce(Reduce { kind: ReduceKind::Max, .. }))
            })
        };
        assert_eq!((maxima(Number::F32).len(), maxima(Number::Bf16).len()), (2, 0));
    }
}
