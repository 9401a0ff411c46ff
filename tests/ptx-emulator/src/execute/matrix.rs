//! Tensor cores. Fragments lie in registers as the PTX ISA draws them ("Matrix Fragments for mma.m16n8k16" and so on):
//! with `g = lane / 4` and `t = lane % 4`, rows of A and columns of B go by `g`, their depth by `t`.
//!
//! Products are summed in f64 and rounded once, which is nearer to the truth than a GPU, whose sums are of f32.

use super::Outcome;
use super::memory::{Memory, addresses};
use super::registers::Registers;
use super::warp::Warp;
use crate::memory::region::{Access, Lanes};
use crate::operation::{Address, AddressSpace, MatrixElement, Operation, Row};

/// Bits of an f32 that tf32 keeps.
const TF32_MASK: u32 = !0x1fff;

pub(super) fn multiply(registers: &mut Registers, operation: &Operation) {
    let Operation::MatrixMultiply { element, depth, to, a, b, c } = operation else {
        unreachable!("{operation:?} is no product of matrices")
    };
    let rows = |rows: &[Row]| rows.iter().map(|&row| *registers.row::<u32>(row)).collect::<Vec<_>>();
    let (a, b, c) = (rows(a), rows(b), rows(c));
    let (left, right) = factors(*element, &a, &b);
    for (index, &to) in to.iter().enumerate() {
        let result: Lanes<u32> = std::array::from_fn(|lane| {
            let (row, column) = (lane / 4 + 8 * (index / 2), lane % 4 * 2 + index % 2);
            let sum: f64 = (0..*depth).map(|k| left[row][k] * right[k][column]).sum();
            ((f64::from(f32::from_bits(c[index][lane])) + sum) as f32).to_bits()
        });
        *registers.row_mut(to) = result;
    }
}

/// A (16 rows) and B (8 columns), unpacked.
fn factors(element: MatrixElement, a: &[Lanes<u32>], b: &[Lanes<u32>]) -> ([[f64; 16]; 16], [[f64; 8]; 16]) {
    let (mut left, mut right) = ([[0.0; 16]; 16], [[0.0; 8]; 16]);
    for lane in 0..32 {
        let (g, t) = (lane / 4, lane % 4);
        match element {
            MatrixElement::Half(half) => {
                let part = |word: u32, upper: usize| f64::from(half.widen((word >> (16 * upper)) as u16));
                for upper in 0..2 {
                    for (index, word) in a.iter().enumerate() {
                        left[g + 8 * (index % 2)][2 * t + upper + 8 * (index / 2)] = part(word[lane], upper);
                    }
                    for (index, word) in b.iter().enumerate() {
                        right[2 * t + upper + 8 * index][g] = part(word[lane], upper);
                    }
                }
            }
            MatrixElement::Tf32 => {
                let value = |word: u32| f64::from(f32::from_bits(word & TF32_MASK));
                for (index, word) in a.iter().enumerate() {
                    left[g + 8 * (index % 2)][t + 4 * (index / 2)] = value(word[lane]);
                }
                for (index, word) in b.iter().enumerate() {
                    right[t + 4 * index][g] = value(word[lane]);
                }
            }
        }
    }
    (left, right)
}

impl Memory<'_> {
    /// `ldmatrix`: lane 8·i + r names row r of the 8×8 matrix i; each lane gets two neighbours of its row.
    pub(super) fn load_matrix(
        &mut self,
        warp: &mut Warp,
        to: &[Row],
        address: Address,
        transpose: bool,
    ) -> Outcome {
        let at = addresses(&warp.registers, address);
        let rules = self.rules(warp, false);
        let naming = if to.len() == 4 { u32::MAX } else { (1 << (8 * to.len())) - 1 };
        let mut rows = [[0u16; 8]; 32];
        self.each_group(
            warp,
            AddressSpace::Shared,
            &at,
            16,
            Access::Read,
            rules,
            naming,
            |region, _, group| {
                region.gather(group.mask, &group.offsets, 0, |lane, bytes: [u8; 16]| {
                    rows[lane] = std::array::from_fn(|index| {
                        u16::from_le_bytes([bytes[2 * index], bytes[2 * index + 1]])
                    });
                });
            },
        )?;
        for (matrix, &to) in to.iter().enumerate() {
            let element = |row: usize, column: usize| u32::from(rows[8 * matrix + row][column]);
            *warp.registers.row_mut(to) = std::array::from_fn(|lane| {
                let (g, t) = (lane / 4, lane % 4 * 2);
                if transpose {
                    element(t, g) | element(t + 1, g) << 16
                } else {
                    element(g, t) | element(g, t + 1) << 16
                }
            });
        }
        Ok(())
    }
}
