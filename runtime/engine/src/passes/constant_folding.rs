//! Constant folding: what is computed from constants alone becomes a constant.

use luminal::prelude::{Graph as Luminal, NodeIndex};

use super::rewrite::{Rewriter, Value};
use super::{Pass, Rewritten};
use crate::array::Array;
use crate::node::topological;
use crate::ops::{Constant, Op, Program};
use crate::shape::Shape;

/// The largest result that is kept in the plan instead of being computed.
const MAX_RESULT: usize = 1 << 16;

/// The most work done in the slow reference arithmetic for one node.
const MAX_WORK: u64 = 1 << 22;

/// Replaces operators on constants by constants. A constant that is repeated by views stays so.
#[derive(Clone, Copy, Debug)]
pub struct ConstantFolding;

impl Pass for ConstantFolding {
    fn name(&self) -> &'static str {
        "constant-folding"
    }

    fn rewrite(&self, graph: &mut Luminal) -> Rewritten {
        let order = topological(graph);
        let mut rewriter = Rewriter::new(graph);
        let mut folded = 0;
        for index in order {
            if let Some(constant) =
                fold_splat(&mut rewriter, index).or_else(|| fold_array(&mut rewriter, index))
            {
                rewriter.replace(index, constant);
                folded += 1;
            }
        }
        rewriter.finish(format!("folded {folded} nodes"))
    }
}

/// An elementwise operator on repeated numbers, as a repeated number.
pub fn fold_splat(rewriter: &mut Rewriter<'_>, index: NodeIndex) -> Option<NodeIndex> {
    let op = rewriter.op(index).filter(|op| Program::of(op).is_some())?;
    let sources = rewriter.sources(index);
    let numbers: Vec<f32> = sources.iter().map(|&source| rewriter.splat(source)).collect::<Option<_>>()?;
    if numbers.is_empty() {
        return None;
    }
    let arrays: Vec<Array> = numbers.into_iter().map(|number| Array::scalar(f64::from(number))).collect();
    let [result] = &op.as_operator().reference(&arrays.iter().collect::<Vec<_>>(), &[Shape::SCALAR])[..]
    else {
        return None;
    };
    let number = result.to_f32()[0];
    let shape = rewriter.shape((index, 0))?;
    Some(rewriter.full(shape, number, index)?.0)
}

/// Any operator with one small output on constants.
fn fold_array(rewriter: &mut Rewriter<'_>, index: NodeIndex) -> Option<NodeIndex> {
    let op = rewriter.op(index)?;
    let named = matches!(op, Op::Output(_) | Op::Assign(_) | Op::View(_) | Op::Pick(_));
    let sources = rewriter.sources(index);
    if named || sources.is_empty() || !sources.iter().all(|&source| is_constant(rewriter, source)) {
        return None;
    }
    let shape = rewriter.shape((index, 0))?;
    let shapes: Vec<Shape> = sources.iter().map(|&source| rewriter.shape(source)).collect::<Option<_>>()?;
    let outputs = op.as_operator().infer(&shapes).ok()?;
    let cost = op.as_operator().cost(&shapes, &outputs);
    if outputs.len() != 1 || shape.elements() > MAX_RESULT || cost.flops + cost.bytes > MAX_WORK {
        return None;
    }
    let arrays: Vec<Array> =
        sources.iter().map(|&source| value_of(rewriter, source)).collect::<Option<_>>()?;
    let [result] = &op.as_operator().reference(&arrays.iter().collect::<Vec<_>>(), &outputs)[..] else {
        return None;
    };
    let constant = Constant { shape, data: result.to_f32().into() };
    Some(rewriter.insert(constant, &[], index)?.0)
}

fn is_constant(rewriter: &Rewriter<'_>, (index, _): Value) -> bool {
    match rewriter.op(index) {
        Some(Op::Constant(_)) => true,
        Some(Op::View(_)) => rewriter.source(index).is_some_and(|source| is_constant(rewriter, source)),
        _ => false,
    }
}

/// The elements of a constant seen through views.
fn value_of(rewriter: &Rewriter<'_>, (index, output): Value) -> Option<Array> {
    match rewriter.op(index)? {
        Op::Constant(constant) => Some(Array::from_f32(constant.shape, &constant.data)),
        view => {
            let source = value_of(rewriter, rewriter.source(index)?)?;
            view.as_operator().reference(&[&source], &[rewriter.shape((index, output))?]).pop()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::testing::check;

    #[test]
    fn constants_are_computed_and_repeated_numbers_stay_repeated() {
        check(&ConstantFolding, "folded 3 nodes", "mul expand add", |graph, x| {
            let half = graph.full([2, 3], 1.0) / 2.0;
            let grid = graph.constant([3], vec![1.0, 2.0, 3.0]).square() * 2.0;
            vec![x * half + grid]
        });
    }

    #[test]
    fn what_depends_on_an_input_or_is_large_stays() {
        check(&ConstantFolding, "folded 0 nodes", "exp permute expand expand mul", |graph, x| {
            let column = graph.constant([400, 1], vec![0.5; 400]);
            vec![x.exp(), &column * column.transpose(0, 1)]
        });
    }

    #[test]
    fn reductions_and_products_of_constants_fold() {
        check(&ConstantFolding, "folded 2 nodes", "expand add", |graph, x| {
            let grid = graph.constant([3, 3], (0..9).map(|i| i as f32).collect::<Vec<_>>());
            vec![x + grid.matmul(&grid).sum(&[0])]
        });
    }
}
