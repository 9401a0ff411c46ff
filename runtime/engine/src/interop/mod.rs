//! Exchange with luminal's typed tensors, on one graph.
//!
//! [`Graph::wrap`] reads what was built with luminal's typed interface and repeats it in operators of ours, which
//! differentiate, compile and run. [`Tensor::to_graph_tensor`] goes the other way: our nodes are luminal operators, so
//! a handle is enough, and luminal's interpreter runs them by their references.

mod reading;
mod upstream;

use luminal::prelude::{Graph as Luminal, GraphTensor, NodeIndex, Shape as TypedShape};
use rustc_hash::FxHashMap;

use self::reading::Reading;
use self::upstream::{Step, Work, upstream};
use crate::error::Error;
use crate::graph::Graph;
use crate::node;
use crate::ops::ReduceKind;
use crate::tensor::Tensor;

impl Graph {
    /// The value of a typed luminal tensor, as a tensor of ours with luminal's primitives repeated in our operators.
    ///
    /// It means what luminal's interpreter makes of the nodes and trackers that are there. That is not always what
    /// the typed call says: luminal 0.2.0 sums permuted and repeated tensors wrongly, for example. Where luminal
    /// would read memory that does not exist, or shapes disagree, wrapping is refused.
    ///
    /// A tensor that luminal loads becomes an input, called by its name and its node's index: `named_tensor("x")` on
    /// node 3 is fed as `x.3`, and one without a name as `Tensor.3`. Wrapping twice finds the same input. Dynamic
    /// dimensions take the lengths they are set to now.
    ///
    /// # Errors
    /// A tensor of another graph, nodes of luminal's that are no primitives (named), a dynamic dimension without a
    /// length, or a tracker that luminal itself misreads.
    ///
    /// ```
    /// use equilayer_engine::Graph;
    /// use luminal::prelude::{GraphTensor, R1, R2};
    ///
    /// let graph = Graph::new();
    /// let (x, y) = graph.with_luminal_mut(|luminal| {
    ///     let x: GraphTensor<R2<3, 4>> = luminal.named_tensor("x");
    ///     (x, x.sum_reduce::<R1<3>, _>().exp2())
    /// });
    /// let y = graph.wrap(y)?;
    /// assert_eq!(y.shape()[..], [3]);
    /// assert_eq!(graph.input_names(), [format!("x.{}", x.id.index())]);
    ///
    /// let doubled: GraphTensor<R1<3>> = (&y * 2.0).to_graph_tensor()?;
    /// let _logarithm = doubled.log2();
    /// # Ok::<(), equilayer_engine::Error>(())
    /// ```
    #[track_caller]
    pub fn wrap<S: TypedShape>(&self, tensor: GraphTensor<S>) -> Result<Tensor, Error> {
        let (steps, last) = self
            .with_luminal(|luminal| {
                if !std::ptr::eq(luminal, tensor.graph_ref) {
                    return Err(
                        "the tensor belongs to another graph; build it inside `with_luminal_mut`".into()
                    );
                }
                let last = Reading::of(&tensor.shape, &luminal.dyn_map)?;
                Ok((upstream(luminal, tensor.id, &last)?, last))
            })
            .map_err(Error::Luminal)?;
        let mut values: FxHashMap<NodeIndex, Tensor> = FxHashMap::default();
        for step in &steps {
            let value = self
                .repeat(step, &values)
                .map_err(|detail| Error::Luminal(format!("node {}: {detail}", step.index.index())))?;
            values.insert(step.index, value);
        }
        last.show(&values[&tensor.id]).map_err(Error::Luminal)?.checked()
    }

    /// One node of luminal's in our operators.
    #[track_caller]
    fn repeat(&self, step: &Step, values: &FxHashMap<NodeIndex, Tensor>) -> Result<Tensor, String> {
        let shown = |input: usize| {
            let (source, reading) = &step.inputs[input];
            reading.show(&values[source])
        };
        Ok(match &step.work {
            Work::Ours(shape) => Tensor::new(self, step.index, *shape),
            Work::Load { name, shape } => match self.find_input(name) {
                Some(input) => input,
                None => self.input(name, *shape),
            },
            Work::Number(number) => self.scalar(*number),
            // luminal leaves the layout alone and works on whatever lies in the buffer.
            Work::Unary(kind) => values[&step.inputs[0].0].unary(*kind),
            Work::Binary(kind) => {
                let (a, b) = (shown(0)?, shown(1)?);
                if a.shape().elements() != b.shape().elements() {
                    return Err(format!("`{}` of shapes {} and {}", kind.name(), a.shape(), b.shape()));
                }
                a.binary(*kind, &b.reshape(*a.shape()))
            }
            Work::Reduce(kind, axis) => {
                step.inputs[0].1.check_reduction()?;
                match kind {
                    ReduceKind::Sum => shown(0)?.sum(&[*axis as isize]),
                    ReduceKind::Max => shown(0)?.max(&[*axis as isize]),
                }
            }
            Work::Contiguous => shown(0)?,
        })
    }
}

impl Tensor {
    /// This tensor for luminal's typed interface.
    ///
    /// luminal's interpreter runs it and what is built on it. Inputs and parameters must be given values with
    /// luminal's `set_tensor` before every run; they count as zeros otherwise. The handle points into the graph and
    /// must not be used after the last [`Graph`] or [`Tensor`] of it is gone. [`Graph::compile`] rewrites the graph:
    /// what luminal uses or is told to `keep` stays, other handles may lose their node.
    ///
    /// # Errors
    /// A type whose shape is not the tensor's, or errors recorded in the graph.
    pub fn to_graph_tensor<S: TypedShape>(&self) -> Result<GraphTensor<S>, Error> {
        self.graph().check()?;
        self.graph().with_luminal_mut(|luminal| {
            let typed = Reading::of(&S::to_tracker(), &luminal.dyn_map).map_err(Error::Luminal)?.shape();
            if typed != *self.shape() {
                let detail =
                    format!("a tensor of shape {} is no `GraphTensor` of shape {typed}", self.shape());
                return Err(Error::Luminal(detail));
            }
            let pointer: *mut Luminal = luminal;
            Ok(GraphTensor::from_id(self.node(), node::tracker(self.shape()), pointer))
        })
    }
}
