//! Contraction recovery: sums of products of repeated operands become contractions.
//!
//! A matrix product written with elementary operators repeats both operands over each other's axes, multiplies, and
//! sums. What it is shows when every axis of the product is followed, up through the sums and down through the views
//! of each operand: axes that both operands have and that are summed are the sum of the contraction, axes that both
//! have and that stay run in step, axes of one operand are its rows or columns. No pattern is matched, so gradients
//! of products are found like the products themselves.

use luminal::prelude::{Graph as Luminal, NodeIndex};

use super::rewrite::{Rewriter, Value};
use super::{Pass, Rewritten};
use crate::node::topological;
use crate::ops::{Binary, BinaryKind, Contract, Op, Reduce, ReduceKind, View};
use crate::shape::{AxisSet, Shape};

/// Replaces sums of products by contractions.
#[derive(Clone, Copy, Debug)]
pub struct ContractionRecovery;

impl Pass for ContractionRecovery {
    fn name(&self) -> &'static str {
        "contraction-recovery"
    }

    fn rewrite(&self, graph: &mut Luminal) -> Rewritten {
        let order = topological(graph);
        let mut rewriter = Rewriter::new(graph);
        let mut recovered = 0;
        // The last of several sums comes first, and takes the others along.
        for index in order.into_iter().rev() {
            if let Some(contraction) = recover(&mut rewriter, index) {
                rewriter.replace(index, contraction);
                recovered += 1;
            }
        }
        rewriter.finish(format!("recovered {recovered} contractions"))
    }
}

/// Labels of a tensor's axes; axes of length 1 have none.
type Labels = Vec<Option<char>>;

/// A product that is summed: its factors, labelled, and which labels are left.
struct SummedProduct {
    shape: Shape,
    factors: [Factor; 2],
    out: Vec<char>,
}

/// A tensor before it was repeated.
struct Factor {
    tensor: Value,
    labels: Labels,
}

fn recover(rewriter: &mut Rewriter<'_>, index: NodeIndex) -> Option<NodeIndex> {
    let product = summed_product(rewriter, index)?;
    let [a, b] = &product.factors;
    let has = |factor: &Factor, label: &char| factor.labels.contains(&Some(*label));
    let all: Vec<char> = labels_of(&product.shape).into_iter().flatten().collect();
    let is_summed = |label: &char| !product.out.contains(label);
    let is_shared = |label: &char| has(a, label) && has(b, label);
    let covered = all.iter().all(|label| has(a, label) || has(b, label));
    let sums = all.iter().any(|label| is_summed(label) && is_shared(label));
    if !covered || !sums || !is_spread(rewriter, &product)? {
        return None;
    }
    let lonely: Vec<char> =
        all.iter().copied().filter(|label| is_summed(label) && !is_shared(label)).collect();
    let [a, b] = product.factors;
    let (a, a_labels) = without(rewriter, a, &lonely, index)?;
    let (b, b_labels) = without(rewriter, b, &lonely, index)?;
    let contract = Contract { a: a_labels, b: b_labels, out: product.out };
    let result = rewriter.insert(contract, &[a, b], index)?;
    Some(rewriter.reshape(result, rewriter.shape((index, 0))?, index)?.0)
}

/// Whether the product is larger than both factors, so that a contraction saves making it. A product of tensors of
/// its own shape is summed as well by a fused reduction.
fn is_spread(rewriter: &Rewriter<'_>, product: &SummedProduct) -> Option<bool> {
    let [a, b] = &product.factors;
    let largest = rewriter.shape(a.tensor)?.elements().max(rewriter.shape(b.tensor)?.elements());
    Some(product.shape.elements() > largest)
}

/// The product that a sum adds up, found down a chain of sums and views that nothing else reads.
fn summed_product(rewriter: &Rewriter<'_>, index: NodeIndex) -> Option<SummedProduct> {
    if !matches!(rewriter.op(index)?, Op::Reduce(Reduce { kind: ReduceKind::Sum, .. })) {
        return None;
    }
    let mut chain = vec![index];
    let product = loop {
        let next = rewriter.source(*chain.last()?)?.0;
        if !rewriter.has_sole_consumer(next) {
            return None;
        }
        match rewriter.op(next)? {
            Op::Binary(Binary(BinaryKind::Mul)) => break next,
            Op::Reduce(Reduce { kind: ReduceKind::Sum, .. })
            | Op::View(View::Permute(_) | View::Reshape(_)) => chain.push(next),
            _ => return None,
        }
    };
    let shape = rewriter.shape((product, 0))?;
    let labels = labels_of(&shape);
    let out = chain.iter().rev().try_fold(labels.clone(), |labels, &step| above(rewriter, step, labels))?;
    let [a, b] = rewriter.sources(product)[..] else { return None };
    let factors = [below(rewriter, a, labels.clone())?, below(rewriter, b, labels)?];
    Some(SummedProduct { shape, factors, out: out.into_iter().flatten().collect() })
}

fn labels_of(shape: &Shape) -> Labels {
    shape.iter().zip('a'..).map(|(&dim, label)| (dim != 1).then_some(label)).collect()
}

/// Labels of a node's result from those of its source.
fn above(rewriter: &Rewriter<'_>, index: NodeIndex, labels: Labels) -> Option<Labels> {
    match rewriter.op(index)? {
        Op::View(View::Permute(axes)) => Some(axes.iter().map(|&axis| labels[axis]).collect()),
        Op::View(View::Reshape(shape)) => relabel(&rewriter.shape(rewriter.source(index)?)?, shape, &labels),
        Op::Reduce(reduce) => {
            let kept = labels.into_iter().enumerate().filter(|&(axis, _)| !reduce.axes.contains(axis));
            Some(kept.map(|(_, label)| label).collect())
        }
        _ => None,
    }
}

/// Labels after a reshape that adds or drops axes of length 1; nothing for other reshapes.
fn relabel(from: &Shape, to: &Shape, labels: &Labels) -> Option<Labels> {
    let long = |shape: &Shape| shape.iter().copied().filter(|&dim| dim != 1).collect::<Vec<_>>();
    if long(from) != long(to) {
        return None;
    }
    let mut kept = from.iter().zip(labels).filter(|&(&dim, _)| dim != 1).map(|(_, &label)| label);
    Some(to.iter().map(|&dim| if dim == 1 { None } else { kept.next().flatten() }).collect())
}

/// The tensor under the views that repeat a factor, with the labels of its own axes.
fn below(rewriter: &Rewriter<'_>, mut tensor: Value, mut labels: Labels) -> Option<Factor> {
    while let Op::View(view) = rewriter.op(tensor.0)? {
        let source = rewriter.source(tensor.0)?;
        let shape = rewriter.shape(source)?;
        let moved = match view {
            View::Permute(axes) => {
                let mut moved = vec![None; axes.len()];
                axes.iter().zip(&labels).for_each(|(&from, &label)| moved[from] = label);
                Some(moved)
            }
            View::Expand(wide) => {
                let own = labels[wide.len() - shape.len()..].iter().zip(shape.iter());
                Some(own.map(|(&label, &dim)| if dim == 1 { None } else { label }).collect())
            }
            View::Reshape(to) => relabel(to, &shape, &labels),
            View::Slice { .. } | View::Flip(_) => None,
        };
        match moved {
            Some(moved) => (tensor, labels) = (source, moved),
            None => break,
        }
    }
    Some(Factor { tensor, labels })
}

/// A factor summed over the labels in `lonely`, which the other factor does not have, without axes of length 1.
fn without(
    rewriter: &mut Rewriter<'_>,
    factor: Factor,
    lonely: &[char],
    at: NodeIndex,
) -> Option<(Value, Vec<char>)> {
    let shape = rewriter.shape(factor.tensor)?;
    let single: AxisSet = (0..shape.len()).filter(|&axis| factor.labels[axis].is_none()).collect();
    let tensor = rewriter.reshape(factor.tensor, shape.without(single), at)?;
    let labels: Vec<char> = factor.labels.into_iter().flatten().collect();
    let axes: AxisSet = (0..labels.len()).filter(|&axis| lonely.contains(&labels[axis])).collect();
    if axes.is_empty() {
        return Some((tensor, labels));
    }
    let sum = rewriter.insert(Reduce { kind: ReduceKind::Sum, axes }, &[tensor], at)?;
    Some((sum, labels.into_iter().filter(|label| !lonely.contains(label)).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::testing::check_with;
    use crate::tensor::Tensor;

    #[track_caller]
    fn check(left: &str, a: &[usize], b: &[usize], build: impl Fn(&Tensor, &Tensor) -> Tensor) {
        let found = left.contains("contract") as usize;
        let said = format!("recovered {found} contractions");
        let inputs = [("a", Shape::new(a)), ("b", Shape::new(b))];
        check_with(&ContractionRecovery, &said, left, &inputs, |_, x| vec![build(&x[0], &x[1])]);
    }

    fn spread(a: &Tensor, b: &Tensor) -> Tensor {
        a.unsqueeze(2).expand([4, 3, 5]) * b.expand([4, 3, 5])
    }

    #[test]
    fn a_matrix_product_by_hand() {
        check("contract", &[4, 3], &[3, 5], |a, b| spread(a, b).sum(&[1]));
    }

    #[test]
    fn through_permutes_and_several_sums() {
        check("contract permute reshape", &[4, 3], &[3, 5], |a, b| {
            spread(a, b).permute(&[1, 2, 0]).sum(&[0]).transpose(0, 1).unsqueeze(1)
        });
        check("sum contract reshape", &[4, 3], &[3, 5], |a, b| spread(a, b).sum(&[0]).unsqueeze(0).sum(&[1]));
    }

    #[test]
    fn batches_run_in_step() {
        check("contract", &[2, 4, 3], &[2, 3, 5], |a, b| {
            (a.unsqueeze(3).expand([2, 4, 3, 5]) * b.unsqueeze(1).expand([2, 4, 3, 5])).sum(&[2])
        });
    }

    #[test]
    fn axes_of_length_one_come_back() {
        check("contract reshape", &[4, 3], &[3, 5], |a, b| spread(a, b).reshape([1, 4, 3, 5, 1]).sum(&[2]));
    }

    #[test]
    fn one_tensor_on_both_sides() {
        check("contract", &[4, 3], &[1], |a, _| {
            (a.unsqueeze(1).expand([4, 4, 3]) * a.unsqueeze(0).expand([4, 4, 3])).sum(&[2])
        });
    }

    #[test]
    fn the_gradient_of_a_product_by_hand() {
        let inputs = [("a", [4, 3].into()), ("b", [3, 5].into())];
        check_with(
            &ContractionRecovery,
            "recovered 3 contractions",
            "contract square sum mul mul contract contract reshape reshape",
            &inputs,
            |graph, x| {
                let y = spread(&x[0], &x[1]).sum(&[1]);
                let loss = y.square().sum_all();
                let gradients = graph.gradients(&loss, x).expect("differentiable");
                [vec![loss], gradients].concat()
            },
        );
    }

    #[test]
    fn what_saves_nothing_stays() {
        check("mul sum", &[4, 3], &[4, 3], |a, b| (a * b).sum(&[1]));
        check("reshape expand mul sum", &[4, 3], &[3], |a, b| (a * b.unsqueeze(0)).sum(&[0]));
        check("reshape expand expand mul maximum over axes", &[4, 3], &[3, 5], |a, b| spread(a, b).max(&[1]));
    }

    #[test]
    fn a_product_that_is_needed_itself_stays() {
        check("reshape expand expand mul sum reshape expand add", &[4, 3], &[3, 5], |a, b| {
            let product = spread(a, b);
            product.sum(&[1]).unsqueeze(1) + product
        });
    }
}
