//! Dead-code elimination: what no output and no assignment needs is removed.

use luminal::prelude::{Graph as Luminal, NodeIndex};
use rustc_hash::FxHashSet;

use super::{Pass, Rewritten};
use crate::node::{node, sources};
use crate::plan::live_nodes;

/// Removes nodes that no sink needs. Nodes of luminal's own stay, with all they need, and so does what luminal was
/// told to keep: they belong to whoever mixes luminal's typed tensors in.
#[derive(Clone, Copy, Debug)]
pub struct DeadCode;

impl Pass for DeadCode {
    fn name(&self) -> &'static str {
        "dead-code"
    }

    fn rewrite(&self, graph: &mut Luminal) -> Rewritten {
        let mut live: FxHashSet<NodeIndex> = live_nodes(graph).into_iter().collect();
        let is_luminals =
            |&index: &NodeIndex| node(graph, index).is_none() || graph.no_delete.contains(&index);
        let mut open: Vec<NodeIndex> = graph.graph.node_indices().filter(is_luminals).collect();
        while let Some(index) = open.pop() {
            if live.insert(index) {
                open.extend(sources(graph, index).into_iter().map(|(source, _)| source));
            }
        }
        let before = graph.graph.node_count();
        graph.graph.retain_nodes(|_, index| live.contains(&index));
        let removed = before - graph.graph.node_count();
        Rewritten { summary: format!("removed {removed} of {before} nodes"), ..Rewritten::default() }
    }
}
