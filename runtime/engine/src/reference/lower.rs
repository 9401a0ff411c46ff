//! Graphs written out in luminal's own primitives.
//!
//! luminal 0.2.0 gets some views wrong: a sum of a permuted, repeated or sliced tensor, a function of a padded one.
//! Nothing here depends on that. Every view is copied into row-major order at once, by luminal's `Contiguous`;
//! everything else reads and writes row-major tensors, and reductions take one axis at a time. luminal counts an
//! empty tensor as one element; what is empty is therefore made by a leaf.

use std::collections::BTreeSet;
use std::sync::Arc;

use luminal::op::{self, ConstantValue, Function};
use luminal::prelude::{Dependency, Graph as Luminal, NodeIndex, ShapeTracker, Tensor as LuminalTensor};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::graph::Graph;
use crate::node::{self, Node, sources, topological};
use crate::ops::{
    Assign, Binary, BinaryKind, Constant, Op, Output, Pick, Reduce, ReduceKind, Unary, UnaryKind, View,
};
use crate::plan::live_nodes;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// How deep decompositions may nest. The deepest, of a flip, halves the axis each time.
const MAX_DEPTH: usize = 64;

/// A graph in luminal's primitives, ready for luminal's interpreter; see [`lower`].
#[derive(Default)]
pub struct Lowered {
    /// Boxed, because luminal keeps raw pointers into it.
    pub(super) luminal: Box<Luminal>,
    /// Inputs and states, with the nodes that stand for them.
    pub(super) leaves: Vec<(Op, NodeIndex)>,
    /// Outputs and assigned states by name, with the nodes that hold their values.
    pub(super) results: Vec<(String, NodeIndex)>,
    undecomposed: BTreeSet<&'static str>,
    elements: usize,
    has_empty: bool,
}

/// Writes a graph out in luminal's primitives: operators are decomposed as far as they can be. The rest run in
/// luminal too, as nodes whose `process` is the operator's reference; see [`Lowered::undecomposed`].
pub fn lower(graph: &Graph) -> Lowered {
    let mut lowered = Lowered::default();
    let results = lowered.walk(graph, FxHashMap::default(), 0);
    lowered.results = results.into_iter().map(|(name, value)| (name, value.node)).collect();
    lowered
}

/// Names of the operators of a graph that luminal's primitives cannot express, sorted.
pub fn undecomposed(graph: &Graph) -> Vec<&'static str> {
    lower(graph).undecomposed().collect()
}

impl Lowered {
    /// Names of the operators that were kept as they are, because they have no decomposition, sorted.
    pub fn undecomposed(&self) -> impl Iterator<Item = &'static str> {
        self.undecomposed.iter().copied()
    }

    /// Whether a tensor has no elements. luminal's interpreter takes such, its CUDA kernels do not.
    pub fn has_empty(&self) -> bool {
        self.has_empty
    }

    /// Elements of all tensors the interpreter computes: a measure of its time, some 100 ns each.
    pub fn elements(&self) -> usize {
        self.elements
    }
}

/// A row-major tensor in luminal's graph: output 0 of a node.
#[derive(Clone, Copy)]
struct Value {
    node: NodeIndex,
    shape: Shape,
}

impl Lowered {
    /// Lowers all that a graph's sinks need, given some of its values already lowered; gives what each sink takes,
    /// in the order the sinks were made.
    fn walk(
        &mut self,
        graph: &Graph,
        mut values: FxHashMap<(NodeIndex, u8), Value>,
        depth: usize,
    ) -> Vec<(String, Value)> {
        graph.with_luminal(|luminal| {
            let live: FxHashSet<NodeIndex> = live_nodes(luminal).into_iter().collect();
            let mut results = Vec::new();
            for index in topological(luminal).into_iter().filter(|index| live.contains(index)) {
                let Some(node) = node::node(luminal, index) else { continue };
                if values.contains_key(&(index, 0)) {
                    continue;
                }
                let inputs: Vec<Value> = sources(luminal, index).iter().map(|value| values[value]).collect();
                let outputs = match &node.op {
                    Op::Output(Output { name }) => {
                        results.push((node.sequence, name.clone(), inputs[0]));
                        continue;
                    }
                    Op::Assign(Assign { name }) => {
                        results.push((node.sequence, name.clone(), inputs[1]));
                        continue;
                    }
                    Op::Pick(_) => inputs,
                    op => self.operator(op, &inputs, &node.outputs, depth),
                };
                values.extend((0..).map(|output| (index, output)).zip(outputs));
            }
            results.sort_by_key(|&(sequence, ..)| sequence);
            results.into_iter().map(|(_, name, value)| (name, value)).collect()
        })
    }

    /// Lowers an operator: what it is written out as, where that is known.
    fn operator(&mut self, op: &Op, inputs: &[Value], outputs: &[Shape], depth: usize) -> Vec<Value> {
        match write_out(op, inputs, outputs).filter(|_| depth < MAX_DEPTH) {
            Some(written) => {
                let given = written
                    .inputs
                    .iter()
                    .zip(inputs)
                    .map(|(tensor, &value)| ((tensor.node(), 0), value))
                    .collect();
                self.walk(&written.graph, given, depth + 1).into_iter().map(|(_, value)| value).collect()
            }
            None => self.emit(op, inputs, outputs),
        }
    }

    fn emit(&mut self, op: &Op, inputs: &[Value], outputs: &[Shape]) -> Vec<Value> {
        if let Some(primitive) = primitive(op) {
            let edges: Vec<_> = inputs.iter().map(|input| (input.node, row_major(&input.shape))).collect();
            return vec![self.insert(primitive, &edges, outputs[0])];
        }
        let value = match op {
            Op::Input(_) | Op::State(_) => self.leaf(op, outputs[0]),
            Op::Constant(constant) => self.constant(constant),
            Op::View(View::Reshape(_)) | Op::Copy(_) => Value { node: inputs[0].node, shape: outputs[0] },
            Op::Reduce(reduce) => self.reduce(reduce, inputs[0]),
            op => match view(op, &inputs.first().map_or(Shape::SCALAR, |input| input.shape)) {
                Some(view) => self.insert(Box::new(op::Contiguous), &[(inputs[0].node, view)], outputs[0]),
                None => return self.keep(op, inputs, outputs),
            },
        };
        vec![value]
    }

    /// Adds a primitive; a leaf in its place where the result is empty.
    fn insert(
        &mut self,
        operator: Box<dyn op::Operator>,
        edges: &[(NodeIndex, ShapeTracker)],
        shape: Shape,
    ) -> Value {
        if shape.elements() == 0 {
            return self.function("nothing", shape, Arc::default());
        }
        let node = self.luminal.graph.add_node(operator);
        for (order, &(source, tracker)) in (0..).zip(edges) {
            let edge = Dependency::Data { input_order: order, output_order: 0, shape: tracker };
            self.luminal.graph.add_edge(source, node, edge);
        }
        self.elements += shape.elements();
        Value { node, shape }
    }

    /// A leaf that gives the same values every time, unless luminal is given others.
    fn function(&mut self, name: &str, shape: Shape, data: Arc<[f32]>) -> Value {
        self.has_empty |= shape.elements() == 0;
        let load = Function(name.into(), Box::new(move |_| vec![LuminalTensor::new(data.to_vec())]));
        Value { node: self.luminal.add_op(load).finish(), shape }
    }

    /// A leaf for an input or a state: zeros, until the interpreter is given its values.
    fn leaf(&mut self, op: &Op, shape: Shape) -> Value {
        let value = self.function(op.as_operator().name(), shape, vec![0.0; shape.elements()].into());
        self.leaves.push((op.clone(), value.node));
        value
    }

    fn constant(&mut self, constant: &Constant) -> Value {
        match constant.data[..] {
            [number] => {
                let float = op::Constant(ConstantValue::Float(number), &raw const self.luminal.dyn_map);
                self.insert(Box::new(float), &[], constant.shape)
            }
            _ => self.function("constant", constant.shape, constant.data.clone()),
        }
    }

    /// One axis after another, the last first, so that the axes still to come keep their places.
    fn reduce(&mut self, reduce: &Reduce, input: Value) -> Value {
        let axes: Vec<usize> = reduce.axes.iter().collect();
        axes.into_iter().rev().fold(input, |value, axis| {
            let operator: Box<dyn op::Operator> = match reduce.kind {
                ReduceKind::Sum => Box::new(op::SumReduce(axis)),
                ReduceKind::Max => Box::new(op::MaxReduce(axis)),
            };
            let shape = value.shape.without([axis].into_iter().collect());
            self.insert(operator, &[(value.node, row_major(&value.shape))], shape)
        })
    }

    /// Keeps an operator that has no decomposition. Each output goes through a node of its own: luminal counts
    /// consumers rightly only where every output has a single edge.
    fn keep(&mut self, op: &Op, inputs: &[Value], outputs: &[Shape]) -> Vec<Value> {
        self.undecomposed.insert(op.as_operator().name());
        let node =
            |op: Op, outputs: &[Shape]| Node { op, outputs: outputs.to_vec(), sequence: 0, scope: None };
        let edges: Vec<_> = inputs.iter().map(|input| (input.node, 0, input.shape)).collect();
        let luminal = &mut self.luminal;
        let kept = node::insert(luminal, node(op.clone(), outputs), &edges);
        if let [shape] = *outputs {
            return vec![Value { node: kept, shape }];
        }
        let mut pick = |(output, &shape): (usize, &Shape)| {
            let pick = node(Pick { output }.into(), &[shape]);
            Value { node: node::insert(luminal, pick, &[(kept, output as u8, shape)]), shape }
        };
        outputs.iter().enumerate().map(&mut pick).collect()
    }
}

/// An operator in simpler ones, in a graph of its own whose outputs are the operator's, in order.
struct Written {
    graph: Graph,
    inputs: Vec<Tensor>,
}

fn write_out(op: &Op, inputs: &[Value], outputs: &[Shape]) -> Option<Written> {
    let graph = Graph::new();
    let inputs: Vec<Tensor> = inputs
        .iter()
        .enumerate()
        .map(|(number, input)| graph.input(&number.to_string(), input.shape))
        .collect();
    let written = op.as_operator().decompose(&inputs)?;
    for (number, tensor) in written.iter().enumerate() {
        graph.output(&number.to_string(), tensor);
    }
    // A decomposition may need more axes than there are.
    let fits = graph.check().is_ok() && written.iter().map(Tensor::shape).eq(outputs);
    fits.then_some(Written { graph, inputs })
}

/// luminal's primitive for an elementwise operator.
fn primitive(op: &Op) -> Option<Box<dyn op::Operator>> {
    Some(match op {
        Op::Unary(Unary(UnaryKind::Log2)) => Box::new(op::Log2),
        Op::Unary(Unary(UnaryKind::Exp2)) => Box::new(op::Exp2),
        Op::Unary(Unary(UnaryKind::Sin)) => Box::new(op::Sin),
        Op::Unary(Unary(UnaryKind::Sqrt)) => Box::new(op::Sqrt),
        Op::Unary(Unary(UnaryKind::Recip)) => Box::new(op::Recip),
        Op::Binary(Binary(BinaryKind::Add)) => Box::new(op::Add),
        Op::Binary(Binary(BinaryKind::Mul)) => Box::new(op::Mul),
        Op::Binary(Binary(BinaryKind::Mod)) => Box::new(op::Mod),
        Op::Binary(Binary(BinaryKind::Less)) => Box::new(op::LessThan),
        _ => return None,
    })
}

/// The tracker through which a row-major input shows as the operator's output.
fn view(op: &Op, input: &Shape) -> Option<ShapeTracker> {
    let mut tracker = row_major(input);
    match op {
        Op::View(View::Permute(axes)) if axes.is_empty() => {}
        Op::View(View::Permute(axes)) => tracker.permute(axes),
        Op::View(View::Slice { axis, start, length }) => {
            tracker.slices[*axis] = ((*start).into(), (start + length).into());
        }
        Op::View(View::Expand(shape)) => {
            tracker = row_major(shape);
            let added = shape.len() - input.len();
            for axis in 0..shape.len() {
                tracker.fake[axis] = axis < added || (input[axis - added] == 1 && shape[axis] != 1);
            }
        }
        Op::Pad(pad) => tracker.padding[pad.axis] = (pad.before.into(), pad.after.into()),
        _ => return None,
    }
    Some(tracker)
}

/// The tracker of a row-major tensor. A scalar counts as one axis of length 1: luminal takes the product of no axes
/// for 0.
fn row_major(shape: &Shape) -> ShapeTracker {
    match shape.is_empty() {
        true => node::tracker(&Shape::from([1])),
        false => node::tracker(shape),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::reference::{Values, evaluate};
    use crate::{Init, array::Array};

    #[test]
    fn operators_without_a_decomposition_run_as_they_are() -> Result<(), Error> {
        let graph = Graph::new();
        let (x, w) = (graph.input("x", [2, 3]), graph.parameter("w", [2, 3], Init::XavierUniform));
        let moments = [0.5, 0.25].map(|value| graph.full([2, 3], value));
        let coefficients = graph.constant([6], vec![0.1, 0.01, 0.1, 0.001, 1.5, 1e-8]);
        let [updated, first, _] =
            w.adamw([&moments[0], &moments[1]], &x.flip(1), &graph.scalar(2.0), &coefficients);
        graph.assign(&w, &updated);
        graph.output("first", &first.gelu());

        let mut lowered = Lowered::default();
        let results = lowered.walk(&graph, FxHashMap::default(), MAX_DEPTH);
        lowered.results = results.into_iter().map(|(name, value)| (name, value.node)).collect();
        assert_eq!(lowered.undecomposed().collect::<Vec<_>>(), ["adamw", "flip", "gelu"]);

        let x = Array::new([2, 3], vec![-1.0, -0.5, 0.0, 0.5, 1.0, 2.0]);
        let given = Values::from([("x".into(), x)]);
        let found = lowered.run(&given)?;
        for (name, expected) in evaluate(&graph, &given)? {
            for (found, expected) in found.get(&name)?.iter().zip(expected.data()) {
                assert!((f64::from(*found) - expected).abs() < 1e-6, "{name}: {found}, reference {expected}");
            }
        }
        Ok(())
    }
}
