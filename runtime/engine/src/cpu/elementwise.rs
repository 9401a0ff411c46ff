//! Elementwise programs, a few hundred elements at a time: every instruction is a vectorised loop over values that
//! stay in the first-level cache.

mod apply;

use rayon::prelude::*;

use self::apply::{binary, unary};
use super::call::{Call, Shared};
use super::gather::{BLOCK, Lane};
use super::prefetch::prefetch;
use super::scratch::Scratch;
use super::{simd, stream};
use crate::ops::{Instruction, Op, Program};

/// Elements an instruction handles at once.
const CHUNK: usize = 512;

/// Runs an elementwise operator.
pub fn run(op: &Op, call: &Call<'_>) {
    let Some(program) = Program::of(op) else { return };
    let elements = call.output_shape(0).elements();
    let lanes: Vec<Lane> = call.sources().iter().map(Lane::new).collect();
    let targets: Vec<Shared> = call.targets().into_iter().map(Shared::new).collect();
    let kernel = Kernel::new(&program, elements);
    (0..elements.div_ceil(BLOCK)).into_par_iter().for_each(|block| {
        let start = block * BLOCK;
        // SAFETY: blocks are disjoint ranges of the outputs, and an input that shares an output's memory shares
        // the very same elements, which the block reads before it writes them.
        unsafe { kernel.run(&lanes, &targets, start, (elements - start).min(BLOCK)) };
        kernel.finish();
    });
}

/// A program with a place in scratch memory for every value.
pub struct Kernel<'p> {
    program: &'p Program,
    slots: Vec<usize>,
    slot_count: usize,
    /// Inputs that are outputs too.
    passed_on: Vec<bool>,
    /// Whether outputs are stored past the caches.
    streams: bool,
}

impl<'p> Kernel<'p> {
    /// Assigns scratch slots; a slot is free again after its value's last use. Every output has so many `elements`.
    pub fn new(program: &'p Program, elements: usize) -> Kernel<'p> {
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
        let loads = |instruction: &Instruction| matches!(instruction, Instruction::Load(_));
        let passed_on = program.instructions.iter().zip(&last_use);
        let passed_on = passed_on.map(|(instruction, &last)| loads(instruction) && last == count).collect();
        Kernel { program, slots, slot_count, passed_on, streams: stream::suits(elements) }
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

    /// Asks for the operands of [`Kernel::run_tile`] to be in cache by then, but for the product and what is the same for
    /// every row, which are.
    pub fn prefetch_tile(&self, lanes: &[Lane], tile: TilePlace) {
        let TilePlace { start, rows, row_stride, columns } = tile;
        let places = lanes.iter().filter_map(|lane| lane.rows(start, columns, rows, row_stride));
        for (first, row_stride) in places.filter(|&(_, row_stride)| row_stride > 0) {
            prefetch(first, row_stride as isize, rows, columns);
        }
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

    /// To be called when a thread is through with its part of the outputs, before it says so.
    pub fn finish(&self) {
        if self.streams {
            stream::finish();
        }
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
        let homes = self.homes(lanes, targets);
        let mut values = vec![Values::NONE; self.program.instructions.len()];
        let mut patches = patches;
        simd::dispatch(
            #[inline(always)]
            || {
                for patch in patches.by_ref() {
                    // SAFETY: passed on from the caller.
                    unsafe { self.run_patch(&patch, lanes, targets, &homes, &mut values, &mut scratch) };
                }
            },
        );
    }

    /// A target that lies where an input lies is written last, as later instructions may read the input, and one that is
    /// streamed is copied from the first-level cache.
    fn homes(&self, lanes: &[Lane], targets: &[Shared]) -> Homes {
        let mut homes =
            Homes { of: vec![None; self.program.instructions.len()], streamed: vec![false; targets.len()] };
        for (target, (shared, &output)) in targets.iter().zip(&self.program.outputs).enumerate() {
            let loaded = matches!(self.program.instructions[output as usize], Instruction::Load(_));
            match loaded || lanes.iter().any(|lane| lane.begins_at(shared.pointer())) {
                true => {}
                false if self.streams => homes.streamed[target] = true,
                false => _ = homes.of[output as usize].get_or_insert(target),
            }
        }
        homes
    }

    #[inline(always)]
    unsafe fn run_patch(
        &self,
        patch: &Patch<'_>,
        lanes: &[Lane],
        targets: &[Shared],
        homes: &Homes,
        values: &mut [Values],
        scratch: &mut [f32],
    ) {
        let TilePlace { start, rows, row_stride, columns } = patch.place;
        // SAFETY: the patch lies in every target.
        let part =
            |target: usize| unsafe { Values { pointer: targets[target].pointer().add(start), row_stride } };
        for (index, instruction) in self.program.instructions.iter().enumerate() {
            // SAFETY: slot `s` is the range `s * CHUNK..` of the scratch memory, which holds `slot_count` of them.
            let slot = unsafe { scratch.as_mut_ptr().add(self.slots[index] * CHUNK) };
            let result = match homes.of[index] {
                Some(target) => part(target),
                None => Values { pointer: slot, row_stride: columns },
            };
            // SAFETY: lanes are the caller's. What an instruction writes, its slot or its part of a target, is neither
            // an operand's slot, as slots are assigned, nor an input's memory, as homes are.
            values[index] = unsafe { step(instruction, patch, lanes, values, result) };
            if self.passed_on[index] {
                // Before any output is written, which may be over this very input.
                // SAFETY: the slot is the load's own, and holds the patch.
                unsafe { values[index].copy_to(result, rows, columns) };
                values[index] = result;
            }
        }
        for (target, &output) in self.program.outputs.iter().enumerate() {
            let (from, to) = (values[output as usize], part(target));
            if homes.of[output as usize] == Some(target) {
                continue;
            }
            // SAFETY: both have the patch's rows, and what is copied lies in a slot or in a target of its own.
            unsafe {
                match homes.streamed[target] {
                    true => from.stream_to(to, rows, columns),
                    false => from.copy_to(to, rows, columns),
                }
            }
        }
    }
}

/// Where a program's values go.
struct Homes {
    /// The target that each instruction writes to at once.
    of: Vec<Option<usize>>,
    /// Whether each target is stored past the caches.
    streamed: Vec<bool>,
}

/// Rows of elements in memory, as many as the patch has, a fixed distance apart.
#[derive(Clone, Copy)]
struct Values {
    pointer: *mut f32,
    row_stride: usize,
}

impl Values {
    const NONE: Values = Values { pointer: std::ptr::null_mut(), row_stride: 0 };

    /// # Safety
    /// The row exists.
    #[inline(always)]
    unsafe fn row(self, row: usize) -> *mut f32 {
        // SAFETY: the caller's promise.
        unsafe { self.pointer.add(row * self.row_stride) }
    }

    /// # Safety
    /// Both have the rows, which are the same or do not overlap.
    #[inline(always)]
    unsafe fn copy_to(self, to: Values, rows: usize, columns: usize) {
        for row in 0..rows {
            // SAFETY: the caller's promise.
            unsafe { std::ptr::copy(self.row(row), to.row(row), columns) };
        }
    }

    /// # Safety
    /// Both have the rows, which do not overlap.
    #[inline(always)]
    unsafe fn stream_to(self, to: Values, rows: usize, columns: usize) {
        for row in 0..rows {
            // SAFETY: the caller's promise.
            unsafe { stream::copy(self.row(row), to.row(row), columns) };
        }
    }
}

/// Runs one instruction on a patch and says where its values are: in `result`, or where an operand lies already.
///
/// # Safety
/// The patch lies in the lanes, `values` of earlier instructions and `result` hold the patch, and `result` overlaps
/// none of the instruction's operands.
#[inline(always)]
unsafe fn step(
    instruction: &Instruction,
    patch: &Patch<'_>,
    lanes: &[Lane],
    values: &[Values],
    result: Values,
) -> Values {
    let (rows, columns) = (patch.place.rows, patch.place.columns);
    // SAFETY: the caller's promise.
    let input = |value: u16, row: usize| unsafe {
        std::slice::from_raw_parts(values[value as usize].row(row).cast_const(), columns)
    };
    // SAFETY: the caller's promise.
    let output = |row: usize| unsafe { std::slice::from_raw_parts_mut(result.row(row), columns) };
    match *instruction {
        Instruction::Load(input) => {
            // SAFETY: the caller's promise.
            return unsafe { patch.load(input as usize, lanes, result) };
        }
        Instruction::Constant(constant) => {
            for row in 0..rows {
                output(row).fill(constant);
            }
        }
        Instruction::Unary(kind, a) => unary(kind, rows, |row| input(a, row), output),
        Instruction::Binary(kind, a, b) => {
            binary(kind, rows, |row| input(a, row), |row| input(b, row), output)
        }
        Instruction::Select(mask, a, b) => {
            for row in 0..rows {
                let (mask, a, b, result) = (input(mask, row), input(a, row), input(b, row), output(row));
                for i in 0..columns {
                    result[i] = if mask[i] != 0.0 { a[i] } else { b[i] };
                }
            }
        }
    }
    result
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
    /// Where the patch's part of an input lies, if it lies in rows; else it is copied to `result`.
    ///
    /// # Safety
    /// The patch lies in the lane, and `result` holds it.
    #[inline(always)]
    unsafe fn load(&self, input: usize, lanes: &[Lane], result: Values) -> Values {
        let TilePlace { start, rows, row_stride, columns } = self.place;
        let lane = match (self.product, input) {
            (Some(product), 0) => {
                return Values { pointer: product.as_ptr().cast_mut(), row_stride: columns };
            }
            (Some(_), input) => &lanes[input - 1],
            (None, input) => &lanes[input],
        };
        if let Some((pointer, row_stride)) = lane.rows(start, columns, rows, row_stride) {
            return Values { pointer, row_stride };
        }
        for row in 0..rows {
            // SAFETY: the caller's promise.
            unsafe {
                let target = std::slice::from_raw_parts_mut(result.row(row), columns);
                lane.gather(start + row * row_stride, target);
            }
        }
        result
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
