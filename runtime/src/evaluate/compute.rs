//! The products and maps that measurements share, run by the engine.

use equilayer_engine::{CompileOptions, CpuExecutor, CpuOptions, Executor, Graph, PlanCache};

use super::error::EvaluateError;
use crate::action::SampledMap;

/// Rows of the left and of the right matrix in a block of a product: a block's result stays in the cache's reach.
const BLOCK: [usize; 2] = [256, 4096];

/// Shapes of blocks: whole ones and the last ones on either side.
const SHAPES: usize = 4;

/// An executor for small graphs.
pub(super) struct Compute {
    executor: CpuExecutor,
}

impl Compute {
    pub(super) fn new() -> Result<Compute, EvaluateError> {
        Ok(Compute { executor: CpuExecutor::new(CpuOptions::default())? })
    }

    /// Inner products of all rows of `left` with all rows of `right`, block by block: `visit` gets the first row of
    /// each side and the block `[rows of left, rows of right]`. All blocks of the right side come before the next of
    /// the left, so memory is a block's, however many rows there are.
    pub(super) fn products(
        &mut self,
        left: &[f32],
        right: &[f32],
        width: usize,
        mut visit: impl FnMut([usize; 2], &[f32], [usize; 2]),
    ) -> Result<(), EvaluateError> {
        let mut plans = PlanCache::new(SHAPES);
        for (i, a) in left.chunks(BLOCK[0] * width).enumerate() {
            for (j, b) in right.chunks(BLOCK[1] * width).enumerate() {
                let sizes = [a.len() / width, b.len() / width];
                let plan = plans.get_or_build(sizes, || {
                    let graph = Graph::new();
                    let [a, b] = [("a", sizes[0]), ("b", sizes[1])]
                        .map(|(name, rows)| graph.input(name, [rows, width]));
                    graph.output("products", &a.einsum("nd,md->nm", &b));
                    graph.compile(&CompileOptions::new())
                })?;
                let outputs = self.executor.run(&plan, &[("a", a), ("b", b)])?;
                visit([i * BLOCK[0], j * BLOCK[1]], outputs.get("products")?, sizes);
            }
        }
        Ok(())
    }

    /// Values `[outer, cells of the source, inner]` moved by `map` to `[outer, cells of the target, inner]`; cells from
    /// outside the source are 0.
    pub(super) fn act(
        &mut self,
        map: &SampledMap,
        values: &[f32],
        inner: usize,
    ) -> Result<Vec<f32>, EvaluateError> {
        let graph = Graph::new();
        let outer = values.len() / (map.from().cells() * inner);
        let input = graph.input("values", [outer, map.from().cells(), inner]);
        graph.output("moved", &map.act_on_tokens(&input));
        let plan = graph.compile(&CompileOptions::new())?;
        Ok(self.executor.run(&plan, &[("values", values)])?.get("moved")?.to_vec())
    }
}
