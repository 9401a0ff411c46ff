//! Gradient clipping: by each parameter's norm, or by that of all together.

use crate::graph::Graph;
use crate::tensor::Tensor;

/// How gradients are kept short: each is multiplied by min(1, c / (norm + 1e-6)).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Clip {
    /// By the norm of each parameter's gradient, as in DINO.
    PerParameter(f64),
    /// By the norm of all gradients together, PyTorch's `clip_grad_norm_`.
    Global(f64),
}

/// What clipping found. Gradients are not changed: the update that reads one multiplies it.
#[derive(Clone, Debug)]
pub struct Clipping {
    /// What to multiply each gradient by.
    pub scales: Vec<Tensor>,
    /// The norms before clipping: one for each gradient, or the one of all of them.
    pub norms: Vec<Tensor>,
}

/// Added to the norm by DINO and PyTorch, so that a gradient of zeros stays finite.
const SMALLEST_NORM: f32 = 1e-6;

/// Numbers added up by one node. luminal counts a node's inputs in a byte, and a model has more parameters.
const ADDED_AT_ONCE: usize = 64;

impl Clip {
    /// Scales and norms of a graph's gradients.
    #[track_caller]
    pub fn of(self, graph: &Graph, gradients: &[Tensor]) -> Clipping {
        match self {
            Clip::PerParameter(most) => {
                let norms: Vec<Tensor> = gradients.iter().map(|gradient| gradient.sum_of_squares().sqrt()).collect();
                Clipping { scales: norms.iter().map(|norm| scale(norm, most)).collect(), norms }
            }
            Clip::Global(most) => {
                let squares = gradients.iter().map(Tensor::sum_of_squares).collect();
                let norm = total(graph, squares).sqrt();
                Clipping { scales: vec![scale(&norm, most); gradients.len()], norms: vec![norm] }
            }
        }
    }

    /// The option out of its range, and what would be right.
    pub(super) fn problem(self) -> Option<(&'static str, String)> {
        let (Clip::PerParameter(most) | Clip::Global(most)) = self;
        let valid = most > 0.0 && most.is_finite();
        (!valid).then(|| ("clip", format!("the largest norm must be above 0 and finite, not {most}")))
    }
}

#[track_caller]
fn scale(norm: &Tensor, most: f64) -> Tensor {
    let shrunk = most as f32 / (norm + SMALLEST_NORM);
    shrunk.minimum(&norm.graph().scalar(1.0))
}

/// Sum of scalars, in groups.
#[track_caller]
fn total(graph: &Graph, mut parts: Vec<Tensor>) -> Tensor {
    while parts.len() > 1 {
        parts = parts.chunks(ADDED_AT_ONCE).map(|chunk| {
            let others: Vec<&Tensor> = chunk[1..].iter().collect();
            chunk[0].stack(&others, 0).sum_all()
        }).collect();
    }
    parts.pop().unwrap_or_else(|| graph.scalar(0.0))
}
