//! Rewriting a graph: new nodes first, then other sources for the consumers of the old ones, deletion last.
//!
//! petgraph gives the index of a deleted node to the next one added. While a pass still holds indices nothing may be
//! deleted, so a node without consumers only loses its edges, and [`Rewriter::finish`] deletes it.

use luminal::prelude::{Dependency, Graph as Luminal, NodeIndex, petgraph};
use petgraph::Direction;
use petgraph::visit::EdgeRef;
use rustc_hash::FxHashMap;

use super::Rewritten;
use crate::node::{self, Node};
use crate::ops::{Constant, Op, Pick, View};
use crate::shape::Shape;

/// An output of a node.
pub type Value = (NodeIndex, u8);

/// A graph in the hands of a pass.
pub struct Rewriter<'g> {
    graph: &'g mut Luminal,
    replaced: FxHashMap<NodeIndex, NodeIndex>,
    inserted: Vec<NodeIndex>,
    dead: Vec<NodeIndex>,
}

impl<'g> Rewriter<'g> {
    /// Begins to rewrite a graph.
    pub fn new(graph: &'g mut Luminal) -> Rewriter<'g> {
        Rewriter { graph, replaced: FxHashMap::default(), inserted: Vec::new(), dead: Vec::new() }
    }

    /// The graph as it is now.
    pub fn graph(&self) -> &Luminal {
        self.graph
    }

    /// The operator of a node; nothing for luminal's own nodes.
    pub fn op(&self, index: NodeIndex) -> Option<&Op> {
        Some(&node::node(self.graph, index)?.op)
    }

    /// Where a node's inputs come from.
    pub fn sources(&self, index: NodeIndex) -> Vec<Value> {
        node::sources(self.graph, index)
    }

    /// Where a node's first input comes from.
    pub fn source(&self, index: NodeIndex) -> Option<Value> {
        self.sources(index).first().copied()
    }

    /// Nodes that read a node, each once for every time it reads.
    pub fn consumers(&self, index: NodeIndex) -> impl Iterator<Item = NodeIndex> {
        self.graph.graph.neighbors_directed(index, Direction::Outgoing)
    }

    /// Whether a node is read by one other node only.
    pub fn has_sole_consumer(&self, index: NodeIndex) -> bool {
        let mut consumers = self.consumers(index);
        let first = consumers.next();
        first.is_some() && consumers.all(|consumer| Some(consumer) == first)
    }

    /// Shape of a value; nothing for luminal's own nodes.
    pub fn shape(&self, value: Value) -> Option<Shape> {
        node::node(self.graph, value.0)?.outputs.get(usize::from(value.1)).copied()
    }

    /// The number that all elements of a value are, where a constant says so.
    pub fn splat(&self, value: Value) -> Option<f32> {
        splat(self.graph, value)
    }

    /// Nodes added so far, in order.
    pub fn inserted(&self) -> &[NodeIndex] {
        &self.inserted
    }

    /// Adds a node that takes the place, in the order and among the scopes, of the node `at`. Gives nothing for
    /// operands that the operator refuses; a rule that asks for such a node does not apply.
    pub fn insert(&mut self, op: impl Into<Op>, inputs: &[Value], at: NodeIndex) -> Option<Value> {
        let op = op.into();
        let shapes: Vec<Shape> = inputs.iter().map(|&value| self.shape(value)).collect::<Option<_>>()?;
        let outputs = op.as_operator().infer(&shapes).ok()?;
        let place = node::node(self.graph, at)?;
        let node = Node { op, outputs, sequence: place.sequence, scope: place.scope.clone() };
        let edges: Vec<_> =
            inputs.iter().zip(shapes).map(|(&(source, output), shape)| (source, output, shape)).collect();
        let index = node::insert(self.graph, node, &edges);
        self.inserted.push(index);
        Some((index, 0))
    }

    /// Adds a node that picks an output.
    pub fn pick(&mut self, (node, output): Value, at: NodeIndex) -> Option<Value> {
        let shape = self.shape((node, output))?;
        let place = node::node(self.graph, at)?;
        let pick = Pick { output: usize::from(output) }.into();
        let pick =
            Node { op: pick, outputs: vec![shape], sequence: place.sequence, scope: place.scope.clone() };
        let index = node::insert(self.graph, pick, &[(node, output, shape)]);
        self.inserted.push(index);
        Some((index, 0))
    }

    /// Adds a tensor of one repeated value.
    pub fn full(&mut self, shape: Shape, value: f32, at: NodeIndex) -> Option<Value> {
        let scalar = self.insert(Constant { shape: Shape::SCALAR, data: vec![value].into() }, &[], at)?;
        match shape == Shape::SCALAR {
            true => Some(scalar),
            false => self.insert(View::Expand(shape), &[scalar], at),
        }
    }

    /// Adds a view, or gives the value itself where it has that shape already.
    pub fn reshape(&mut self, value: Value, shape: Shape, at: NodeIndex) -> Option<Value> {
        match self.shape(value)? == shape {
            true => Some(value),
            false => self.insert(View::Reshape(shape), &[value], at),
        }
    }

    /// Adds a view that repeats, or gives the value itself where it has that shape already.
    pub fn expand(&mut self, value: Value, shape: Shape, at: NodeIndex) -> Option<Value> {
        match self.shape(value)? == shape {
            true => Some(value),
            false => self.insert(View::Expand(shape), &[value], at),
        }
    }

    /// Lets the node `new` stand for `old`: output for output, everywhere.
    pub fn replace(&mut self, old: NodeIndex, new: NodeIndex) {
        let edges: Vec<_> =
            self.graph.graph.edges_directed(old, Direction::Outgoing).map(|edge| edge.id()).collect();
        for edge in edges {
            let Some((_, consumer)) = self.graph.graph.edge_endpoints(edge) else { continue };
            if let Some(weight) = self.graph.graph.remove_edge(edge) {
                self.graph.graph.add_edge(new, consumer, weight);
            }
        }
        self.replaced.insert(old, new);
        self.push_back_consumers(new);
        self.release(old);
    }

    /// Lets a reader of `old` read `new` instead, output for output; `new` was inserted where that reader is.
    pub fn redirect(&mut self, old: NodeIndex, reader: NodeIndex, new: NodeIndex) {
        let edges: Vec<_> = self.graph.graph.edges_connecting(old, reader).map(|edge| edge.id()).collect();
        for edge in edges {
            if let Some(weight) = self.graph.graph.remove_edge(edge) {
                self.graph.graph.add_edge(new, reader, weight);
            }
        }
        self.push_back_consumers(new);
    }

    /// Whether a node is kept though nothing reads it. Leaves have names that a caller may still ask for.
    fn is_kept(&self, index: NodeIndex) -> bool {
        matches!(self.op(index), Some(Op::Output(_) | Op::Assign(_) | Op::Input(_) | Op::State(_)))
    }

    /// Takes the edges of a node that nothing reads, and of all that only it read.
    fn release(&mut self, index: NodeIndex) {
        let mut open = vec![index];
        while let Some(index) = open.pop() {
            if self.consumers(index).next().is_some() || self.is_kept(index) {
                continue;
            }
            let edges: Vec<_> =
                self.graph.graph.edges_directed(index, Direction::Incoming).map(|edge| edge.id()).collect();
            for edge in edges {
                open.extend(self.graph.graph.edge_endpoints(edge).map(|(source, _)| source));
                self.graph.graph.remove_edge(edge);
            }
            self.dead.push(index);
        }
    }

    /// Restores that no consumer comes before its source in the order of building: views of a node that moved back.
    fn push_back_consumers(&mut self, index: NodeIndex) {
        let Some(sequence) = node::node(self.graph, index).map(|node| node.sequence) else { return };
        let consumers: Vec<NodeIndex> = self.consumers(index).collect();
        for consumer in consumers {
            if let Some(node) = node::node_mut(self.graph, consumer).filter(|node| node.sequence < sequence) {
                node.sequence = sequence;
                self.push_back_consumers(consumer);
            }
        }
    }

    /// Ends rewriting: deletes what nothing needs any more.
    pub fn finish(mut self, summary: String) -> Rewritten {
        for index in std::mem::take(&mut self.inserted) {
            self.release(index);
        }
        for index in self.dead {
            self.graph.graph.remove_node(index);
        }
        Rewritten { summary, replaced: self.replaced }
    }
}

/// The number that all elements of a value are, where a constant says so.
pub fn splat(graph: &Luminal, (mut index, _): Value) -> Option<f32> {
    loop {
        match &node::node(graph, index)?.op {
            Op::Constant(constant) if constant.data.len() == 1 => return Some(constant.data[0]),
            Op::View(_) => index = first_source(graph, index)?,
            _ => return None,
        }
    }
}

/// The node that a node's first input comes from, found without listing all.
pub fn first_source(graph: &Luminal, index: NodeIndex) -> Option<NodeIndex> {
    let mut edges = graph.graph.edges_directed(index, Direction::Incoming);
    let first = edges.find(|edge| matches!(edge.weight(), Dependency::Data { input_order: 0, .. }));
    first.map(|edge| edge.source())
}
