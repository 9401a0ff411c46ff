//! Reverse-mode differentiation: a pass that adds the gradient's nodes to the graph.
//!
//! A gradient is a tensor like any other. That of a sum is a broadcast view, that of a transpose another
//! transpose; nothing is materialised until two gradients of one tensor meet and are added.

use std::collections::BinaryHeap;

use luminal::prelude::{Graph as Luminal, NodeIndex};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::error::Error;
use crate::graph::Graph;
use crate::node::{self, consumers, sources};
use crate::ops::{Adjoint, Differentiable, Op};
use crate::shape::Shape;
use crate::tensor::Tensor;

impl Graph {
    /// Gradients of a scalar loss with respect to parameters, inputs or any other tensors.
    ///
    /// # Errors
    /// A tensor that the loss does not depend on (named, if it has a name), a loss that is no scalar, an operator
    /// on the way that has no derivative, or errors recorded while the graph was built.
    pub fn gradients(&self, loss: &Tensor, wrt: &[Tensor]) -> Result<Vec<Tensor>, Error> {
        let found = self.reached_gradients(loss, wrt)?;
        let missing: Vec<String> = wrt
            .iter()
            .zip(&found)
            .filter(|(_, gradient)| gradient.is_none())
            .map(|(tensor, _)| self.describe(tensor))
            .collect();
        match missing.is_empty() {
            true => Ok(found.into_iter().flatten().collect()),
            false => Err(Error::Gradient(format!(
                "the loss does not depend on {}; use it in the loss, leave it out, or look for a stop_gradient on the way",
                missing.join(", ")
            ))),
        }
    }

    /// Like [`Graph::gradients`], with nothing where the loss does not depend on a tensor.
    pub fn reached_gradients(&self, loss: &Tensor, wrt: &[Tensor]) -> Result<Vec<Option<Tensor>>, Error> {
        self.check()?;
        if let Some(stranger) = std::iter::once(loss).chain(wrt).find(|tensor| !tensor.graph().is(self)) {
            return Err(Error::Gradient(format!("{stranger:?} belongs to another graph")));
        }
        if loss.shape().elements() != 1 {
            let detail =
                format!("a loss is one number; this one has shape {}. Take its mean or sum", loss.shape());
            return Err(Error::Gradient(detail));
        }
        let scope = self.current_scope();
        let result = Backward::new(self, wrt).run(loss);
        self.set_scope(scope);
        let gradients = result?;
        self.check()?;
        Ok(wrt.iter().map(|tensor| gradients.get(&(tensor.node(), 0)).cloned()).collect())
    }

    fn describe(&self, tensor: &Tensor) -> String {
        let named =
            self.with_luminal(|luminal| match node::node(luminal, tensor.node()).map(|node| &node.op) {
                Some(Op::State(state)) => Some(format!("parameter `{}`", state.name)),
                Some(Op::Input(input)) => Some(format!("input `{}`", input.name)),
                _ => None,
            });
        named.unwrap_or_else(|| format!("{tensor:?}"))
    }
}

/// A value: an output of a node.
type Value = (NodeIndex, u8);

struct Backward<'g> {
    graph: &'g Graph,
    /// Nodes whose value depends on what is differentiated.
    dependent: FxHashSet<NodeIndex>,
    gradients: FxHashMap<Value, Tensor>,
    /// Nodes that a gradient reached, the latest built on top: every consumer of a node was built after it.
    pending: BinaryHeap<(u64, NodeIndex)>,
    queued: FxHashSet<NodeIndex>,
}

/// A node and all its gradient needs to see.
struct Visit {
    op: Op,
    inputs: Vec<Tensor>,
    sources: Vec<Value>,
    outputs: Vec<Tensor>,
}

impl<'g> Backward<'g> {
    fn new(graph: &'g Graph, wrt: &[Tensor]) -> Backward<'g> {
        let dependent = graph.with_luminal(|luminal| dependents(luminal, wrt));
        Backward {
            graph,
            dependent,
            gradients: FxHashMap::default(),
            pending: BinaryHeap::new(),
            queued: FxHashSet::default(),
        }
    }

    fn run(mut self, loss: &Tensor) -> Result<FxHashMap<Value, Tensor>, Error> {
        if self.dependent.contains(&loss.node()) {
            let one = self.graph.full(*loss.shape(), 1.0);
            self.arrive((loss.node(), 0), one);
        }
        while let Some((_, index)) = self.pending.pop() {
            self.visit(index)?;
        }
        Ok(self.gradients)
    }

    /// Adds a gradient to what a value already has.
    fn arrive(&mut self, value: Value, gradient: Tensor) {
        let sum = match self.gradients.remove(&value) {
            Some(earlier) => earlier + gradient,
            None => gradient,
        };
        self.gradients.insert(value, sum);
        if self.queued.insert(value.0) {
            let sequence = self
                .graph
                .with_luminal(|luminal| node::node(luminal, value.0).map_or(0, |node| node.sequence));
            self.pending.push((sequence, value.0));
        }
    }

    fn visit(&mut self, index: NodeIndex) -> Result<(), Error> {
        let Some(visit) = self.look(index) else { return Ok(()) };
        if let Op::Pick(pick) = &visit.op {
            let gradient = self.gradients[&(index, 0)].clone();
            self.arrive((visit.sources[0].0, pick.output as u8), gradient);
            return Ok(());
        }
        let needed: Vec<bool> =
            visit.sources.iter().map(|(source, _)| self.dependent.contains(source)).collect();
        if !needed.contains(&true) {
            return Ok(());
        }
        let operator = visit.op.as_operator();
        if operator.differentiable() == Differentiable::No {
            let detail = format!(
                "`{}` has no derivative here; put stop_gradient before it if none is wanted",
                operator.name()
            );
            return Err(Error::Gradient(detail));
        }
        let outputs = visit.outputs.len() as u8;
        let gradients: Vec<Option<Tensor>> =
            (0..outputs).map(|output| self.gradients.get(&(index, output)).cloned()).collect();
        let at = Adjoint {
            inputs: &visit.inputs,
            outputs: &visit.outputs,
            gradients: &gradients,
            needed: &needed,
        };
        let pulled = operator.gradient(&at);
        for ((source, gradient), needed) in visit.sources.iter().zip(pulled).zip(needed) {
            if let (Some(gradient), true) = (gradient, needed) {
                self.arrive(*source, gradient);
            }
        }
        Ok(())
    }

    /// Reads a node off the graph and takes over its scope; nothing for leaves.
    fn look(&self, index: NodeIndex) -> Option<Visit> {
        let graph = self.graph;
        let (visit, scope) = graph.with_luminal(|luminal| {
            let node = node::node(luminal, index)?;
            let sources = sources(luminal, index);
            let shape = |&(source, output): &Value| {
                node::node(luminal, source).map_or(Shape::SCALAR, |n| n.outputs[output as usize])
            };
            let inputs = sources.iter().map(|value| Tensor::new(graph, value.0, shape(value))).collect();
            let outputs = outputs_of(graph, luminal, index);
            Some((Visit { op: node.op.clone(), inputs, sources, outputs }, node.scope.clone()))
        })?;
        graph.set_scope(scope);
        (!visit.sources.is_empty()).then_some(visit)
    }
}

/// Handles of a node's outputs: itself, or the nodes that pick them.
fn outputs_of(graph: &Graph, luminal: &Luminal, index: NodeIndex) -> Vec<Tensor> {
    let Some(node) = node::node(luminal, index) else { return Vec::new() };
    let pick = |output: usize| {
        let picks =
            consumers(luminal, index).into_iter().filter(|&(_, _, taken)| usize::from(taken) == output);
        picks
            .map(|(pick, ..)| pick)
            .find(|&pick| matches!(node::node(luminal, pick).map(|n| &n.op), Some(Op::Pick(_))))
    };
    let outputs = node.outputs.iter().enumerate();
    outputs.map(|(output, &shape)| Tensor::new(graph, pick(output).unwrap_or(index), shape)).collect()
}

/// All nodes whose value changes, in a differentiable way, with the given tensors.
fn dependents(luminal: &Luminal, wrt: &[Tensor]) -> FxHashSet<NodeIndex> {
    let mut found: FxHashSet<NodeIndex> = wrt.iter().map(Tensor::node).collect();
    let mut open: Vec<NodeIndex> = found.iter().copied().collect();
    while let Some(index) = open.pop() {
        for (consumer, ..) in consumers(luminal, index) {
            let flows = node::node(luminal, consumer)
                .is_some_and(|node| node.op.as_operator().differentiable() != Differentiable::Zero);
            if flows && found.insert(consumer) {
                open.push(consumer);
            }
        }
    }
    found
}
