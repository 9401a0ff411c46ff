//! The graph under construction: luminal's, with names, states and recorded errors.

use std::cell::RefCell;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;

use luminal::prelude::{Graph as Luminal, NodeIndex};
use rustc_hash::FxHashMap;

use crate::error::{Error, nearest};
use crate::init::Init;
use crate::node::{self, Node};
use crate::ops::{Assign, Constant, Input, Op, Output, Pick, State};
use crate::shape::{MAX_ELEMENTS, MAX_RANK, Shape};
use crate::tensor::Tensor;

/// A graph of tensors under construction. Cheap to clone; clones are the same graph.
///
/// Operators never panic on what they are given. A call that makes no sense is recorded with the line that made
/// it, gives a placeholder that later operators pass along in silence, and is reported by [`Graph::check`] and by
/// everything that compiles or differentiates the graph.
#[derive(Clone, Default)]
pub struct Graph {
    inner: Rc<RefCell<Inner>>,
}

#[derive(Default)]
struct Inner {
    /// Boxed because luminal keeps raw pointers into it.
    luminal: Box<Luminal>,
    errors: Vec<Error>,
    /// Node and shape rather than a tensor: a tensor holds the graph, and the graph would never be freed.
    named: FxHashMap<(&'static str, String), (NodeIndex, Shape)>,
    parameters: Vec<(NodeIndex, Shape)>,
    scope: Option<Arc<str>>,
    sequence: u64,
}

impl Graph {
    /// An empty graph.
    pub fn new() -> Graph {
        Graph::default()
    }

    /// A tensor fed under `name` at every step.
    #[track_caller]
    pub fn input(&self, name: &str, shape: impl Into<Shape>) -> Tensor {
        let shape = shape.into();
        self.named_leaf("input", name, Input { name: name.into(), shape })
    }

    /// A parameter: state that gradients reach and optimizers update.
    #[track_caller]
    pub fn parameter(&self, name: &str, shape: impl Into<Shape>, init: Init) -> Tensor {
        let shape = shape.into();
        let state = State { name: name.into(), shape, init, drawn_as: name.into(), trainable: true };
        let parameter = self.named_leaf("state", name, state);
        self.inner.borrow_mut().parameters.push((parameter.node(), *parameter.shape()));
        parameter
    }

    /// State that is kept from step to step and that no gradient is asked for: a moment, a running statistic.
    #[track_caller]
    pub fn state(&self, name: &str, shape: impl Into<Shape>, init: Init) -> Tensor {
        let shape = shape.into();
        let state = State { name: name.into(), shape, init, drawn_as: name.into(), trainable: false };
        self.named_leaf("state", name, state)
    }

    /// State that starts with the very values another state starts with, as a teacher does with its student's.
    #[track_caller]
    pub fn twin(&self, name: &str, of: &Tensor) -> Tensor {
        match self.state_of(of) {
            Some(original) => {
                let twin = State { name: name.into(), trainable: false, ..original };
                self.named_leaf("state", name, twin)
            }
            None => {
                let detail = "only a parameter or state has a twin; this tensor is computed".into();
                self.refuse("twin", detail, &[of])
            }
        }
    }

    /// A tensor of values known now, row-major.
    #[track_caller]
    pub fn constant(&self, shape: impl Into<Shape>, data: impl Into<Arc<[f32]>>) -> Tensor {
        self.push(Constant { shape: shape.into(), data: data.into() }, &[])
    }

    /// A scalar known now.
    #[track_caller]
    pub fn scalar(&self, value: f32) -> Tensor {
        self.constant(Shape::SCALAR, vec![value])
    }

    /// A tensor of one repeated value; takes the memory of one element.
    #[track_caller]
    pub fn full(&self, shape: impl Into<Shape>, value: f32) -> Tensor {
        self.scalar(value).expand(shape)
    }

    /// All parameters, in the order they were made.
    pub fn parameters(&self) -> Vec<Tensor> {
        self.inner.borrow().parameters.iter().map(|&(node, shape)| Tensor::new(self, node, shape)).collect()
    }

    /// Sets the value that `state` has after the step. Readers within the step see the old value.
    #[track_caller]
    pub fn assign(&self, state: &Tensor, value: &Tensor) {
        match self.state_name(state) {
            Some(name) => {
                let sink = self.push(Assign { name: name.clone() }, &[state, value]);
                self.register("assignment", &name, sink);
            }
            None => {
                let detail = match state.graph().is(self) {
                    true => {
                        "only a parameter or state can be assigned; the first operand is computed, or an input"
                    }
                    false => "the first operand belongs to another graph",
                };
                self.refuse("assign", detail.into(), &[state, value]);
            }
        }
    }

    /// Hands `tensor` back under `name` after each step.
    #[track_caller]
    pub fn output(&self, name: &str, tensor: &Tensor) {
        let sink = self.push(Output { name: name.into() }, &[tensor]);
        self.register("output", name, sink);
    }

    /// Builds part of the graph under a name that plans and reports show ("student", "loss.ser").
    pub fn scope<R>(&self, name: &str, build: impl FnOnce() -> R) -> R {
        let previous = self.inner.borrow().scope.clone();
        let nested = previous.as_ref().map_or_else(|| name.to_string(), |outer| format!("{outer}.{name}"));
        self.set_scope(Some(nested.into()));
        let built = build();
        self.set_scope(previous);
        built
    }

    /// The errors recorded so far, as one.
    pub fn check(&self) -> Result<(), Error> {
        Error::from_recorded(self.inner.borrow().errors.clone()).map_or(Ok(()), Err)
    }

    /// Records an error found by code that builds on the graph; compiling then fails with it.
    pub fn record(&self, error: Error) {
        self.inner.borrow_mut().errors.push(error);
    }

    /// Records that `operator` was called with `operands` it cannot take, and gives the placeholder.
    #[track_caller]
    pub(crate) fn refuse(&self, operator: &'static str, detail: String, operands: &[&Tensor]) -> Tensor {
        if !operands.iter().any(|tensor| tensor.is_placeholder() && tensor.graph().is(self)) {
            let operands = operands.iter().map(|tensor| *tensor.shape()).collect();
            self.record(Error::Operand { operator, detail, operands, location: Location::caller() });
        }
        Tensor::placeholder(self)
    }

    /// Adds an operator with one output.
    #[track_caller]
    pub(crate) fn push(&self, op: impl Into<Op>, inputs: &[&Tensor]) -> Tensor {
        match self.try_push(op.into(), inputs) {
            Ok((index, shapes)) => Tensor::new(self, index, shapes[0]),
            Err(placeholder) => placeholder,
        }
    }

    /// Adds an operator with `N` outputs, each picked by a node of its own: luminal counts the consumers of a
    /// node's output only where each output has a single edge.
    #[track_caller]
    pub(crate) fn push_multi<const N: usize>(&self, op: impl Into<Op>, inputs: &[&Tensor]) -> [Tensor; N] {
        match self.try_push(op.into(), inputs) {
            Ok((index, shapes)) => std::array::from_fn(|output| {
                let pick = self.insert(
                    Pick { output }.into(),
                    vec![shapes[output]],
                    &[(index, output as u8, shapes[output])],
                );
                Tensor::new(self, pick, shapes[output])
            }),
            Err(placeholder) => std::array::from_fn(|_| placeholder.clone()),
        }
    }

    #[track_caller]
    fn try_push(&self, op: Op, inputs: &[&Tensor]) -> Result<(NodeIndex, Vec<Shape>), Tensor> {
        let operator = op.as_operator();
        let shapes: Vec<Shape> = inputs.iter().map(|tensor| *tensor.shape()).collect();
        let checked = match () {
            () if inputs.iter().any(|tensor| !tensor.graph().is(self)) => {
                Err("an operand belongs to another graph".into())
            }
            () if inputs.iter().any(|tensor| tensor.is_placeholder()) => Err(String::new()),
            () if inputs.len() > usize::from(u8::MAX) => Err(format!(
                "{} operands, at most 255 fit on a node of luminal's graph; combine them in groups",
                inputs.len()
            )),
            () => operator.infer(&shapes).and_then(fit),
        };
        match checked {
            Ok(outputs) => {
                let edges: Vec<_> = inputs.iter().map(|tensor| (tensor.node(), 0, *tensor.shape())).collect();
                Ok((self.insert(op, outputs.clone(), &edges), outputs))
            }
            Err(detail) => Err(self.refuse(operator.name(), detail, inputs)),
        }
    }

    fn insert(&self, op: Op, outputs: Vec<Shape>, edges: &[(NodeIndex, u8, Shape)]) -> NodeIndex {
        let mut inner = self.inner.borrow_mut();
        inner.sequence += 1;
        let node = Node { op, outputs, sequence: inner.sequence, scope: inner.scope.clone() };
        node::insert(&mut inner.luminal, node, edges)
    }

    #[track_caller]
    fn named_leaf(&self, kind: &'static str, name: &str, leaf: impl Into<Op>) -> Tensor {
        let tensor = self.push(leaf, &[]);
        self.register(kind, name, tensor.clone());
        tensor
    }

    fn register(&self, kind: &'static str, name: &str, tensor: Tensor) {
        let taken = self
            .inner
            .borrow_mut()
            .named
            .insert((kind, name.into()), (tensor.node(), *tensor.shape()))
            .is_some();
        if taken {
            let detail = match kind {
                "assignment" => "made twice; a state has one value after a step".into(),
                _ => format!("declared twice; every {kind} needs a name of its own"),
            };
            self.record(Error::Name { kind, name: name.into(), detail });
        }
    }

    /// The state with this name.
    pub fn find_state(&self, name: &str) -> Result<Tensor, Error> {
        let inner = self.inner.borrow();
        if let Some(&(node, shape)) = inner.named.get(&("state", name.to_string())) {
            return Ok(Tensor::new(self, node, shape));
        }
        let names = inner.named.keys().filter(|(kind, _)| *kind == "state").map(|(_, name)| name.as_str());
        let detail = match nearest(name, names) {
            Some(close) => format!("there is none; did you mean `{close}`?"),
            None => "there is none in this graph".into(),
        };
        Err(Error::Name { kind: "state", name: name.into(), detail })
    }

    /// The input with this name, if there is one.
    pub(crate) fn find_input(&self, name: &str) -> Option<Tensor> {
        let found = self.inner.borrow().named.get(&("input", name.to_string())).copied();
        found.map(|(node, shape)| Tensor::new(self, node, shape))
    }

    /// The name of a parameter or state, or nothing for any other tensor.
    pub fn state_name(&self, tensor: &Tensor) -> Option<String> {
        self.state_of(tensor).map(|state| state.name)
    }

    /// Whether a tensor is a parameter: state that is trained, unlike a frozen weight or a running statistic.
    pub fn is_parameter(&self, tensor: &Tensor) -> bool {
        self.state_of(tensor).is_some_and(|state| state.trainable)
    }

    fn state_of(&self, tensor: &Tensor) -> Option<State> {
        if !tensor.graph().is(self) {
            return None;
        }
        let inner = self.inner.borrow();
        match &node::node(&inner.luminal, tensor.node())?.op {
            Op::State(state) => Some(state.clone()),
            _ => None,
        }
    }

    /// Names of all declared inputs, sorted.
    pub fn input_names(&self) -> Vec<String> {
        let inner = self.inner.borrow();
        let inputs = inner.named.keys().filter(|(kind, _)| *kind == "input");
        let mut names: Vec<String> = inputs.map(|(_, name)| name.clone()).collect();
        names.sort_unstable();
        names
    }

    /// Whether two handles are one graph.
    pub fn is(&self, other: &Graph) -> bool {
        Rc::ptr_eq(&self.inner, &other.inner)
    }

    pub(crate) fn current_scope(&self) -> Option<Arc<str>> {
        self.inner.borrow().scope.clone()
    }

    pub(crate) fn set_scope(&self, scope: Option<Arc<str>>) {
        self.inner.borrow_mut().scope = scope;
    }

    /// Reads luminal's graph. `read` must not change our graph.
    pub fn with_luminal<R>(&self, read: impl FnOnce(&Luminal) -> R) -> R {
        read(&self.inner.borrow().luminal)
    }

    /// Changes luminal's graph directly: for own passes and for mixing in luminal's typed tensors. `change` must not
    /// use our graph.
    pub fn with_luminal_mut<R>(&self, change: impl FnOnce(&mut Luminal) -> R) -> R {
        change(&mut self.inner.borrow_mut().luminal)
    }
}

/// Refuses outputs that luminal or the kernels cannot hold.
fn fit(outputs: Vec<Shape>) -> Result<Vec<Shape>, String> {
    for shape in &outputs {
        if shape.rank() > MAX_RANK {
            return Err(format!("the result has {} axes, at most {MAX_RANK} are supported", shape.rank()));
        }
        if shape.elements() > MAX_ELEMENTS {
            return Err(format!(
                "the result {shape} has more than {MAX_ELEMENTS} elements, the most that 32-bit indices reach; \
                 split the batch"
            ));
        }
    }
    Ok(outputs)
}
