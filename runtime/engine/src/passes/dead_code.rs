//! Dead-code elimination: what no output and no assignment needs is removed.

use luminal::prelude::Graph as Luminal;
use rustc_hash::FxHashSet;

use super::{Pass, Rewritten};
use crate::plan::live_nodes;

/// Removes nodes that no sink needs.
#[derive(Clone, Copy, Debug)]
pub struct DeadCode;

impl Pass for DeadCode {
    fn name(&self) -> &'static str {
        "dead-code"
    }

    fn rewrite(&self, graph: &mut Luminal) -> Rewritten {
        let live: FxHashSet<_> = live_nodes(graph).into_iter().collect();
        let before = graph.graph.node_count();
        graph.graph.retain_nodes(|_, index| live.contains(&index));
        let removed = before - graph.graph.node_count();
        Rewritten { summary: format!("removed {removed} of {before} nodes"), ..Rewritten::default() }
    }
}
