//! The axes of a contraction, sorted for matrix products: what every executor does first with one.

use crate::layout::Layout;
use crate::ops::Contract;
use crate::shape::Shape;

/// One axis, or several merged ones: its length, and its stride in each operand (0 where it is absent).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    pub length: usize,
    pub a: isize,
    pub b: isize,
    pub c: isize,
}

/// No axis at all.
pub const UNIT: Axis = Axis { length: 1, a: 0, b: 0, c: 0 };

/// Axes by their part in the product, neighbours merged, axes of length 1 left out.
pub struct SortedAxes {
    /// In the left operand and the result.
    pub rows: Vec<Axis>,
    /// In the right operand and the result.
    pub columns: Vec<Axis>,
    /// In both operands only.
    pub sums: Vec<Axis>,
    /// In all three.
    pub batch: Vec<Axis>,
}

impl SortedAxes {
    /// Sorts the axes of a contraction of operands with these layouts to a row-major result.
    pub fn new(contract: &Contract, a: &Layout, b: &Layout, out: Shape) -> SortedAxes {
        let c = Layout::contiguous(out);
        let axes = |labels: Vec<char>| merged(labels.iter().map(|&label| axis(contract, label, a, b, &c)));
        let kept = |left: bool, right: bool| -> Vec<char> {
            let is = |label: &char| contract.a.contains(label) == left && contract.b.contains(label) == right;
            contract.out.iter().copied().filter(is).collect()
        };
        SortedAxes {
            rows: axes(kept(true, false)),
            columns: axes(kept(false, true)),
            sums: axes(contract.summed()),
            batch: axes(kept(true, true)),
        }
    }

    /// The same product with both operands exchanged: (A·B)ᵀ = Bᵀ·Aᵀ.
    pub fn transposed(self) -> SortedAxes {
        let swap =
            |axes: Vec<Axis>| axes.into_iter().map(|axis| Axis { a: axis.b, b: axis.a, ..axis }).collect();
        SortedAxes {
            rows: swap(self.columns),
            columns: swap(self.rows),
            sums: swap(self.sums),
            batch: swap(self.batch),
        }
    }
}

fn axis(contract: &Contract, label: char, a: &Layout, b: &Layout, c: &Layout) -> Axis {
    let find = |labels: &[char], layout: &Layout| {
        labels.iter().position(|&l| l == label).map(|axis| (layout.shape()[axis], layout.strides()[axis]))
    };
    let (in_a, in_b, in_c) = (find(&contract.a, a), find(&contract.b, b), find(&contract.out, c));
    let length = in_a.or(in_b).map_or(1, |(length, _)| length);
    let stride = |found: Option<(usize, isize)>| found.map_or(0, |(_, stride)| stride);
    Axis { length, a: stride(in_a), b: stride(in_b), c: stride(in_c) }
}

fn merged(axes: impl Iterator<Item = Axis>) -> Vec<Axis> {
    let mut merged: Vec<Axis> = Vec::new();
    for inner in axes.filter(|axis| axis.length != 1) {
        let steps = |stride: isize| stride * inner.length as isize;
        match merged.last_mut() {
            Some(outer)
                if outer.a == steps(inner.a) && outer.b == steps(inner.b) && outer.c == steps(inner.c) =>
            {
                *outer = Axis { length: outer.length * inner.length, ..inner };
            }
            _ => merged.push(inner),
        }
    }
    merged
}

/// Takes the longest axis out; [`UNIT`] where there is none.
pub fn take_longest(axes: &mut Vec<Axis>) -> Axis {
    let longest = (0..axes.len()).max_by_key(|&index| axes[index].length);
    longest.map_or(UNIT, |index| axes.remove(index))
}
