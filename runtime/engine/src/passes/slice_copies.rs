//! Slice copies: small parts of a large result that are read late are copied, so that the rest can go.
//!
//! A slice is a view and keeps all that it is cut from. A regularizer reads the token maps of two samples, and reads
//! them again in the backward pass; a class token is one of two hundred.

use luminal::prelude::{Graph as Luminal, NodeIndex};

use super::rewrite::{Rewriter, Value};
use super::timeline::{NEAR, Timeline};
use super::{Pass, Rewritten};
use crate::ops::{Copy, Op};

/// Copies small slices of results that nothing else keeps.
#[derive(Clone, Copy, Debug)]
pub struct SliceCopies {
    /// Results of fewer elements are kept: they are worth no kernel.
    pub min_elements: usize,
}

impl Default for SliceCopies {
    /// From a quarter of a million elements, a mebibyte, on.
    fn default() -> SliceCopies {
        SliceCopies { min_elements: 1 << 18 }
    }
}

/// Elements of a result over those of all its copied slices, at least.
const SMALL: usize = 4;

impl Pass for SliceCopies {
    fn name(&self) -> &'static str {
        "slice-copies"
    }

    fn rewrite(&self, graph: &mut Luminal) -> Rewritten {
        let timeline = Timeline::new(graph);
        let mut rewriter = Rewriter::new(graph);
        let copies: usize =
            timeline.order().iter().map(|&index| self.copy(&mut rewriter, &timeline, index)).sum();
        rewriter.finish(format!("copied {copies} slices"))
    }
}

/// A reading of a result.
struct Reading {
    /// The views that it goes through, from the result on.
    views: Vec<NodeIndex>,
    /// What is left of the result behind them.
    elements: usize,
    place: usize,
}

impl SliceCopies {
    /// Copies the late slices of a node's result, if they are small and alone keep it. Gives their number.
    fn copy(&self, rewriter: &mut Rewriter<'_>, timeline: &Timeline, index: NodeIndex) -> usize {
        let elements = elements(rewriter, index);
        let is_made = matches!(rewriter.op(index), Some(op) if !matches!(op, Op::View(_) | Op::Pick(_)));
        if elements < self.min_elements || !is_made || rewriter.sources(index).is_empty() {
            return 0;
        }
        let mut readings = Vec::new();
        collect(rewriter, timeline, &mut vec![index], &mut readings);
        let (small, large): (Vec<_>, Vec<_>) =
            readings.into_iter().partition(|reading| SMALL * reading.elements <= elements);
        let last = large.iter().map(|reading| reading.place).fold(timeline.place(index), usize::max);
        let mut late: Vec<_> =
            small.into_iter().filter(|reading| reading.place > last.saturating_add(NEAR)).collect();
        late.sort_by_key(|reading| reading.views.last().copied());
        late.dedup_by_key(|reading| reading.views.last().copied());
        if SMALL * late.iter().map(|slice| slice.elements).sum::<usize>() > elements {
            return 0;
        }
        late.iter().filter_map(|slice| copy_slice(rewriter, index, &slice.views)).count()
    }
}

/// All that reads what the last of `path` shows, a result or a view of it.
fn collect(
    rewriter: &Rewriter<'_>,
    timeline: &Timeline,
    path: &mut Vec<NodeIndex>,
    found: &mut Vec<Reading>,
) {
    let Some(&shown) = path.last() else { return };
    for reader in rewriter.consumers(shown) {
        let place = match rewriter.op(reader) {
            Some(Op::View(_)) => {
                path.push(reader);
                collect(rewriter, timeline, path, found);
                path.pop();
                continue;
            }
            // Another output is other memory.
            Some(Op::Pick(pick)) if pick.output > 0 => continue,
            Some(Op::Output(_) | Op::Pick(_)) => usize::MAX,
            _ => timeline.place(reader),
        };
        found.push(Reading { views: path[1..].to_vec(), elements: elements(rewriter, shown), place });
    }
}

/// Copies what `views` show of a node's result as soon as it has run.
fn copy_slice(rewriter: &mut Rewriter<'_>, of: NodeIndex, views: &[NodeIndex]) -> Option<()> {
    let mut shown: Value = (of, 0);
    for &view in views {
        let op = rewriter.op(view)?.clone();
        shown = rewriter.insert(op, &[shown], of)?;
    }
    let (copied, _) = rewriter.insert(Copy, &[shown], of)?;
    rewriter.replace(*views.last()?, copied);
    Some(())
}

fn elements(rewriter: &Rewriter<'_>, index: NodeIndex) -> usize {
    rewriter.shape((index, 0)).map_or(0, |shape| shape.elements())
}

#[cfg(test)]
mod tests {
    use super::SliceCopies;
    use crate::graph::Graph;
    use crate::passes::testing::{check_with, long, long_left};
    use crate::tensor::Tensor;

    #[track_caller]
    fn check(summary: &str, left: &str, build: impl Fn(&Tensor) -> Vec<Tensor>) {
        let pass = SliceCopies { min_elements: 1 };
        let left = left.replace("long", &long_left());
        check_with(&pass, summary, &left, &[("x", [8, 3].into())], |_: &Graph, x| build(&x[0]));
    }

    #[test]
    fn a_small_slice_that_is_read_late_is_copied_once() {
        check("copied 1 slices", "sin slice copy long slice mul add", |x| {
            let map = x.sin();
            let (after, late) = (long(&map).slice(0, 0, 2), map.slice(0, 1, 2));
            vec![&after * &late + &late]
        });
    }

    #[test]
    fn a_slice_of_what_is_kept_anyway_is_read_where_it_is() {
        check("copied 0 slices", "sin long slice slice mul add", |x| {
            let map = x.sin();
            let after = long(&map);
            vec![after.slice(0, 0, 2) * map.slice(0, 1, 2), after + map]
        });
    }

    #[test]
    fn slices_that_are_most_of_a_result_are_read_where_they_are() {
        check("copied 0 slices", "sin long slice slice slice slice mul mul mul", |x| {
            let map = x.sin();
            let after = long(&map).slice(0, 0, 2);
            let parts = [0, 2, 4].map(|start| map.slice(0, start, 2));
            vec![parts.iter().fold(after, |product, part| product * part)]
        });
    }
}
