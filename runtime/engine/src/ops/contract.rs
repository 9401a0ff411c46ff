//! Contraction: products of two tensors summed over shared axes. Matrix products are contractions.

use super::{Access, Adjoint, Cost, Operator};
use crate::array::Array;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// A sum of products over labelled axes, as in `einsum`: labels in both operands and the result run in step
/// (batch), labels in both operands only are summed, labels in one operand only are kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Contract {
    /// Label of each axis of the left operand.
    pub a: Vec<char>,
    /// Label of each axis of the right operand.
    pub b: Vec<char>,
    /// Label of each axis of the result.
    pub out: Vec<char>,
}

impl Contract {
    /// Reads an equation such as `"btk,kn->btn"`.
    pub fn parse(equation: &str) -> Result<Contract, String> {
        let form = || {
            format!(
                "`{equation}` does not read as `axes,axes->axes` with a letter an axis, as in `mk,kn->mn`"
            )
        };
        let (operands, out) = equation.split_once("->").ok_or_else(form)?;
        let (a, b) = operands.split_once(',').ok_or_else(form)?;
        let labels = |text: &str| -> Result<Vec<char>, String> {
            let labels: Vec<char> = text.trim().chars().collect();
            labels.iter().all(char::is_ascii_alphabetic).then_some(labels).ok_or_else(form)
        };
        Ok(Contract { a: labels(a)?, b: labels(b)?, out: labels(out)? })
    }

    /// Length of a labelled axis.
    pub fn length(&self, label: char, inputs: &[Shape]) -> Option<usize> {
        let find =
            |labels: &[char], shape: &Shape| labels.iter().position(|&l| l == label).map(|axis| shape[axis]);
        find(&self.a, &inputs[0]).or_else(|| find(&self.b, &inputs[1]))
    }

    /// The labels that are summed.
    pub fn summed(&self) -> Vec<char> {
        self.a.iter().copied().filter(|label| !self.out.contains(label)).collect()
    }

    fn check(&self, inputs: &[Shape]) -> Result<(), String> {
        for (labels, shape, side) in [(&self.a, &inputs[0], "left"), (&self.b, &inputs[1], "right")] {
            if labels.len() != shape.len() {
                return Err(format!(
                    "the {side} operand has {} axes, its labels name {}",
                    shape.len(),
                    labels.len()
                ));
            }
        }
        for labels in [&self.a, &self.b, &self.out] {
            if let Some(label) = labels.iter().enumerate().find(|(i, l)| labels[..*i].contains(l)) {
                return Err(format!(
                    "label `{}` occurs twice in one tensor; take a diagonal or sum first",
                    label.1
                ));
            }
        }
        let known = |label: &char| self.a.contains(label) || self.b.contains(label);
        if let Some(label) = self.out.iter().find(|label| !known(label)) {
            return Err(format!("label `{label}` of the result is in neither operand"));
        }
        let lonely =
            |label: &&char| !self.out.contains(label) && (self.a.contains(label) != self.b.contains(label));
        match self.a.iter().chain(&self.b).find(lonely) {
            Some(label) => Err(format!(
                "label `{label}` is in one operand only and not in the result; sum that axis first"
            )),
            None => Ok(()),
        }
    }
}

impl Operator for Contract {
    fn name(&self) -> &'static str {
        "contract"
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        self.check(inputs)?;
        for (axis, label) in self.b.iter().enumerate() {
            if let Some(other) = self.a.iter().position(|l| l == label).map(|axis| inputs[0][axis])
                && other != inputs[1][axis]
            {
                return Err(format!(
                    "axis `{label}` is {other} long on the left and {} on the right",
                    inputs[1][axis]
                ));
            }
        }
        let dims: Vec<usize> = self.out.iter().filter_map(|&label| self.length(label, inputs)).collect();
        Ok(vec![Shape::from(dims)])
    }

    fn reference(&self, inputs: &[&Array], outputs: &[Shape]) -> Vec<Array> {
        let shapes = [*inputs[0].shape(), *inputs[1].shape()];
        let summed = self.summed();
        let walk = |labels: &[char], shape: &Shape, order: &[char]| strides_of(labels, shape, order);
        let lengths = |labels: &[char]| -> Vec<usize> {
            labels.iter().filter_map(|&label| self.length(label, &shapes)).collect()
        };
        let (outer, inner) = (lengths(&self.out), lengths(&summed));
        let a_outer = offsets(&outer, &walk(&self.a, &shapes[0], &self.out));
        let b_outer = offsets(&outer, &walk(&self.b, &shapes[1], &self.out));
        let a_inner = offsets(&inner, &walk(&self.a, &shapes[0], &summed));
        let b_inner = offsets(&inner, &walk(&self.b, &shapes[1], &summed));
        let (a, b) = (inputs[0].data(), inputs[1].data());
        let dot = |(&i, &j): (&usize, &usize)| -> f64 {
            a_inner.iter().zip(&b_inner).map(|(&k, &l)| a[i + k] * b[j + l]).sum()
        };
        vec![Array::new(outputs[0], a_outer.iter().zip(&b_outer).map(dot).collect())]
    }

    fn gradient(&self, at: &Adjoint<'_>) -> Vec<Option<Tensor>> {
        let (a, b) = (&at.inputs[0], &at.inputs[1]);
        let swapped = |left: &[char], right: &[char], out: &[char]| Contract {
            a: left.to_vec(),
            b: right.to_vec(),
            out: out.to_vec(),
        };
        vec![
            at.when(0, || at.gradient().contract_as(swapped(&self.out, &self.b, &self.a), b)),
            at.when(1, || a.contract_as(swapped(&self.a, &self.out, &self.b), at.gradient())),
        ]
    }

    /// Both operands spread over all labels, multiplied, summed.
    fn decompose(&self, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
        let summed = self.summed();
        let all: Vec<char> = self.out.iter().chain(&summed).copied().collect();
        if all.len() > crate::shape::MAX_RANK {
            return None;
        }
        let product = spread(&inputs[0], &self.a, &all) * spread(&inputs[1], &self.b, &all);
        let axes: Vec<isize> = (self.out.len()..all.len()).map(|axis| axis as isize).collect();
        Some(vec![product.sum(&axes)])
    }

    fn cost(&self, inputs: &[Shape], outputs: &[Shape]) -> Cost {
        let summed: usize = self.summed().iter().filter_map(|&label| self.length(label, inputs)).product();
        Cost::new(2 * outputs[0].elements() * summed, inputs, outputs)
    }

    fn access(&self, _input: usize) -> Access {
        Access::Strided
    }
}

/// Stride of each label of `order` in a row-major tensor; 0 where it has no such axis.
fn strides_of(labels: &[char], shape: &Shape, order: &[char]) -> Vec<usize> {
    let strides = shape.strides();
    let stride =
        |label: &char| labels.iter().position(|l| l == label).map_or(0, |axis| strides[axis] as usize);
    order.iter().map(stride).collect()
}

/// Offsets of all index combinations, the last index fastest.
fn offsets(lengths: &[usize], strides: &[usize]) -> Vec<usize> {
    lengths.iter().zip(strides).fold(vec![0], |offsets, (&length, &stride)| {
        offsets.iter().flat_map(|&base| (0..length).map(move |i| base + i * stride)).collect()
    })
}

/// A view of `tensor` with its labelled axes in the order `all` and length-1 axes for the rest.
fn spread(tensor: &Tensor, labels: &[char], all: &[char]) -> Tensor {
    let present: Vec<usize> = all.iter().filter_map(|label| labels.iter().position(|l| l == label)).collect();
    let ordered = tensor.permute(&present);
    let mut dims = ordered.shape().iter();
    let spread: Vec<usize> =
        all.iter().map(|label| if labels.contains(label) { *dims.next().unwrap_or(&1) } else { 1 }).collect();
    ordered.reshape(spread)
}

/// Labels for matrix products of operands with these ranks; the leading axes run in step, or are absent on one side.
fn matmul_labels(a: usize, b: usize) -> Contract {
    let label = |i: usize| (b'a' + i as u8) as char;
    let batch = |rank: usize| (0..rank.saturating_sub(2)).rev().map(label).collect::<Vec<_>>();
    let longer = batch(a.max(b));
    let with = |labels: &[char], last: &[char]| labels.iter().chain(last).copied().collect();
    Contract {
        a: with(&batch(a), if a >= 2 { &['m', 'k'] } else { &['k'] }),
        b: with(&batch(b), if b >= 2 { &['k', 'n'] } else { &['k'] }),
        out: [longer, if a >= 2 { vec!['m'] } else { vec![] }, if b >= 2 { vec!['n'] } else { vec![] }]
            .concat(),
    }
}

impl Tensor {
    #[track_caller]
    pub(crate) fn contract_as(&self, contract: Contract, other: &Tensor) -> Tensor {
        self.graph().push(contract, &[self, other])
    }

    /// A sum of products over labelled axes: `a.einsum("btk,kn->btn", &w)`.
    #[track_caller]
    pub fn einsum(&self, equation: &str, other: &Tensor) -> Tensor {
        match Contract::parse(equation) {
            Ok(contract) => self.contract_as(contract, other),
            Err(detail) => self.graph().refuse("einsum", detail, &[self, other]),
        }
    }

    /// Matrix product over the last two axes; leading axes run in step and may be absent on one side.
    /// A vector counts as a row on the left and as a column on the right.
    #[track_caller]
    pub fn matmul(&self, other: &Tensor) -> Tensor {
        let ranks = (self.shape().len(), other.shape().len());
        if ranks.0 == 0 || ranks.1 == 0 {
            return self.graph().refuse(
                "matmul",
                "a scalar has no matrix product; multiply with *".into(),
                &[self, other],
            );
        }
        self.contract_as(matmul_labels(ranks.0, ranks.1), other)
    }
}
