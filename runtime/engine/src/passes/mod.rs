//! Passes: rewrites of the graph that keep its meaning. Each is a luminal [`Compiler`], has a name to be switched
//! off by, and says what it did.

mod common_subexpression;
mod constant_folding;
mod contraction_recovery;
mod dead_code;
mod elementwise_fusion;
mod epilogue_fusion;
mod program;
mod recomputation;
mod rewrite;
mod simplify;
mod slice_copies;
#[cfg(test)]
mod testing;
mod timeline;

use std::cell::RefCell;

use luminal::prelude::{Compiler, Graph as Luminal, NodeIndex, ToIdsMut};
use rustc_hash::FxHashMap;

pub use common_subexpression::CommonSubexpression;
pub use constant_folding::ConstantFolding;
pub use contraction_recovery::ContractionRecovery;
pub use dead_code::DeadCode;
pub use elementwise_fusion::ElementwiseFusion;
pub use epilogue_fusion::EpilogueFusion;
pub use recomputation::Recomputation;
pub use simplify::Simplify;
pub use slice_copies::SliceCopies;

/// A rewrite of the graph.
pub trait Pass {
    /// Its name, in reports and to switch it off.
    fn name(&self) -> &'static str;

    /// Rewrites the graph.
    fn rewrite(&self, graph: &mut Luminal) -> Rewritten;
}

/// What a pass did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rewritten {
    /// In words, for the plan.
    pub summary: String,
    /// Nodes that another node now stands for.
    pub replaced: FxHashMap<NodeIndex, NodeIndex>,
}

/// All passes, in the order they run: what is computed shrinks first, then contractions are found and copies merged,
/// then little is kept of what is read little and nothing of what is cheap to compute again, then what is left is fused,
/// elementwise programs before the contractions that take them in.
pub fn all() -> Vec<Box<dyn Pass>> {
    vec![
        Box::new(DeadCode),
        Box::new(ConstantFolding),
        Box::new(Simplify),
        Box::new(ContractionRecovery),
        Box::new(CommonSubexpression),
        Box::new(SliceCopies::default()),
        Box::new(Recomputation::default()),
        Box::new(ElementwiseFusion),
        Box::new(EpilogueFusion),
    ]
}

/// Runs a pass through luminal's interface and returns what it did, in words.
pub fn run(pass: &dyn Pass, graph: &mut Luminal) -> String {
    let compiler = AsCompiler { pass, summary: RefCell::default() };
    compiler.compile(graph, ());
    compiler.summary.into_inner()
}

/// A pass as luminal sees it: callers' node indices are kept up to date.
pub struct AsCompiler<'a> {
    /// The pass.
    pub pass: &'a dyn Pass,
    /// What it did, once it ran.
    pub summary: RefCell<String>,
}

impl Compiler for AsCompiler<'_> {
    fn compile<T: ToIdsMut>(&self, graph: &mut Luminal, mut remap: T) {
        let rewritten = self.pass.rewrite(graph);
        for index in remap.to_ids_mut() {
            while let Some(&now) = rewritten.replaced.get(index) {
                *index = now;
            }
        }
        self.summary.replace(rewritten.summary);
    }
}
