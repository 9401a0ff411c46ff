//! Programs from nodes: elementwise operators written one after another.

use luminal::prelude::{Graph as Luminal, NodeIndex};
use rustc_hash::FxHashMap;

use super::rewrite::{Value, splat};
use crate::node::{node, sources};
use crate::ops::{Instruction, Op, Program};

/// The most inputs of a fused program; each costs a pass over memory and keeps a value alive.
pub const MAX_INPUTS: usize = 16;

/// The most outputs of a fused program.
pub const MAX_OUTPUTS: usize = 8;

/// The most instructions of a fused program: what they compute must stay in the first-level cache.
pub const MAX_INSTRUCTIONS: usize = 64;

/// A program in the making, and the values of the graph that it computes or loads.
pub struct ProgramBuilder<'g> {
    graph: &'g Luminal,
    instructions: Vec<Instruction>,
    inputs: Vec<Value>,
    places: FxHashMap<Value, u16>,
}

impl<'g> ProgramBuilder<'g> {
    /// An empty program.
    pub fn new(graph: &'g Luminal) -> ProgramBuilder<'g> {
        ProgramBuilder { graph, instructions: Vec::new(), inputs: Vec::new(), places: FxHashMap::default() }
    }

    /// Where the program has a value; one that it has not is loaded, or written into it if it is a number.
    pub fn value(&mut self, value: Value) -> u16 {
        if let Some(&place) = self.places.get(&value) {
            return place;
        }
        let place = match splat(self.graph, value) {
            Some(number) => self.constant(number),
            None => {
                self.inputs.push(value);
                self.push(Instruction::Load(self.inputs.len() as u16 - 1))
            }
        };
        self.places.insert(value, place);
        place
    }

    /// Adds what an elementwise node computes; nothing for other nodes.
    pub fn append(&mut self, index: NodeIndex) -> Option<()> {
        let program = Program::of(&node(self.graph, index)?.op)?;
        let operands: Vec<u16> =
            sources(self.graph, index).into_iter().map(|source| self.value(source)).collect();
        let mut places: Vec<u16> = Vec::with_capacity(program.instructions.len());
        for instruction in &program.instructions {
            let at = |value: u16| places[usize::from(value)];
            let place = match *instruction {
                Instruction::Load(input) => operands[usize::from(input)],
                Instruction::Constant(number) => self.constant(number),
                Instruction::Unary(kind, a) => self.push(Instruction::Unary(kind, at(a))),
                Instruction::Binary(kind, a, b) => self.push(Instruction::Binary(kind, at(a), at(b))),
                Instruction::Select(mask, a, b) => self.push(Instruction::Select(at(mask), at(a), at(b))),
            };
            places.push(place);
        }
        for (output, &value) in program.outputs.iter().enumerate() {
            self.places.insert((index, output as u8), places[usize::from(value)]);
        }
        Some(())
    }

    /// The program that writes these values, and its inputs; nothing if it is larger than is good.
    pub fn finish(mut self, outputs: &[Value]) -> Option<(Program, Vec<Value>)> {
        let outputs: Vec<u16> = outputs.iter().map(|&value| self.value(value)).collect();
        let fits = self.inputs.len() <= MAX_INPUTS
            && outputs.len() <= MAX_OUTPUTS
            && self.instructions.len() <= MAX_INSTRUCTIONS;
        fits.then_some((Program { instructions: self.instructions, outputs }, self.inputs))
    }

    fn constant(&mut self, number: f32) -> u16 {
        let same = |instruction: &Instruction| match instruction {
            Instruction::Constant(known) => known.to_bits() == number.to_bits(),
            _ => false,
        };
        match self.instructions.iter().position(same) {
            Some(place) => place as u16,
            None => self.push(Instruction::Constant(number)),
        }
    }

    fn push(&mut self, instruction: Instruction) -> u16 {
        self.instructions.push(instruction);
        self.instructions.len() as u16 - 1
    }
}

/// Whether a node runs element by element, before any fusion.
pub fn is_elementwise(op: &Op) -> bool {
    matches!(op, Op::Unary(_) | Op::Binary(_) | Op::Select(_))
}
