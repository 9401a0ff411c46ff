//! The order in which nodes run.
//!
//! Building order, with three changes: what makes one number, and an update of state, runs as soon as its inputs are
//! there, so that gradients die young; a gradient that is much larger than what it is made of is made last, when the
//! activations are gone; and an update runs after every reader of the old state where that is possible, so that it can
//! happen in place.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use luminal::prelude::{Graph as Luminal, NodeIndex};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::node::{Node, consumers, node, sources};
use crate::ops::Op;
use crate::shape::Shape;

/// All nodes that a sink needs, in the order they run.
pub fn schedule(graph: &Luminal) -> Vec<NodeIndex> {
    let live = live_nodes(graph);
    let mut waiting = Waiting::new(graph, &live);
    let mut ready: BinaryHeap<Reverse<(u64, NodeIndex)>> = BinaryHeap::new();
    let mut places = FxHashMap::default();
    let leaves = live.iter().filter(|&&index| waiting.is_ready(index));
    ready.extend(leaves.map(|&index| Reverse((place(graph, index, &places), index))));
    let mut order = Vec::with_capacity(live.len());
    while order.len() < live.len() {
        let index = match ready.pop() {
            Some(Reverse((_, index))) => index,
            // Only updates that must run before a reader of the old state are left: their state gets a copy.
            None => match waiting.held_back(&places) {
                Some(index) => index,
                None => break,
            },
        };
        if places.contains_key(&index) {
            continue;
        }
        places.insert(index, place(graph, index, &places));
        order.push(index);
        let next = waiting.finish(graph, index).into_iter().filter(|next| !places.contains_key(next));
        ready.extend(next.map(|next| Reverse((place(graph, next, &places), next))));
    }
    order
}

/// Everything a sink depends on.
pub fn live_nodes(graph: &Luminal) -> Vec<NodeIndex> {
    let is_sink =
        |&index: &NodeIndex| matches!(node(graph, index).map(|n| &n.op), Some(Op::Output(_) | Op::Assign(_)));
    let mut open: Vec<NodeIndex> = graph.graph.node_indices().filter(is_sink).collect();
    let mut live: FxHashSet<NodeIndex> = open.iter().copied().collect();
    while let Some(index) = open.pop() {
        open.extend(
            sources(graph, index).into_iter().map(|(source, _)| source).filter(|&source| live.insert(source)),
        );
    }
    let mut live: Vec<NodeIndex> = live.into_iter().collect();
    live.sort_unstable();
    live
}

/// The places in the order of the nodes that ran.
type Places = FxHashMap<NodeIndex, u64>;

/// The place behind everything that was built.
const LAST: u64 = 1 << 63;

/// Place in the order: when it was built. Leaves come first, as they take no work, and states and inputs of an
/// optimizer are declared after all gradients. What should run as soon as its inputs are there shares their place.
fn place(graph: &Luminal, index: NodeIndex, places: &Places) -> u64 {
    let Some(node) = node(graph, index) else { return 0 };
    let sources = sources(graph, index);
    match sources.is_empty() || is_one_number(node) || updates_state_only(graph, index) {
        true => sources.iter().filter_map(|(source, _)| places.get(source)).copied().max().unwrap_or(0),
        false if can_wait(graph, index) => LAST + node.sequence,
        false => node.sequence,
    }
}

fn is_one_number(node: &Node) -> bool {
    node.outputs.iter().all(|shape| shape.elements() == 1)
}

/// Elements of a result over those of its operands, from which on it is better to keep the operands.
const MUCH_LARGER: usize = 8;

/// Whether a result is a gradient, by size worth making as late as possible: that of a wide layer on a small batch.
fn can_wait(graph: &Luminal, index: NodeIndex) -> bool {
    let mut operands: Vec<NodeIndex> =
        sources(graph, index).into_iter().map(|(source, _)| maker(graph, source)).collect();
    operands.sort_unstable();
    operands.dedup();
    let kept: usize = operands.into_iter().map(|operand| elements(graph, operand)).sum();
    elements(graph, index) >= MUCH_LARGER * kept.max(1) && only_updates_follow(graph, index)
}

/// Elements of the arena that a node's results take.
fn elements(graph: &Luminal, index: NodeIndex) -> usize {
    match node(graph, index) {
        Some(node) if !matches!(node.op, Op::State(_) | Op::Constant(_)) => {
            node.outputs.iter().map(Shape::elements).sum()
        }
        _ => 0,
    }
}

/// Whether nothing comes of a node but updates of state, on the way to them sums of its own size and single numbers, as
/// a norm is.
fn only_updates_follow(graph: &Luminal, index: NodeIndex) -> bool {
    let size = elements(graph, index);
    let mut seen = FxHashSet::from_iter([index]);
    let mut open = vec![index];
    while let Some(index) = open.pop() {
        for (next, ..) in consumers(graph, index) {
            if !seen.insert(next) || updates_state_only(graph, next) {
                continue;
            }
            match node(graph, next) {
                Some(node) if matches!(node.op, Op::Output(_)) => return false,
                Some(node) if is_one_number(node) || elements(graph, next) == size => open.push(next),
                _ => return false,
            }
        }
    }
    true
}

fn updates_state_only(graph: &Luminal, index: NodeIndex) -> bool {
    let Some(node) = node(graph, index) else { return false };
    let passes_on = match &node.op {
        Op::Assign(_) => return true,
        Op::View(_) | Op::Pick(_) => true,
        op => !op.as_operator().updates().is_empty(),
    };
    passes_on && consumers(graph, index).into_iter().all(|(consumer, ..)| updates_state_only(graph, consumer))
}

/// What each node still waits for.
struct Waiting {
    inputs: FxHashMap<NodeIndex, usize>,
    readers: FxHashMap<NodeIndex, usize>,
    /// Updates that wait for a reader of the state they overwrite.
    releases: FxHashMap<NodeIndex, Vec<NodeIndex>>,
}

impl Waiting {
    fn new(graph: &Luminal, live: &[NodeIndex]) -> Waiting {
        let alive: FxHashSet<NodeIndex> = live.iter().copied().collect();
        let inputs = live.iter().map(|&index| (index, sources(graph, index).len())).collect();
        let mut waiting = Waiting { inputs, readers: FxHashMap::default(), releases: FxHashMap::default() };
        for &index in live {
            let Some(Op::Assign(_)) = node(graph, index).map(|node| &node.op) else { continue };
            let [(state, _), (value, _)] = sources(graph, index)[..] else { continue };
            // What a leaf holds is there from the start; only storing it has to wait.
            let made_by = maker(graph, value);
            let update = if sources(graph, made_by).is_empty() { index } else { made_by };
            for reader in
                readers(graph, state).into_iter().filter(|reader| *reader != update && alive.contains(reader))
            {
                *waiting.readers.entry(update).or_default() += 1;
                waiting.releases.entry(reader).or_default().push(update);
            }
        }
        waiting
    }

    fn is_ready(&self, index: NodeIndex) -> bool {
        self.inputs[&index] == 0 && self.readers.get(&index).is_none_or(|&count| count == 0)
    }

    /// The first node that only waits for readers.
    fn held_back(&self, places: &Places) -> Option<NodeIndex> {
        let candidates =
            self.inputs.iter().filter(|&(index, &count)| count == 0 && !places.contains_key(index));
        candidates.map(|(&index, _)| index).min()
    }

    /// Marks a node as run and gives those that became ready.
    fn finish(&mut self, graph: &Luminal, index: NodeIndex) -> Vec<NodeIndex> {
        let mut touched = Vec::new();
        for (consumer, ..) in consumers(graph, index) {
            if let Some(count) = self.inputs.get_mut(&consumer) {
                *count -= 1;
                touched.push(consumer);
            }
        }
        for update in self.releases.remove(&index).unwrap_or_default() {
            if let Some(count) = self.readers.get_mut(&update) {
                *count -= 1;
                touched.push(update);
            }
        }
        touched.retain(|&next| self.is_ready(next));
        touched.sort_unstable();
        touched.dedup();
        touched
    }
}

/// The node that computes what a chain of views shows.
fn maker(graph: &Luminal, mut index: NodeIndex) -> NodeIndex {
    while let Some(Op::View(_) | Op::Pick(_)) = node(graph, index).map(|node| &node.op) {
        index = sources(graph, index)[0].0;
    }
    index
}

/// Nodes that read a state, directly or through views; assignments to it are none.
fn readers(graph: &Luminal, index: NodeIndex) -> Vec<NodeIndex> {
    let mut found = Vec::new();
    for (consumer, input, _) in consumers(graph, index) {
        match node(graph, consumer).map(|node| &node.op) {
            Some(Op::View(_) | Op::Pick(_)) => found.extend(readers(graph, consumer)),
            Some(Op::Assign(_)) if input == 0 => {}
            _ => found.push(consumer),
        }
    }
    found
}
