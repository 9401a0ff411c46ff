//! Tensors: handles of nodes, with their shapes.
//!
//! The methods that build operators stand beside each operator, in `ops/`.

use std::fmt;

use luminal::prelude::NodeIndex;

use crate::error::Error;
use crate::graph::Graph;
use crate::shape::Shape;

/// A handle of a value in a [`Graph`]: the node that makes it, and its shape. Cheap to clone.
#[derive(Clone)]
pub struct Tensor {
    graph: Graph,
    node: NodeIndex,
    shape: Shape,
}

impl Tensor {
    pub(crate) fn new(graph: &Graph, node: NodeIndex, shape: Shape) -> Tensor {
        Tensor { graph: graph.clone(), node, shape }
    }

    /// What an operator gives after it recorded an error.
    pub(crate) fn placeholder(graph: &Graph) -> Tensor {
        Tensor::new(graph, NodeIndex::end(), Shape::SCALAR)
    }

    pub(crate) fn is_placeholder(&self) -> bool {
        self.node == NodeIndex::end()
    }

    /// The graph it belongs to.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The node that makes it.
    pub fn node(&self) -> NodeIndex {
        self.node
    }

    /// Its axis lengths.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Length of one axis; negative axes count from the end. An axis that does not exist has length 1.
    pub fn dim(&self, axis: isize) -> usize {
        self.resolve(axis).map_or(1, |axis| self.shape[axis])
    }

    /// Itself, or the errors recorded in its graph so far: for building code that wants to stop early.
    pub fn checked(self) -> Result<Tensor, Error> {
        self.graph.check().map(|()| self)
    }

    /// The axis meant by a possibly negative index.
    pub(crate) fn resolve(&self, axis: isize) -> Result<usize, String> {
        let rank = self.shape.len() as isize;
        let from_start = if axis < 0 { axis + rank } else { axis };
        match (0..rank).contains(&from_start) {
            true => Ok(from_start as usize),
            false if rank == 0 => Err(format!("axis {axis} of a scalar, which has no axes")),
            false => Err(format!("axis {axis} does not exist; valid axes are {} to {}", -rank, rank - 1)),
        }
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tensor {} of shape {}", self.node.index(), self.shape)
    }
}
