//! When nodes run and how long their values live, for passes that move work.
//!
//! A node may move back to where another one runs as long as everything that reads it comes later still: then no
//! cycle can arise, and there is no path to search for.

use luminal::prelude::{Graph as Luminal, NodeIndex};
use rustc_hash::FxHashMap;

use super::rewrite::{Value, first_source};
use crate::node::{node, sources, topological};
use crate::ops::Op;

/// Moves over no more places than this are made whatever they keep alive; that is not for long.
pub const NEAR: usize = 24;

/// The order of all nodes, and the last place where each value is read.
pub struct Timeline {
    order: Vec<NodeIndex>,
    place: FxHashMap<NodeIndex, usize>,
    last_read: FxHashMap<NodeIndex, usize>,
}

impl Timeline {
    /// The timeline of a graph.
    pub fn new(graph: &Luminal) -> Timeline {
        let order = topological(graph);
        let place: FxHashMap<NodeIndex, usize> =
            order.iter().enumerate().map(|(place, &index)| (index, place)).collect();
        let mut last_read = FxHashMap::default();
        for (&index, place) in order.iter().zip(0..) {
            let lasting = match node(graph, index).map(|node| &node.op) {
                Some(Op::View(_) | Op::Pick(_)) => continue,
                Some(Op::Output(_)) => usize::MAX,
                _ => place,
            };
            for (source, _) in sources(graph, index) {
                let last = last_read.entry(memory(graph, source)).or_insert(0);
                *last = lasting.max(*last);
            }
        }
        Timeline { order, place, last_read }
    }

    /// All nodes, in order.
    pub fn order(&self) -> &[NodeIndex] {
        &self.order
    }

    /// Where a node runs.
    pub fn place(&self, index: NodeIndex) -> usize {
        self.place.get(&index).copied().unwrap_or(usize::MAX)
    }

    /// Says where a node runs.
    pub fn set_place(&mut self, index: NodeIndex, place: usize) {
        self.place.insert(index, place);
    }

    /// Where a reader of a value runs; a view is read where the first of its own readers runs.
    pub fn read_at(&self, graph: &Luminal, reader: NodeIndex) -> usize {
        match node(graph, reader).map(|node| &node.op) {
            Some(Op::View(_) | Op::Pick(_)) => graph
                .graph
                .neighbors(reader)
                .map(|next| self.read_at(graph, next))
                .min()
                .unwrap_or(usize::MAX),
            _ => self.place(reader),
        }
    }

    /// Whether reading `values` at `to` instead of `from` keeps no more memory than the `freed` elements alive that
    /// are made later in turn.
    pub fn is_light(&self, graph: &Luminal, values: &[Value], from: usize, to: usize, freed: usize) -> bool {
        if to.saturating_sub(from) <= NEAR {
            return true;
        }
        let mut roots: Vec<NodeIndex> = values.iter().map(|&(source, _)| memory(graph, source)).collect();
        roots.sort_unstable();
        roots.dedup();
        let kept = roots.into_iter().filter(|root| self.last_read.get(root).is_none_or(|&last| last < to));
        kept.map(|root| elements(graph, root)).sum::<usize>() <= freed
    }

    /// Whether a value is in memory at a place anyway, or nearly so.
    pub fn is_kept_until(&self, graph: &Luminal, (source, _): Value, place: usize) -> bool {
        let root = memory(graph, source);
        elements(graph, root) == 0
            || self.last_read.get(&root).is_some_and(|&last| last.saturating_add(NEAR) >= place)
    }

    /// Records that `values` are read at `place`.
    pub fn read(&mut self, graph: &Luminal, values: &[Value], place: usize) {
        for &(source, _) in values {
            let last = self.last_read.entry(memory(graph, source)).or_insert(0);
            *last = place.max(*last);
        }
    }
}

/// The node whose memory a node shows.
fn memory(graph: &Luminal, mut index: NodeIndex) -> NodeIndex {
    while let Some(Op::View(_) | Op::Pick(_)) = node(graph, index).map(|node| &node.op) {
        match first_source(graph, index) {
            Some(source) => index = source,
            None => break,
        }
    }
    index
}

/// Elements of the arena that a node's result takes.
fn elements(graph: &Luminal, index: NodeIndex) -> usize {
    match node(graph, index) {
        Some(node) if !matches!(node.op, Op::State(_) | Op::Constant(_)) => node.outputs[0].elements(),
        _ => 0,
    }
}
