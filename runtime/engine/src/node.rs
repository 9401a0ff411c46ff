//! The one luminal operator type of this crate: an [`Op`] with its output shapes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::sync::Arc;

use luminal::op::InputTensor;
use luminal::prelude::{Dependency, Graph as Luminal, NodeIndex, ShapeTracker, petgraph};
use petgraph::Direction;
use petgraph::visit::{EdgeRef, NodeIndexable};

use crate::array::Array;
use crate::ops::Op;
use crate::shape::Shape;

/// A node of the graph. luminal's own interpreter can run it: `process` is the operator's reference.
#[derive(Clone)]
pub struct Node {
    /// What is computed.
    pub op: Op,
    /// Shape of each output.
    pub outputs: Vec<Shape>,
    /// Position in the order of building; schedules keep to it where nothing is gained by leaving it.
    pub sequence: u64,
    /// The part of the model it belongs to, for reports ("student", "loss.ser").
    pub scope: Option<Arc<str>>,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.op.as_operator().name())
    }
}

impl PartialEq for Node {
    fn eq(&self, other: &Node) -> bool {
        self.op == other.op && self.outputs == other.outputs
    }
}

impl luminal::op::Operator for Node {
    fn process(&mut self, inputs: Vec<(InputTensor, ShapeTracker)>) -> Vec<luminal::prelude::Tensor> {
        let inputs: Vec<Array> =
            inputs.iter().map(|(tensor, tracker)| to_array(tensor.borrowed(), tracker)).collect();
        let inputs: Vec<&Array> = inputs.iter().collect();
        let outputs = self.op.as_operator().reference(&inputs, &self.outputs);
        outputs.iter().map(|array| luminal::prelude::Tensor::new(array.to_f32())).collect()
    }
}

/// Reads a luminal tensor that lies row-major, as every edge between our nodes says.
fn to_array(tensor: &luminal::prelude::Tensor, tracker: &ShapeTracker) -> Array {
    let dims: Vec<usize> = tracker.dims.iter().filter_map(|dim| dim.to_usize()).collect();
    let data = tensor.data.as_any().downcast_ref::<Vec<f32>>().map_or(&[][..], Vec::as_slice);
    Array::from_f32(dims, data)
}

/// The tracker of a row-major tensor.
pub fn tracker(shape: &Shape) -> ShapeTracker {
    let dims: Vec<_> = shape.iter().map(|&dim| dim.into()).collect();
    ShapeTracker::new(&dims)
}

/// Our node at this index, unless it is a luminal primitive or gone.
pub fn node(graph: &Luminal, index: NodeIndex) -> Option<&Node> {
    graph.graph.node_weight(index)?.as_any().downcast_ref()
}

/// Our node at this index, to be changed.
pub fn node_mut(graph: &mut Luminal, index: NodeIndex) -> Option<&mut Node> {
    graph.graph.node_weight_mut(index)?.as_any_mut().downcast_mut()
}

/// Producers of a node's inputs, in order, each with the output it takes.
pub fn sources(graph: &Luminal, index: NodeIndex) -> Vec<(NodeIndex, u8)> {
    let mut found: Vec<(u8, NodeIndex, u8)> = graph
        .graph
        .edges_directed(index, Direction::Incoming)
        .filter_map(|edge| match edge.weight() {
            Dependency::Data { input_order, output_order, .. } => {
                Some((*input_order, edge.source(), *output_order))
            }
            Dependency::Schedule => None,
        })
        .collect();
    found.sort_unstable_by_key(|&(order, ..)| order);
    found.into_iter().map(|(_, source, output)| (source, output)).collect()
}

/// Consumers of a node, each with the input it feeds and the output it takes, in no particular order.
pub fn consumers(graph: &Luminal, index: NodeIndex) -> Vec<(NodeIndex, u8, u8)> {
    let edges = graph.graph.edges_directed(index, Direction::Outgoing);
    edges
        .filter_map(|edge| match edge.weight() {
            Dependency::Data { input_order, output_order, .. } => {
                Some((edge.target(), *input_order, *output_order))
            }
            Dependency::Schedule => None,
        })
        .collect()
}

/// All nodes, each after its sources, otherwise in the order of building.
pub fn topological(graph: &Luminal) -> Vec<NodeIndex> {
    let built = |index: NodeIndex| Reverse((node(graph, index).map_or(0, |node| node.sequence), index));
    let mut waiting = vec![0usize; graph.graph.node_bound()];
    for index in graph.graph.node_indices() {
        waiting[index.index()] = graph.graph.edges_directed(index, Direction::Incoming).count();
    }
    let mut ready: BinaryHeap<_> =
        graph.graph.node_indices().filter(|index| waiting[index.index()] == 0).map(built).collect();
    let mut order = Vec::with_capacity(graph.graph.node_count());
    while let Some(Reverse((_, index))) = ready.pop() {
        order.push(index);
        for edge in graph.graph.edges_directed(index, Direction::Outgoing) {
            let target = edge.target();
            waiting[target.index()] -= 1;
            if waiting[target.index()] == 0 {
                ready.push(built(target));
            }
        }
    }
    order
}

/// Adds a node with its inputs. The caller has checked the shapes.
pub fn insert(graph: &mut Luminal, node: Node, inputs: &[(NodeIndex, u8, Shape)]) -> NodeIndex {
    let mut adding = graph.add_op(node);
    for (source, output, shape) in inputs {
        adding = adding.input(*source, *output, tracker(shape));
    }
    adding.finish()
}
