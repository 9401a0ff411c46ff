//! Registers of a warp: rows of 32 lanes, in one bank for each width, and predicates as masks.

use crate::memory::region::Lanes;
use crate::module::{Kernel, Special};
use crate::operation::{Condition, Register, Row};

/// What registers hold before anything is written to them: numbers that show.
const POISON: u64 = 0xdead_beef_dead_beef;

#[derive(Debug)]
pub(super) struct Registers {
    words: Vec<Lanes<u32>>,
    longs: Vec<Lanes<u64>>,
    pub predicates: Vec<u32>,
}

/// An element of a bank of registers.
pub(super) trait Element: Copy + Default {
    fn bank(registers: &Registers) -> &[Lanes<Self>];
    fn bank_mut(registers: &mut Registers) -> &mut [Lanes<Self>];
}

impl Element for u32 {
    fn bank(registers: &Registers) -> &[Lanes<Self>] {
        &registers.words
    }

    fn bank_mut(registers: &mut Registers) -> &mut [Lanes<Self>] {
        &mut registers.words
    }
}

impl Element for u64 {
    fn bank(registers: &Registers) -> &[Lanes<Self>] {
        &registers.longs
    }

    fn bank_mut(registers: &mut Registers) -> &mut [Lanes<Self>] {
        &mut registers.longs
    }
}

/// What special registers say to a warp.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub block_size: [u32; 3],
    pub grid_size: [u32; 3],
    pub block: [u32; 3],
    pub warp: u32,
    pub warps: u32,
    pub dynamic_shared: u32,
}

impl Place {
    /// `threadIdx` of a lane.
    pub fn thread(&self, lane: usize) -> [u32; 3] {
        let index = self.warp * 32 + lane as u32;
        let [x, y, _] = self.block_size;
        [index % x, index / x % y, index / (x * y)]
    }

    fn special(&self, special: Special, lane: usize) -> u32 {
        let bit = 1u32 << lane;
        match special {
            Special::Thread(axis) => self.thread(lane)[usize::from(axis)],
            Special::BlockSize(axis) => self.block_size[usize::from(axis)],
            Special::Block(axis) => self.block[usize::from(axis)],
            Special::GridSize(axis) => self.grid_size[usize::from(axis)],
            Special::Lane => lane as u32,
            Special::Warp => self.warp,
            Special::WarpCount => self.warps,
            Special::LaneMaskEqual => bit,
            Special::LaneMaskLess => bit - 1,
            Special::LaneMaskLessEqual => bit | (bit - 1),
            Special::LaneMaskGreater => !(bit | (bit - 1)),
            Special::LaneMaskGreaterEqual => !(bit - 1),
            Special::DynamicSharedBytes => self.dynamic_shared,
        }
    }
}

impl Registers {
    /// Registers of a kernel, with its constants in their rows.
    pub fn new(kernel: &Kernel) -> Self {
        let plan = &kernel.registers;
        let mut registers = Self {
            words: vec![[POISON as u32; 32]; plan.words as usize],
            longs: vec![[POISON; 32]; plan.longs as usize],
            predicates: vec![0; plan.predicates as usize],
        };
        registers.predicates[0] = u32::MAX;
        for &(row, value) in &plan.word_constants {
            registers.words[row as usize] = [value; 32];
        }
        for &(row, value) in &plan.long_constants {
            registers.longs[row as usize] = [value; 32];
        }
        registers
    }

    pub fn fill_specials(&mut self, kernel: &Kernel, place: &Place) {
        for &(row, special) in &kernel.registers.specials {
            self.words[row as usize] = std::array::from_fn(|lane| place.special(special, lane));
        }
    }

    #[inline(always)]
    pub fn row<E: Element>(&self, row: Row) -> &Lanes<E> {
        &E::bank(self)[row as usize]
    }

    #[inline(always)]
    pub fn row_mut<E: Element>(&mut self, row: Row) -> &mut Lanes<E> {
        &mut E::bank_mut(self)[row as usize]
    }

    /// The lanes in which a condition holds.
    #[inline(always)]
    pub fn holds(&self, condition: Condition) -> u32 {
        let mask = self.predicates[condition.predicate as usize];
        if condition.negated { !mask } else { mask }
    }

    /// Writes a predicate in the lanes of `mask`.
    pub fn set_predicate(&mut self, row: Row, mask: u32, value: u32) {
        let predicate = &mut self.predicates[row as usize];
        *predicate = (*predicate & !mask) | (value & mask);
    }

    /// The value of a lane, of a register of either width.
    pub fn get(&self, register: Register, lane: usize) -> u64 {
        match register {
            Register::Word(row) => u64::from(self.words[row as usize][lane]),
            Register::Long(row) => self.longs[row as usize][lane],
            Register::Sink => 0,
        }
    }

    /// Sets the value of a lane; of a word, the low half.
    pub fn set(&mut self, register: Register, lane: usize, value: u64) {
        match register {
            Register::Word(row) => self.words[row as usize][lane] = value as u32,
            Register::Long(row) => self.longs[row as usize][lane] = value,
            Register::Sink => {}
        }
    }
}
