//! Everything a luminal tensor is computed from, read off the graph.

use std::any::Any;

use luminal::op;
use luminal::prelude::petgraph::Direction;
use luminal::prelude::petgraph::visit::EdgeRef;
use luminal::prelude::{Dependency, Graph as Luminal, NodeIndex};
use rustc_hash::FxHashSet;

use super::reading::Reading;
use crate::node;
use crate::ops::{BinaryKind, ReduceKind, UnaryKind};
use crate::shape::Shape;

/// A node and how it reads its inputs.
pub struct Step {
    pub index: NodeIndex,
    pub work: Work,
    pub inputs: Vec<(NodeIndex, Reading)>,
}

/// What a node does.
#[derive(Clone)]
pub enum Work {
    /// Whatever our operator does; its inputs are of no interest.
    Ours(Shape),
    /// Loads what is fed.
    Load {
        name: String,
        shape: Shape,
    },
    /// A known number.
    Number(f32),
    Unary(UnaryKind),
    Binary(BinaryKind),
    Reduce(ReduceKind, usize),
    /// Copies what the tracker shows.
    Contiguous,
}

/// All nodes that `root` is computed from, itself included, each after its inputs. Goes no further than nodes of ours.
pub fn upstream(luminal: &Luminal, root: NodeIndex, last: &Reading) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    let mut entered = FxHashSet::default();
    let mut open = vec![(root, false)];
    while let Some((index, inputs_done)) = open.pop() {
        if inputs_done {
            let inputs =
                if node::node(luminal, index).is_some() { Vec::new() } else { inputs(luminal, index)? };
            steps.push(Step { index, work: work(luminal, index, root, last)?, inputs });
        } else if entered.insert(index) {
            open.push((index, true));
            if node::node(luminal, index).is_none() {
                open.extend(node::sources(luminal, index).into_iter().map(|(source, _)| (source, false)));
            }
        }
    }
    Ok(steps)
}

fn inputs(luminal: &Luminal, index: NodeIndex) -> Result<Vec<(NodeIndex, Reading)>, String> {
    let mut found = Vec::new();
    for edge in luminal.graph.edges_directed(index, Direction::Incoming) {
        let Dependency::Data { input_order, output_order, shape } = edge.weight() else { continue };
        if *output_order != 0 {
            return Err(format!(
                "node {} takes a second output, which only nodes of ours have",
                index.index()
            ));
        }
        let reading = Reading::of(shape, &luminal.dyn_map)
            .map_err(|detail| format!("node {}: {detail}", index.index()))?;
        found.push((*input_order, edge.source(), reading));
    }
    found.sort_unstable_by_key(|&(order, ..)| order);
    Ok(found.into_iter().map(|(_, source, reading)| (source, reading)).collect())
}

fn work(luminal: &Luminal, index: NodeIndex, root: NodeIndex, last: &Reading) -> Result<Work, String> {
    if let Some(node) = node::node(luminal, index) {
        return Ok(Work::Ours(node.outputs[0]));
    }
    let operator = luminal.graph.node_weight(index).ok_or("the tensor's node is gone from the graph")?;
    let leaf = node::sources(luminal, index).is_empty();
    if let Some(function) = operator.as_any().downcast_ref::<op::Function>().filter(|_| leaf) {
        let name = function.0.strip_suffix(" Load").unwrap_or(&function.0);
        let shape = if index == root { last.stored() } else { loaded(luminal, index)? };
        return Ok(Work::Load { name: format!("{name}.{}", index.index()), shape });
    }
    if let Some(op::Constant(value, _)) = operator.as_any().downcast_ref() {
        return number(value, luminal).map(Work::Number);
    }
    primitive(operator.as_any()).ok_or_else(|| {
        format!(
            "node {}, `{operator:?}`, is none of luminal's primitives; wrap tensors before luminal compiles",
            index.index()
        )
    })
}

/// The shape of a loaded tensor: a node has none of its own, but those who read it have one.
fn loaded(luminal: &Luminal, index: NodeIndex) -> Result<Shape, String> {
    let mut shapes = Vec::new();
    for edge in luminal.graph.edges_directed(index, Direction::Outgoing) {
        if let Dependency::Data { shape, .. } = edge.weight() {
            shapes.push((edge.id(), Reading::of(shape, &luminal.dyn_map)?.stored()));
        }
    }
    // The first who read it most likely read it as it was declared.
    shapes
        .into_iter()
        .min_by_key(|&(edge, _)| edge)
        .map(|(_, shape)| shape)
        .ok_or_else(|| "nobody reads it".into())
}

fn number(value: &op::ConstantValue, luminal: &Luminal) -> Result<f32, String> {
    match value {
        op::ConstantValue::Float(number) => Ok(*number),
        op::ConstantValue::Expression(expression) => match expression.exec(&luminal.dyn_map) {
            Some(number) => Ok(number as f32),
            None => {
                Err(format!("constant {expression:?} has no value; set its dimensions with `set_dyn_dim`"))
            }
        },
    }
}

fn primitive(operator: &dyn Any) -> Option<Work> {
    if let Some(op::SumReduce(axis)) = operator.downcast_ref() {
        return Some(Work::Reduce(ReduceKind::Sum, *axis));
    }
    if let Some(op::MaxReduce(axis)) = operator.downcast_ref() {
        return Some(Work::Reduce(ReduceKind::Max, *axis));
    }
    let table = [
        (operator.is::<op::Log2>(), Work::Unary(UnaryKind::Log2)),
        (operator.is::<op::Exp2>(), Work::Unary(UnaryKind::Exp2)),
        (operator.is::<op::Sin>(), Work::Unary(UnaryKind::Sin)),
        (operator.is::<op::Sqrt>(), Work::Unary(UnaryKind::Sqrt)),
        (operator.is::<op::Recip>(), Work::Unary(UnaryKind::Recip)),
        (operator.is::<op::Add>(), Work::Binary(BinaryKind::Add)),
        (operator.is::<op::Mul>(), Work::Binary(BinaryKind::Mul)),
        (operator.is::<op::Mod>(), Work::Binary(BinaryKind::Mod)),
        (operator.is::<op::LessThan>(), Work::Binary(BinaryKind::Less)),
        (operator.is::<op::Contiguous>(), Work::Contiguous),
    ];
    table.into_iter().find(|(is_it, _)| *is_it).map(|(_, work)| work)
}
