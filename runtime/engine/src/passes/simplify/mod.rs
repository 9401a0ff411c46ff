//! Simplification by algebra, until no rule applies.
//!
//! Every rule removes an operator, moves a view or a scaling towards the result, or moves a reduction towards the
//! leaves; none undoes another, so this ends.

mod arithmetic;
mod sums;
mod views;

use std::collections::VecDeque;

use luminal::prelude::{Graph as Luminal, NodeIndex};
use rustc_hash::FxHashSet;

use super::constant_folding::fold_splat;
use super::rewrite::Rewriter;
use super::{Pass, Rewritten};
use crate::node::topological;

/// Applies the rules of algebra that save work.
#[derive(Clone, Copy, Debug)]
pub struct Simplify;

/// Gives the node that may stand for another, if the rule applies.
type Rule = fn(&mut Rewriter<'_>, NodeIndex) -> Option<NodeIndex>;

const RULES: [Rule; 15] = [
    fold_splat,
    arithmetic::neutral_element,
    arithmetic::double_negation,
    arithmetic::stop_gradient,
    arithmetic::merged_scaling,
    arithmetic::certain_choice,
    views::identity,
    views::of_splat,
    views::of_view,
    sums::of_repeated,
    sums::of_length_one,
    sums::of_sum,
    sums::of_scaled,
    sums::of_pads,
    sums::of_one_part,
];

impl Pass for Simplify {
    fn name(&self) -> &'static str {
        "simplify"
    }

    fn rewrite(&self, graph: &mut Luminal) -> Rewritten {
        let mut open: VecDeque<NodeIndex> = topological(graph).into();
        let mut queued: FxHashSet<NodeIndex> = open.iter().copied().collect();
        let mut rewriter = Rewriter::new(graph);
        let mut applied = 0;
        while let Some(index) = open.pop_front() {
            queued.remove(&index);
            let known = rewriter.inserted().len();
            let Some(simpler) = RULES.iter().find_map(|rule| rule(&mut rewriter, index)) else { continue };
            rewriter.replace(index, simpler);
            applied += 1;
            let inserted = rewriter.inserted()[known..].iter().copied();
            let changed = inserted.chain([simpler]).chain(rewriter.consumers(simpler));
            open.extend(changed.filter(|&node| queued.insert(node)));
        }
        rewriter.finish(format!("simplified {applied} times"))
    }
}
