//! Elementwise programs, a few hundred elements at a time: every instruction is a vectorised loop over values that
//! stay in the first-level cache.

use rayon::prelude::*;

use super::call::{Call, Shared};
use super::gather::{BLOCK, Lane};
use super::math;
use super::scratch::Scratch;
use super::simd;
use crate::ops::{BinaryKind, Instruction, Op, Program, UnaryKind};

/// Elements an instruction handles at once.
const CHUNK: usize = 512;

/// Runs an elementwise operator.
pub fn run(op: &Op, call: &Call<'_>) {
    let Some(program) = Program::of(op) else { return };
    let elements = call.output_shape(0).elements();
    let lanes: Vec<Lane> = call.sources().iter().map(Lane::new).collect();
    let targets: Vec<Shared> = call.targets().into_iter().map(Shared::new).collect();
    let kernel = Kernel::new(&program);
    (0..elements.div_ceil(BLOCK)).into_par_iter().for_each(|block| {
        let start = block * BLOCK;
        // SAFETY: blocks are disjoint ranges of the outputs, and an input that shares an output's memory shares
        // the very same elements, which the block reads before it writes them.
        unsafe { kernel.run(&lanes, &targets, start, (elements - start).min(BLOCK)) };
    });
}

/// A program with a place in scratch memory for every value.
pub struct Kernel<'p> {
    program: &'p Program,
    slots: Vec<usize>,
    slot_count: usize,
}

impl<'p> Kernel<'p> {
    /// Assigns scratch slots; a slot is free again after its value's last use.
    pub fn new(program: &'p Program) -> Kernel<'p> {
        let count = program.instructions.len();
        let mut last_use: Vec<usize> = (0..count).collect();
        for (index, instruction) in program.instructions.iter().enumerate() {
            operands(instruction).for_each(|operand| last_use[operand] = index);
        }
        program.outputs.iter().for_each(|&output| last_use[output as usize] = count);
        let (mut slots, mut free, mut slot_count) = (Vec::with_capacity(count), Vec::new(), 0);
        for index in 0..count {
            // The result's slot is taken before its operands' are freed: an instruction never overwrites what it reads.
            slots.push(free.pop().unwrap_or_else(|| {
                slot_count += 1;
                slot_count - 1
            }));
            free.extend((0..=index).filter(|&value| last_use[value] == index).map(|value| slots[value]));
        }
        Kernel { program, slots, slot_count }
    }

    /// Runs the program for the elements `start..start + length`.
    ///
    /// # Safety
    /// The elements exist in every lane and target. Nobody else touches these elements of the targets meanwhile.
    pub unsafe fn run(&self, lanes: &[Lane], targets: &[Shared], start: usize, length: usize) {
        let patches = (start..start + length).step_by(CHUNK).map(|at| {
            let columns = (start + length - at).min(CHUNK);
            Patch { place: TilePlace { start: at, rows: 1, row_stride: 0, columns }, product: None }
        });
        // SAFETY: passed on from the caller.
        unsafe { self.run_patches(patches, lanes, targets) };
    }

    /// Runs the program behind a matrix product: input 0 is the tile, row-major in `product`; the other inputs and
    /// the outputs are the tile's part of `lanes` and `targets`.
    ///
    /// # Safety
    /// The tile lies in every lane and target. Nobody else touches these elements of the targets meanwhile.
    pub unsafe fn run_tile(&self, product: &[f32], lanes: &[Lane], targets: &[Shared], tile: TilePlace) {
        let at_once = (CHUNK / tile.columns.max(1)).max(1);
        let patches = (0..tile.rows).step_by(at_once).map(|row| {
            let rows = at_once.min(tile.rows - row);
            let place = TilePlace { start: tile.start + row * tile.row_stride, rows, ..tile };
            Patch { place, product: Some(&product[row * tile.columns..][..rows * tile.columns]) }
        });
        // SAFETY: passed on from the caller.
        unsafe { self.run_patches(patches, lanes, targets) };
    }

    /// # Safety
    /// As for [`Kernel::run`], for every patch.
    unsafe fn run_patches<'t>(
        &self,
        patches: impl Iterator<Item = Patch<'t>>,
        lanes: &[Lane],
        targets: &[Shared],
    ) {
        let mut scratch = Scratch::take(self.slot_count * CHUNK);
        let mut patches = patches;
        simd::dispatch(
            #[inline(always)]
            || {
                for patch in patches.by_ref() {
                    // SAFETY: passed on from the caller.
                    unsafe { self.run_patch(&patch, lanes, targets, &mut scratch) };
                }
            },
        );
    }

    #[inline(always)]
    unsafe fn run_patch(&self, patch: &Patch<'_>, lanes: &[Lane], targets: &[Shared], scratch: &mut [f32]) {
        for (index, instruction) in self.program.instructions.iter().enumerate() {
            // SAFETY: lanes are the caller's; the scratch memory holds all slots.
            unsafe { self.step(index, instruction, patch, lanes, scratch) };
        }
        let TilePlace { start, rows, row_stride, columns } = patch.place;
        for (target, &output) in targets.iter().zip(&self.program.outputs) {
            let slot = &scratch[self.slots[output as usize] * CHUNK..][..rows * columns];
            for row in 0..rows {
                let from = &slot[row * columns..][..columns];
                // SAFETY: the patch lies in the target, and scratch memory is our own.
                unsafe {
                    let to = target.pointer().add(start + row * row_stride);
                    std::ptr::copy_nonoverlapping(from.as_ptr(), to, columns);
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn step(
        &self,
        index: usize,
        instruction: &Instruction,
        patch: &Patch<'_>,
        lanes: &[Lane],
        scratch: &mut [f32],
    ) {
        let base = scratch.as_mut_ptr();
        let length = patch.place.rows * patch.place.columns;
        // SAFETY: slot `s` is the range `s * CHUNK..` of the scratch memory, which holds `slot_count` of them; the
        // result's slot differs from its operands'.
        let (result, value) = unsafe {
            let result = std::slice::from_raw_parts_mut(base.add(self.slots[index] * CHUNK), length);
            let value = |value: u16| {
                std::slice::from_raw_parts(base.add(self.slots[value as usize] * CHUNK).cast_const(), length)
            };
            (result, value)
        };
        match *instruction {
            // SAFETY: the caller's promise.
            Instruction::Load(input) => unsafe { patch.load(input as usize, lanes, result) },
            Instruction::Constant(constant) => result.fill(constant),
            Instruction::Unary(kind, a) => unary(kind, value(a), result),
            Instruction::Binary(kind, a, b) => binary(kind, value(a), value(b), result),
            Instruction::Select(mask, a, b) => {
                let (mask, a, b) = (value(mask), value(a), value(b));
                for i in 0..length {
                    result[i] = if mask[i] != 0.0 { a[i] } else { b[i] };
                }
            }
        }
    }
}

/// Part of a row-major result: rows of neighbouring elements, a fixed distance apart.
#[derive(Clone, Copy, Debug)]
pub struct TilePlace {
    /// Row-major index of the first element.
    pub start: usize,
    /// Number of rows.
    pub rows: usize,
    /// Distance between the first elements of neighbouring rows.
    pub row_stride: usize,
    /// Elements of a row.
    pub columns: usize,
}

/// At most [`CHUNK`] elements that are worked on at once, with their part of a matrix product, if there is one.
struct Patch<'t> {
    place: TilePlace,
    product: Option<&'t [f32]>,
}

impl Patch<'_> {
    /// # Safety
    /// The patch lies in the lane.
    #[inline(always)]
    unsafe fn load(&self, input: usize, lanes: &[Lane], result: &mut [f32]) {
        let lane = match (self.product, input) {
            (Some(product), 0) => return result.copy_from_slice(product),
            (Some(_), input) => &lanes[input - 1],
            (None, input) => &lanes[input],
        };
        for row in 0..self.place.rows {
            let columns = self.place.columns;
            let start = self.place.start + row * self.place.row_stride;
            // SAFETY: the caller's promise.
            unsafe { lane.gather(start, &mut result[row * columns..][..columns]) };
        }
    }
}

fn operands(instruction: &Instruction) -> impl Iterator<Item = usize> {
    let used = match *instruction {
        Instruction::Load(_) | Instruction::Constant(_) => [None; 3],
        Instruction::Unary(_, a) => [Some(a), None, None],
        Instruction::Binary(_, a, b) => [Some(a), Some(b), None],
        Instruction::Select(mask, a, b) => [Some(mask), Some(a), Some(b)],
    };
    used.into_iter().flatten().map(usize::from)
}

#[inline(always)]
fn each(a: &[f32], result: &mut [f32], f: impl Fn(f32) -> f32) {
    for (result, &a) in result.iter_mut().zip(a) {
        *result = f(a);
    }
}

#[inline(always)]
fn pairs(a: &[f32], b: &[f32], result: &mut [f32], f: impl Fn(f32, f32) -> f32) {
    for ((result, &a), &b) in result.iter_mut().zip(a).zip(b) {
        *result = f(a, b);
    }
}

#[inline(always)]
fn unary(kind: UnaryKind, a: &[f32], result: &mut [f32]) {
    match kind {
        UnaryKind::Neg => each(a, result, |x| -x),
        UnaryKind::Abs => each(a, result, f32::abs),
        UnaryKind::Sign => each(a, result, |x| {
            if x > 0.0 {
                1.0
            } else if x < 0.0 {
                -1.0
            } else {
                x
            }
        }),
        UnaryKind::Square => each(a, result, |x| x * x),
        UnaryKind::Recip => each(a, result, |x| 1.0 / x),
        UnaryKind::Sqrt => each(a, result, f32::sqrt),
        UnaryKind::Rsqrt => each(a, result, |x| 1.0 / x.sqrt()),
        UnaryKind::Exp => each(a, result, math::exp),
        UnaryKind::Exp2 => each(a, result, math::exp2),
        UnaryKind::Ln => each(a, result, math::ln),
        UnaryKind::Log2 => each(a, result, math::log2),
        UnaryKind::Sin => each(a, result, math::sin),
        UnaryKind::Cos => each(a, result, math::cos),
        UnaryKind::Tanh => each(a, result, math::tanh),
        UnaryKind::Sigmoid => each(a, result, math::sigmoid),
        UnaryKind::Erf => each(a, result, math::erf),
        UnaryKind::Gelu => each(a, result, math::gelu),
        UnaryKind::GeluDerivative => each(a, result, math::gelu_derivative),
        UnaryKind::Relu => each(a, result, |x| if x < 0.0 { 0.0 } else { x }),
        UnaryKind::Silu => each(a, result, math::silu),
        UnaryKind::Softplus => each(a, result, math::softplus),
        UnaryKind::Floor => each(a, result, f32::floor),
        UnaryKind::StopGradient => result.copy_from_slice(a),
    }
}

#[inline(always)]
fn binary(kind: BinaryKind, a: &[f32], b: &[f32], result: &mut [f32]) {
    let truth = |holds: bool| if holds { 1.0 } else { 0.0 };
    match kind {
        BinaryKind::Add => pairs(a, b, result, |a, b| a + b),
        BinaryKind::Sub => pairs(a, b, result, |a, b| a - b),
        BinaryKind::Mul => pairs(a, b, result, |a, b| a * b),
        BinaryKind::Div => pairs(a, b, result, |a, b| a / b),
        BinaryKind::Max => pairs(a, b, result, |a, b| if a.is_nan() || a > b { a } else { b }),
        BinaryKind::Min => pairs(a, b, result, |a, b| if a.is_nan() || a < b { a } else { b }),
        BinaryKind::Pow => pairs(a, b, result, |a, b| math::exp2(b * math::log2(a))),
        BinaryKind::Mod => pairs(a, b, result, |a, b| a % b),
        BinaryKind::Less => pairs(a, b, result, |a, b| truth(a < b)),
        BinaryKind::LessEqual => pairs(a, b, result, |a, b| truth(a <= b)),
        BinaryKind::Equal => pairs(a, b, result, |a, b| truth(a == b)),
    }
}
