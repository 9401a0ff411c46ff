//! Epilogue fusion: what is done to every element of a contraction's result is done while the tile is in cache.
//!
//! Biases, activations, residuals, scalings and the addition of an earlier gradient thus cost no pass over memory of
//! their own. Where the bare result is needed later too, it is written as one more output.

use luminal::prelude::{Graph as Luminal, NodeIndex};

use super::program::{ProgramBuilder, is_elementwise};
use super::rewrite::{Rewriter, Value};
use super::timeline::Timeline;
use super::{Pass, Rewritten};
use crate::ops::{Contract, FusedContract, Op};
use crate::shape::Shape;

/// Replaces contractions and the elementwise operators that read them by contractions with an epilogue.
#[derive(Clone, Copy, Debug)]
pub struct EpilogueFusion;

/// Fewer neighbouring columns than this make tiles that a matrix product is slow on.
const MIN_COLUMNS: usize = 16;

impl Pass for EpilogueFusion {
    fn name(&self) -> &'static str {
        "epilogue-fusion"
    }

    fn rewrite(&self, graph: &mut Luminal) -> Rewritten {
        let mut timeline = Timeline::new(graph);
        let order = timeline.order().to_vec();
        let mut rewriter = Rewriter::new(graph);
        let (mut fused, mut contractions) = (0, 0);
        // Of two contractions that are added, the later one takes the sum.
        for index in order.into_iter().rev() {
            if matches!(rewriter.op(index), Some(Op::Contract(_))) {
                contractions += 1;
                fused += usize::from(fuse(&mut rewriter, &mut timeline, index).is_some());
            }
        }
        rewriter.finish(format!("gave {fused} of {contractions} contractions an epilogue"))
    }
}

fn fuse(rewriter: &mut Rewriter<'_>, timeline: &mut Timeline, index: NodeIndex) -> Option<()> {
    let contract = match rewriter.op(index)? {
        Op::Contract(contract) => contract.clone(),
        _ => return None,
    };
    let operands = rewriter.sources(index);
    let last = rewriter.consumers(index).min_by_key(|&reader| timeline.place(reader))?;
    let is_epilogue = rewriter.op(last).is_some_and(|op| is_elementwise(op) || matches!(op, Op::Fused(_)));
    if !is_epilogue || !has_dense_columns(rewriter, &contract, &operands)? {
        return None;
    }
    let place = timeline.place(last);
    let others: Vec<NodeIndex> = rewriter.consumers(index).filter(|&reader| reader != last).collect();
    let graph = rewriter.graph();
    let elements = rewriter.shape((index, 0))?.elements();
    let possible = others.iter().all(|&reader| timeline.read_at(graph, reader) > place);
    if !possible || !timeline.is_light(graph, &operands, timeline.place(index), place, elements) {
        return None;
    }
    let outputs = crate::node::node(graph, last)?.outputs.len();
    let mut results: Vec<Value> = (0..outputs).map(|output| (last, output as u8)).collect();
    if !others.is_empty() {
        results.push((index, 0));
    }
    let mut builder = ProgramBuilder::new(graph);
    builder.value((index, 0));
    builder.append(last)?;
    let (epilogue, inputs) = builder.finish(&results)?;
    let inputs: Vec<Value> = operands.into_iter().chain(inputs.into_iter().skip(1)).collect();
    let (fused, _) = rewriter.insert(FusedContract { contract, epilogue }, &inputs, last)?;
    timeline.set_place(fused, place);
    timeline.read(rewriter.graph(), &inputs, place);
    if others.is_empty() {
        rewriter.replace(last, fused);
        return Some(());
    }
    let bare = rewriter.pick((fused, outputs as u8), last)?.0;
    match outputs {
        1 => {
            let result = rewriter.pick((fused, 0), last)?.0;
            timeline.set_place(result, place);
            rewriter.replace(last, result);
        }
        // Its outputs are picked already.
        _ => rewriter.replace(last, fused),
    }
    timeline.set_place(bare, place);
    rewriter.replace(index, bare);
    Some(())
}

/// Whether neighbours in the result are neighbouring columns of a matrix product, and enough of them: an epilogue
/// works on rows of a tile.
fn has_dense_columns(rewriter: &Rewriter<'_>, contract: &Contract, operands: &[Value]) -> Option<bool> {
    let shapes: Vec<Shape> =
        operands.iter().map(|&operand| rewriter.shape(operand)).collect::<Option<_>>()?;
    let is_long = |label: &&char| contract.length(**label, &shapes).is_some_and(|length| length != 1);
    let Some(last) = contract.out.iter().rev().find(is_long) else { return Some(true) };
    let sides = |label: &char| (contract.a.contains(label), contract.b.contains(label));
    let fellows = contract.out.iter().filter(|label| is_long(label) && sides(label) == sides(last)).count();
    Some(sides(last) != (true, true) && (fellows == 1 || contract.length(*last, &shapes)? >= MIN_COLUMNS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::testing::check_with;
    use crate::passes::{ElementwiseFusion, run};
    use crate::tensor::Tensor;

    fn inputs() -> [(&'static str, Shape); 3] {
        [("x", [4, 3].into()), ("w", [3, 5].into()), ("b", [5].into())]
    }

    #[track_caller]
    fn check(fused: usize, of: usize, left: &str, build: impl Fn(&[Tensor]) -> Vec<Tensor>) {
        let said = format!("gave {fused} of {of} contractions an epilogue");
        check_with(&EpilogueFusion, &said, left, &inputs(), |_, x| build(x));
    }

    #[test]
    fn a_bias_is_added_in_the_tile() {
        check(1, 1, "expand contract+", |x| vec![x[0].matmul(&x[1]) + &x[2]]);
        check(1, 1, "expand contract+", |x| vec![&x[2] - x[0].matmul(&x[1])]);
    }

    #[test]
    fn a_result_that_is_needed_later_too_is_written() {
        check(1, 1, "contract+ pick pick sum", |x| {
            let y = x[0].matmul(&x[1]);
            vec![y.tanh(), y.sum(&[0])]
        });
    }

    #[test]
    fn a_result_that_is_needed_before_is_not_held_up() {
        check(0, 1, "contract maximum over axes reshape expand sub", |x| {
            let y = x[0].matmul(&x[1]);
            vec![&y - y.max(&[1]).unsqueeze(1)]
        });
    }

    #[test]
    fn of_two_products_the_later_one_adds() {
        check(1, 2, "contract flip contract+", |x| vec![x[0].matmul(&x[1]) + (x[0].flip(0)).matmul(&x[1])]);
    }

    #[test]
    fn a_result_whose_neighbours_are_different_products_stays() {
        check(0, 1, "contract exp", |x| vec![x[0].einsum("ab,bc->cab", &x[1]).exp()]);
    }

    #[test]
    fn programs_of_several_outputs_move_into_the_tile() {
        let graph = crate::Graph::new();
        let x: Vec<Tensor> = inputs().iter().map(|&(name, shape)| graph.input(name, shape)).collect();
        let hidden = x[0].matmul(&x[1]) + &x[2];
        graph.output("active", &hidden.gelu());
        graph.output("slope", &hidden.sum(&[0]));
        let said = graph
            .with_luminal_mut(|luminal| [run(&ElementwiseFusion, luminal), run(&EpilogueFusion, luminal)]);
        assert_eq!(said, ["fused 2 operators into 1 programs", "gave 1 of 1 contractions an epilogue"]);
    }
}
