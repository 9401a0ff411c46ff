//! Elementwise fusion: neighbouring elementwise operators become one program, and what passes between them stays in
//! the cache.
//!
//! Nodes are visited from the last to the first, and each joins the group of those that read it, if all members of
//! the group can run where its last one does: whatever else reads a member must come later still. A member that is
//! read outside the group becomes one of its outputs.

use luminal::prelude::{Graph as Luminal, NodeIndex};
use rustc_hash::FxHashMap;

use super::program::{ProgramBuilder, is_elementwise};
use super::rewrite::{Rewriter, Value};
use super::timeline::Timeline;
use super::{Pass, Rewritten};
use crate::node::{node, sources};
use crate::ops::{Fused, Program};

/// Replaces groups of elementwise operators by fused programs.
#[derive(Clone, Copy, Debug)]
pub struct ElementwiseFusion;

impl Pass for ElementwiseFusion {
    fn name(&self) -> &'static str {
        "elementwise-fusion"
    }

    fn rewrite(&self, graph: &mut Luminal) -> Rewritten {
        let groups: Vec<Group> = Groups::of(graph).into_iter().filter(|group| group.len() > 1).collect();
        let mut rewriter = Rewriter::new(graph);
        let (mut fused, mut programs) = (0, 0);
        for group in groups {
            if fuse(&mut rewriter, &group).is_some() {
                fused += group.len();
                programs += 1;
            }
        }
        rewriter.finish(format!("fused {fused} operators into {programs} programs"))
    }
}

/// Nodes that run together, in order.
type Group = Vec<NodeIndex>;

struct Groups<'g> {
    graph: &'g Luminal,
    /// Every member of a group stands at the place where the group runs.
    timeline: Timeline,
    groups: Vec<Group>,
    group_of: FxHashMap<NodeIndex, usize>,
    /// Places before any fusion.
    rank: FxHashMap<NodeIndex, usize>,
}

impl Groups<'_> {
    fn of(graph: &Luminal) -> Vec<Group> {
        let timeline = Timeline::new(graph);
        let mut order = timeline.order().to_vec();
        order.retain(|&index| node(graph, index).is_some_and(|node| is_elementwise(&node.op)));
        let rank = order.iter().enumerate().map(|(rank, &index)| (index, rank)).collect();
        let mut groups = Groups { graph, timeline, groups: Vec::new(), group_of: FxHashMap::default(), rank };
        order.into_iter().rev().for_each(|index| groups.visit(index));
        groups.groups
    }

    fn visit(&mut self, index: NodeIndex) {
        let own = self.groups.len();
        self.groups.push(vec![index]);
        self.group_of.insert(index, own);
        let mut readers: Vec<usize> =
            self.consumers(index).filter_map(|consumer| self.group_of.get(&consumer).copied()).collect();
        readers.sort_unstable_by_key(|&group| (self.place(group), group));
        readers.dedup();
        let Some(&first) = readers.first() else { return };
        let all: Vec<usize> = readers.into_iter().chain([own]).collect();
        if !self.merge(&all) {
            self.merge(&[first, own]);
        }
    }

    fn consumers(&self, index: NodeIndex) -> impl Iterator<Item = NodeIndex> {
        self.graph.graph.neighbors(index)
    }

    fn place(&self, group: usize) -> usize {
        self.groups[group].first().map_or(0, |&member| self.timeline.place(member))
    }

    /// Makes several groups one, if that is possible and good.
    fn merge(&mut self, groups: &[usize]) -> bool {
        let place = groups.iter().map(|&group| self.place(group)).max().unwrap_or(0);
        let mut members: Group =
            groups.iter().flat_map(|&group| self.groups[group].iter().copied()).collect();
        members.sort_unstable_by_key(|index| self.rank[index]);
        if !self.can_run_at(place, &members)
            || !groups.iter().all(|&group| self.is_light(group, place, &members))
            || program(self.graph, &members).is_none()
        {
            return false;
        }
        self.timeline.read(self.graph, &self.inputs(&members, &members), place);
        for &member in &members {
            self.timeline.set_place(member, place);
            self.group_of.insert(member, groups[0]);
        }
        groups.iter().for_each(|&group| self.groups[group].clear());
        self.groups[groups[0]] = members;
        true
    }

    /// Whether everything else that reads a member comes after this place.
    fn can_run_at(&self, place: usize, members: &Group) -> bool {
        let is_later =
            |reader| members.contains(&reader) || self.timeline.read_at(self.graph, reader) > place;
        members.iter().all(|&member| self.consumers(member).all(is_later))
    }

    /// Whether a group may run at this place, with these members, without keeping much memory alive.
    fn is_light(&self, group: usize, place: usize, members: &Group) -> bool {
        let from = self.place(group);
        let freed = || outputs(self.graph, &self.groups[group]).len() * self.elements(group);
        from == place
            || self.timeline.is_light(
                self.graph,
                &self.inputs(&self.groups[group], members),
                from,
                place,
                freed(),
            )
    }

    /// What a group reads that no member of another computes.
    fn inputs(&self, group: &Group, others: &Group) -> Vec<Value> {
        let all = group.iter().flat_map(|&member| sources(self.graph, member));
        all.filter(|(source, _)| !others.contains(source)).collect()
    }

    fn elements(&self, group: usize) -> usize {
        let first = self.groups[group].first().and_then(|&member| node(self.graph, member));
        first.map_or(0, |node| node.outputs[0].elements())
    }
}

/// Members that are read outside the group.
fn outputs(graph: &Luminal, group: &Group) -> Vec<Value> {
    let is_read =
        |&&member: &&NodeIndex| graph.graph.neighbors(member).any(|reader| !group.contains(&reader));
    group.iter().filter(is_read).map(|&member| (member, 0)).collect()
}

/// A group as a program, with its inputs; nothing if it is too large.
fn program(graph: &Luminal, group: &Group) -> Option<(Program, Vec<Value>)> {
    let mut builder = ProgramBuilder::new(graph);
    for &member in group {
        builder.append(member)?;
    }
    builder.finish(&outputs(graph, group))
}

/// Puts a program in a group's place.
fn fuse(rewriter: &mut Rewriter<'_>, group: &Group) -> Option<()> {
    let &last = group.last()?;
    let outputs = outputs(rewriter.graph(), group);
    let (program, inputs) = program(rewriter.graph(), group)?;
    let (fused, _) = rewriter.insert(Fused { program }, &inputs, last)?;
    if let [(only, _)] = outputs[..] {
        rewriter.replace(only, fused);
        return Some(());
    }
    let picks: Vec<NodeIndex> = (0..outputs.len())
        .map(|output| Some(rewriter.pick((fused, output as u8), last)?.0))
        .collect::<Option<_>>()?;
    for ((output, _), pick) in outputs.into_iter().zip(picks) {
        rewriter.replace(output, pick);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::testing::check;
    use crate::tensor::Tensor;

    fn fused(operators: usize, programs: usize) -> String {
        format!("fused {operators} operators into {programs} programs")
    }

    #[test]
    fn a_chain_with_numbers_is_one_program() {
        check(&ElementwiseFusion, &fused(4, 1), "fused", |_, x| vec![((x * 2.0).tanh() + 1.0).exp()]);
    }

    #[test]
    fn a_value_that_is_needed_later_too_becomes_an_output() {
        check(&ElementwiseFusion, &fused(2, 1), "fused pick pick sum", |_, x| {
            let hidden = x.exp();
            let active = hidden.tanh();
            vec![active, hidden.sum(&[0])]
        });
    }

    #[test]
    fn a_value_that_is_needed_before_stays_where_it_is() {
        check(&ElementwiseFusion, &fused(0, 0), "exp sum expand div", |_, x| {
            let weights = x.exp();
            vec![&weights / weights.sum(&[0])]
        });
    }

    #[test]
    fn a_view_is_no_reader_until_it_is_read() {
        check(&ElementwiseFusion, &fused(3, 1), "fused pick permute pick sum", |_, x| {
            let weights = x.exp();
            let turned = weights.transpose(0, 1);
            vec![(&weights * 2.0).tanh(), turned.sum(&[0])]
        });
    }

    #[test]
    fn readers_of_one_value_run_together() {
        check(&ElementwiseFusion, &fused(3, 1), "fused pick pick permute", |_, x| {
            let shared = x.exp();
            vec![shared.tanh(), shared.square().transpose(0, 1)]
        });
    }

    #[test]
    fn a_program_does_not_outgrow_its_limits() {
        check(&ElementwiseFusion, &fused(100, 2), "fused fused", |_, x| {
            vec![(0..100).fold(x, |y, _| y.sin())]
        });
        let many = |x: &Tensor| (0..20).map(|i| x.slice(0, 0, 1).flip(1) * i as f32).collect::<Vec<_>>();
        check(&ElementwiseFusion, &fused(0, 0), &["slice flip mul"; 20].join(" "), |_, x| many(&x));
    }
}
