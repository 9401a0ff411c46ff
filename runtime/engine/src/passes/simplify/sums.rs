//! Rules for reductions and for the sums of padded tensors that gradients of slices are.

use luminal::prelude::NodeIndex;

use super::arithmetic::{scaled, scaling};
use crate::ops::{Binary, BinaryKind, Concat, Op, Pad, Reduce, ReduceKind, View};
use crate::passes::rewrite::{Rewriter, Value};
use crate::shape::{AxisSet, Shape};

/// A reduction of a repeated tensor reduces what is repeated, and multiplies a sum by the repetitions.
pub fn of_repeated(rewriter: &mut Rewriter<'_>, index: NodeIndex) -> Option<NodeIndex> {
    let Op::Reduce(Reduce { kind, axes }) = *rewriter.op(index)? else { return None };
    let expanded = rewriter.source(index)?;
    let Op::View(View::Expand(wide)) = *rewriter.op(expanded.0)? else { return None };
    let source = rewriter.source(expanded.0)?;
    let narrow = rewriter.shape(source)?;
    let added = wide.len() - narrow.len();
    let is_repeated = |axis: usize| axis < added || narrow[axis - added] != wide[axis];
    let times: usize = axes.iter().filter(|&axis| is_repeated(axis)).map(|axis| wide[axis]).product();
    if times == 0 || !(0..wide.len()).any(is_repeated) {
        return None;
    }
    let own: AxisSet = axes.iter().filter(|&axis| axis >= added).map(|axis| axis - added).collect();
    let counted: AxisSet = own.iter().filter(|&axis| !is_repeated(axis + added)).collect();
    let reduced = match counted.is_empty() {
        true => source,
        false => rewriter.insert(Reduce { kind, axes: counted }, &[source], index)?,
    };
    let reshaped = rewriter.reshape(reduced, narrow.without(own), index)?;
    let result = rewriter.expand(reshaped, wide.without(axes), index)?;
    match kind {
        ReduceKind::Sum if times != 1 => scaled(rewriter, result, times as f32, index),
        _ => Some(result.0),
    }
}

/// A reduction over axes of length 1 changes the shape only.
pub fn of_length_one(rewriter: &mut Rewriter<'_>, index: NodeIndex) -> Option<NodeIndex> {
    let Op::Reduce(Reduce { kind, axes }) = *rewriter.op(index)? else { return None };
    let source = rewriter.source(index)?;
    let shape = rewriter.shape(source)?;
    let single: AxisSet = axes.iter().filter(|&axis| shape[axis] == 1).collect();
    if single.is_empty() {
        return None;
    }
    let reshaped = rewriter.reshape(source, shape.without(single), index)?;
    let rest: AxisSet =
        kept(&shape, single).enumerate().filter(|&(_, axis)| axes.contains(axis)).map(|(at, _)| at).collect();
    match rest.is_empty() {
        true => Some(reshaped.0),
        false => Some(rewriter.insert(Reduce { kind, axes: rest }, &[reshaped], index)?.0),
    }
}

/// A sum of sums, or a maximum of maxima, is one.
pub fn of_sum(rewriter: &mut Rewriter<'_>, index: NodeIndex) -> Option<NodeIndex> {
    let Op::Reduce(outer) = rewriter.op(index)? else { return None };
    let inner_index = rewriter.source(index)?.0;
    let Op::Reduce(inner) = rewriter.op(inner_index)? else { return None };
    if inner.kind != outer.kind || !rewriter.has_sole_consumer(inner_index) {
        return None;
    }
    let source = rewriter.source(inner_index)?;
    let left =
        kept(&rewriter.shape(source)?, inner.axes).enumerate().filter(|&(at, _)| outer.axes.contains(at));
    let axes = inner.axes.iter().chain(left.map(|(_, axis)| axis)).collect();
    let merged = Reduce { kind: outer.kind, axes };
    Some(rewriter.insert(merged, &[source], index)?.0)
}

/// A sum of scaled values is scaled once.
pub fn of_scaled(rewriter: &mut Rewriter<'_>, index: NodeIndex) -> Option<NodeIndex> {
    let Op::Reduce(reduce @ Reduce { kind: ReduceKind::Sum, .. }) = rewriter.op(index)?.clone() else {
        return None;
    };
    let product = rewriter.source(index)?.0;
    let (x, factor) = scaling(rewriter, product).filter(|_| rewriter.has_sole_consumer(product))?;
    let sum = rewriter.insert(reduce, &[x], index)?;
    scaled(rewriter, sum, factor as f32, index)
}

/// A sum of tensors padded at different places of one axis is their concatenation, with zeros in the gaps.
pub fn of_pads(rewriter: &mut Rewriter<'_>, index: NodeIndex) -> Option<NodeIndex> {
    let is_add = |index| matches!(rewriter.op(index), Some(Op::Binary(Binary(BinaryKind::Add))));
    let is_inner = rewriter.has_sole_consumer(index) && rewriter.consumers(index).any(is_add);
    if !is_add(index) || is_inner {
        return None;
    }
    let (terms, shape) = (terms(rewriter, index), rewriter.shape((index, 0))?);
    let (axis, parts) =
        (0..shape.len()).find_map(|axis| Some((axis, disjoint_parts(rewriter, &terms, axis)?)))?;
    let joined = concatenation(rewriter, &parts, axis, shape, index)?;
    let others = terms.into_iter().filter(|term| !parts.iter().any(|part| part.padded == *term));
    let add = |sum: Option<Value>, term| rewriter.insert(Binary(BinaryKind::Add), &[sum?, term], index);
    Some(others.fold(Some(joined), add)?.0)
}

/// The concatenation of one tensor is that tensor.
pub fn of_one_part(rewriter: &mut Rewriter<'_>, index: NodeIndex) -> Option<NodeIndex> {
    match (rewriter.op(index)?, &rewriter.sources(index)[..]) {
        (Op::Concat(_), &[(source, _)]) => Some(source),
        _ => None,
    }
}

/// A padded tensor, and where along the padded axis the tensor itself lies.
struct Part {
    padded: Value,
    tensor: Value,
    start: usize,
    end: usize,
}

/// The terms that are padded along an axis, in order, if there are several and they do not overlap.
fn disjoint_parts(rewriter: &Rewriter<'_>, terms: &[Value], axis: usize) -> Option<Vec<Part>> {
    let part = |&padded: &Value| match *rewriter.op(padded.0)? {
        Op::Pad(Pad { axis: along, before: start, .. }) if along == axis => {
            let tensor = rewriter.source(padded.0)?;
            Some(Part { padded, tensor, start, end: start + rewriter.shape(tensor)?[axis] })
        }
        _ => None,
    };
    let mut parts: Vec<Part> = terms.iter().filter_map(part).collect();
    parts.sort_by_key(|part| (part.start, part.end));
    let disjoint = parts.windows(2).all(|pair| pair[0].end <= pair[1].start);
    (parts.len() > 1 && disjoint).then_some(parts)
}

/// What a tree of additions adds up; a sum that is needed itself is a term.
fn terms(rewriter: &Rewriter<'_>, root: NodeIndex) -> Vec<Value> {
    let (mut open, mut terms) = (rewriter.sources(root), Vec::new());
    open.reverse();
    while let Some(value) = open.pop() {
        let sum = matches!(rewriter.op(value.0), Some(Op::Binary(Binary(BinaryKind::Add))));
        match sum && rewriter.consumers(value.0).count() == 1 {
            true => open.extend(rewriter.sources(value.0).into_iter().rev()),
            false => terms.push(value),
        }
    }
    terms
}

/// The parts one after another along an axis of a tensor of this shape, with zeros between them.
fn concatenation(
    rewriter: &mut Rewriter<'_>,
    parts: &[Part],
    axis: usize,
    shape: Shape,
    at: NodeIndex,
) -> Option<Value> {
    let starts = parts.iter().map(|part| part.start).chain([shape[axis]]);
    let ends = [0].into_iter().chain(parts.iter().map(|part| part.end));
    let mut tensors = parts.iter().map(|part| part.tensor);
    let mut joined = Vec::new();
    for (gap_start, gap_end) in ends.zip(starts) {
        if gap_end > gap_start {
            let mut gap = shape.to_vec();
            gap[axis] = gap_end - gap_start;
            joined.push(rewriter.full(gap.into(), 0.0, at)?);
        }
        joined.extend(tensors.next());
    }
    rewriter.insert(Concat { axis }, &joined, at)
}

/// Axes that are not dropped, in order.
fn kept(shape: &Shape, dropped: AxisSet) -> impl Iterator<Item = usize> + use<> {
    (0..shape.len()).filter(move |&axis| !dropped.contains(axis))
}

#[cfg(test)]
mod tests {
    use crate::passes::Simplify;
    use crate::passes::testing::check;

    #[test]
    fn a_sum_over_repetitions_multiplies() {
        check(&Simplify, "simplified 1 times", "sum mul", |_, x| vec![x.expand([4, 2, 3]).sum(&[0, 2])]);
        check(&Simplify, "simplified 1 times", "", |_, x| vec![x.expand([4, 2, 3]).max(&[0])]);
        check(&Simplify, "simplified 1 times", "reshape sum expand", |_, x| {
            vec![x.reshape([2, 1, 3]).expand([2, 5, 3]).sum(&[2])]
        });
    }

    #[test]
    fn the_sum_of_a_repeated_number_is_a_number() {
        check(&Simplify, "simplified 3 times", "mul", |graph, x| vec![x * graph.full([5, 3], 2.0).sum(&[0])]);
    }

    #[test]
    fn reductions_merge_and_lose_axes_of_length_one() {
        check(&Simplify, "simplified 1 times", "sum", |_, x| vec![x.sum(&[0]).sum(&[0])]);
        check(&Simplify, "simplified 3 times", "maximum over axes", |_, x| {
            vec![x.reshape([2, 1, 3]).max(&[1, 2])]
        });
        check(&Simplify, "simplified 0 times", "maximum over axes sum", |_, x| vec![x.max(&[0]).sum(&[0])]);
    }

    #[test]
    fn a_factor_leaves_the_sum() {
        check(&Simplify, "simplified 2 times", "sum mul", |_, x| vec![(x * 2.0).sum(&[1]) * 0.25]);
    }

    #[test]
    fn gradients_of_a_split_are_concatenated() {
        check(&Simplify, "simplified 1 times", "slice slice slice concat", |_, x| {
            let parts = x.split(1, 3);
            let [a, b, c] = [&parts[0], &parts[1], &parts[2]];
            vec![a.pad(1, 0, 2) + c.pad(1, 2, 0) + b.pad(1, 1, 1)]
        });
    }

    #[test]
    fn gaps_between_pads_are_filled_and_other_terms_stay() {
        check(&Simplify, "simplified 2 times", "slice slice tanh sum expand concat add", |_, x| {
            let (first, last) = (x.slice(0, 0, 1), x.slice(0, 1, 1));
            vec![first.tanh().pad(0, 1, 3) + x.expand([5, 2, 3]).sum(&[1]) + last.pad(0, 4, 0)]
        });
    }

    #[test]
    fn pads_that_overlap_stay() {
        check(&Simplify, "simplified 0 times", "pad pad add", |_, x| vec![x.pad(1, 0, 1) + x.pad(1, 1, 0)]);
    }
}
