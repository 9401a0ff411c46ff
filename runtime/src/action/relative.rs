//! The action between two views, on tokens in a graph.
//!
//! A graph knows a relative action by its shape alone ([`RelativeShape`]): the maps are inputs, fed at each step. A plan
//! made for one step serves all steps with grids of as many cells, however the elements are drawn; SER draws from
//! thousands of relative maps, but few sizes. Where all samples share a map it is fed once, not once a sample.

use equilayer_engine::{Graph, Tensor};

use super::erased::Action;
use super::grid_map::GridMap;
use super::pair::ActionError;
use super::product::Scope;
use super::sampled::{Interpolation, SampledMap};

/// What a graph must know of a relative action: the key under which its plan is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RelativeShape {
    /// Tokens of the view it starts from.
    pub from: usize,
    /// Tokens of the view it leads to.
    pub to: usize,
    /// Cells that a cell is made of: 1 for permutations, 4 bilinear, 16 bicubic.
    pub taps: usize,
    /// How many samples have a map each; nothing where all share one.
    pub samples: Option<usize>,
}

/// The relative action of a step, as numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct RelativeMaps {
    shape: RelativeShape,
    /// One, or one a sample.
    maps: Vec<SampledMap>,
}

impl RelativeMaps {
    /// At least one map, all between the same two grids.
    pub(super) fn new(action: &Action, maps: &[GridMap]) -> Result<RelativeMaps, ActionError> {
        let shared = is_shared(action, maps);
        let maps = if shared { &maps[..1] } else { maps };
        let (interpolation, taps) = (action.interpolation(), action.taps());
        let sample = |map: &GridMap| sample(map, interpolation, taps);
        let maps = maps.iter().map(sample).collect::<Result<Vec<_>, _>>()?;
        let (from, to) = (maps[0].from().cells(), maps[0].to().cells());
        let samples = (!shared).then_some(maps.len());
        Ok(RelativeMaps { shape: RelativeShape { from, to, taps, samples }, maps })
    }

    /// What a graph must know of it.
    pub fn shape(&self) -> RelativeShape {
        self.shape
    }

    /// The sampled maps: one that all samples share, or one for each.
    pub fn maps(&self) -> &[SampledMap] {
        &self.maps
    }

    /// The values of the inputs that [`RelativeShape::declare`] declared under this name.
    pub fn feed(&self, name: &str) -> [(String, Vec<f32>); 3] {
        let all = |numbers: fn(&SampledMap) -> Vec<f32>| self.maps.iter().flat_map(numbers).collect();
        let [indices, weights, valid] = RelativeShape::names(name);
        [
            (indices, all(|map| map.taps().indices().to_vec())),
            (weights, all(|map| map.taps().weights().to_vec())),
            (valid, all(|map| map.valid().iter().map(|&valid| f32::from(valid)).collect())),
        ]
    }
}

/// Whether one map serves all samples. Where elements are drawn freely for each sample it is not asked: that a small
/// batch happens to share a map must not ask for another plan.
fn is_shared(action: &Action, maps: &[GridMap]) -> bool {
    let bound = action.factors().iter().all(|f| f.scope() == Scope::PerBatch || f.is_complementary());
    bound && maps.iter().all(|map| map == &maps[0])
}

fn sample(map: &GridMap, interpolation: Interpolation, taps: usize) -> Result<SampledMap, ActionError> {
    Ok(map.sample_with_taps(interpolation, taps)?)
}

impl RelativeShape {
    /// Declares the inputs of a relative action of this shape under `name`, which is the graph's own.
    #[track_caller]
    pub fn declare(&self, graph: &Graph, name: &str) -> Relative {
        let batch: Vec<usize> = self.samples.into_iter().collect();
        let taps = [batch.as_slice(), &[self.to, self.taps]].concat();
        let [indices, weights, valid] = RelativeShape::names(name);
        Relative {
            indices: graph.input(&indices, taps.as_slice()),
            weights: graph.input(&weights, taps.as_slice()),
            valid: graph.input(&valid, [self.samples.unwrap_or(1), self.to]),
        }
    }

    fn names(name: &str) -> [String; 3] {
        ["indices", "weights", "valid"].map(|part| format!("{name}.{part}"))
    }
}

/// The action between two views, ρ_g for g = second ∘ first⁻¹, on tokens in a graph.
#[derive(Clone)]
pub struct Relative {
    indices: Tensor,
    weights: Tensor,
    valid: Tensor,
}

impl Relative {
    /// An action that never changes, its map part of the graph.
    #[track_caller]
    pub fn constant(graph: &Graph, map: &SampledMap) -> Relative {
        let taps = [map.taps().rows(), map.taps().taps()];
        let valid: Vec<f32> = map.valid().iter().map(|&valid| f32::from(valid)).collect();
        Relative {
            indices: graph.constant(taps, map.taps().indices()),
            weights: graph.constant(taps, map.taps().weights()),
            valid: graph.constant([1, valid.len()], valid),
        }
    }

    /// An action given as a matrix, `[T1, T0]`, or one for each sample, `[batch, T1, T0]`. `valid` is 1 where a token comes
    /// from inside, `[T1]` or `[batch, T1]`; without it all do.
    #[track_caller]
    pub fn dense(matrix: &Tensor, valid: Option<&Tensor>) -> Relative {
        let graph = matrix.graph();
        let shape: Vec<usize> = matrix.shape().to_vec();
        let (from, samples) = (matrix.dim(-1), if shape.len() > 2 { shape[0] } else { 1 });
        let indices = (0..shape.iter().product()).map(|entry| (entry % from.max(1)) as f32);
        let valid = valid.map_or_else(|| graph.full([samples, matrix.dim(-2)], 1.0), Tensor::clone);
        Relative {
            indices: graph.constant(shape.as_slice(), indices.collect::<Vec<_>>()),
            weights: matrix.clone(),
            valid: valid.reshape([samples, matrix.dim(-2)]),
        }
    }

    /// Tokens of the first view, `[batch, T0, width]`, moved to where the second view has them: `[batch, T1, width]`.
    /// Tokens that come from outside are 0.
    #[track_caller]
    pub fn act(&self, tokens: &Tensor) -> Tensor {
        tokens.sparse_map(1, &self.indices, &self.weights)
    }

    /// 1 where a token of the second view comes from inside the first, 0 elsewhere: `[batch, T1]`, or `[1, T1]` where all
    /// samples share a map.
    pub fn valid(&self) -> &Tensor {
        &self.valid
    }
}
