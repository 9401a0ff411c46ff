//! Recomputation: what is cheap to compute again is not kept from the forward to the backward pass.
//!
//! An activation or a layer norm is read right after it is made, and once more when the weight behind it gets its
//! gradient. Its own input is kept in between anyway, for the derivative; so the result is dropped after the first
//! reading and made again, by the same operator and to the same bits, for the second (Chen et al., Training Deep Nets
//! with Sublinear Memory Cost, arXiv 1604.06174, in the case that costs next to nothing).

use luminal::prelude::{Graph as Luminal, NodeIndex};

use super::rewrite::Rewriter;
use super::timeline::{NEAR, Timeline};
use super::{Pass, Rewritten};
use crate::ops::{Op, UnaryKind};

/// Gives late readers of a cheap result a copy of the operator that makes it.
#[derive(Clone, Copy, Debug)]
pub struct Recomputation {
    /// Results of fewer elements are kept: they are worth no kernel.
    pub min_elements: usize,
}

impl Default for Recomputation {
    /// From a quarter of a million elements, a mebibyte, on.
    fn default() -> Recomputation {
        Recomputation { min_elements: 1 << 18 }
    }
}

impl Pass for Recomputation {
    fn name(&self) -> &'static str {
        "recomputation"
    }

    fn rewrite(&self, graph: &mut Luminal) -> Rewritten {
        let mut timeline = Timeline::new(graph);
        let order = timeline.order().to_vec();
        let mut rewriter = Rewriter::new(graph);
        // From the last to the first: a copy is itself a late reader of what it is made from.
        let copies = order.into_iter().rev().filter(|&index| self.copy(&mut rewriter, &mut timeline, index));
        let summary = format!("made {} results again", copies.count());
        rewriter.finish(summary)
    }
}

impl Recomputation {
    /// Copies a node for its late readers, if it has such and is worth it.
    fn copy(&self, rewriter: &mut Rewriter<'_>, timeline: &mut Timeline, index: NodeIndex) -> bool {
        let Some(op) = rewriter.op(index).filter(|op| is_cheap(op)).cloned() else { return false };
        if rewriter.shape((index, 0)).is_none_or(|shape| shape.elements() < self.min_elements) {
            return false;
        }
        let mut readers = readers(rewriter, index);
        readers.sort_unstable_by_key(|&(_, reader)| timeline.read_at(rewriter.graph(), reader));
        let place = timeline.place(index);
        let is_late = |&(_, reader): &(NodeIndex, NodeIndex)| {
            let read = timeline.read_at(rewriter.graph(), reader);
            read > place + NEAR && read != usize::MAX
        };
        let late = readers.split_off(readers.partition_point(|reader| !is_late(reader)));
        let Some(&(_, first)) = late.first().filter(|_| !readers.is_empty()) else { return false };
        let inputs = rewriter.sources(index);
        let when = timeline.read_at(rewriter.graph(), first);
        if !inputs.iter().all(|&input| timeline.is_kept_until(rewriter.graph(), input, when)) {
            return false;
        }
        let Some((copy, _)) = rewriter.insert(op, &inputs, first) else { return false };
        timeline.set_place(copy, when);
        timeline.read(rewriter.graph(), &inputs, when);
        late.into_iter().for_each(|(from, reader)| rewriter.redirect(from, reader, copy));
        true
    }
}

/// Operators that take no longer than reading and writing their operands.
fn is_cheap(op: &Op) -> bool {
    match op {
        Op::Unary(unary) => unary.0 != UnaryKind::StopGradient,
        Op::LayerNorm(_) => true,
        _ => false,
    }
}

/// What reads a node's first output, each with the node that it reads it from: the node or a pick.
fn readers(rewriter: &Rewriter<'_>, index: NodeIndex) -> Vec<(NodeIndex, NodeIndex)> {
    let mut found = Vec::new();
    for reader in rewriter.consumers(index) {
        match rewriter.op(reader) {
            Some(Op::Pick(pick)) if pick.output == 0 => {
                found.extend(rewriter.consumers(reader).map(|next| (reader, next)));
            }
            Some(Op::Pick(_)) => {}
            _ => found.push((index, reader)),
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::Recomputation;
    use crate::graph::Graph;
    use crate::passes::testing::{check, long, long_left};
    use crate::tensor::Tensor;

    const PASS: Recomputation = Recomputation { min_elements: 1 };

    fn left(first: &str, last: &str) -> String {
        format!("{first} {} {last}", long_left())
    }

    #[test]
    fn an_activation_is_made_again_for_a_late_reader_if_its_input_is_there() {
        let build = |_: &Graph, x: Tensor| {
            let hidden = x.sin();
            let active = hidden.gelu();
            vec![long(&active) * &active + hidden]
        };
        check(&PASS, "made 1 results again", &left("sin gelu", "gelu mul add"), build);
    }

    #[test]
    fn an_activation_whose_input_is_gone_is_kept() {
        let build = |_: &Graph, x: Tensor| {
            let active = x.sin().gelu();
            vec![long(&active) + active]
        };
        check(&PASS, "made 0 results again", &left("sin gelu", "add"), build);
    }
}
