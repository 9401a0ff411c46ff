//! The graph evaluated node by node in `f64`: precise enough for central differences.

use std::collections::BTreeMap;

use luminal::prelude::NodeIndex;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::array::Array;
use crate::error::Error;
use crate::graph::Graph;
use crate::node::{node, sources, topological};
use crate::ops::{Op, Unary, UnaryKind};
use crate::plan::live_nodes;
use crate::shape::Shape;

/// Arrays by name.
pub type Values = BTreeMap<String, Array>;

/// Evaluates all outputs and assignments of a graph, given its inputs and states by name. Assignments are found
/// under the name of their state. State that is not given starts as its initializer says, under seed 0.
///
/// # Errors
/// Errors recorded in the graph, a missing or misshapen input, or initial values that cannot be made.
pub fn evaluate(graph: &Graph, given: &Values) -> Result<Values, Error> {
    walk(graph, given, &mut |_, value| value)
}

/// What passed every `stop_gradient` in an evaluation: what gradients take for constant.
#[derive(Clone, Debug, Default)]
pub struct Constants(FxHashMap<NodeIndex, Array>);

/// What [`evaluate`] passes through every `stop_gradient` of a graph.
///
/// # Errors
/// As [`evaluate`].
pub fn constants(graph: &Graph, given: &Values) -> Result<Constants, Error> {
    let mut passed = FxHashMap::default();
    walk(graph, given, &mut |stop, value| {
        passed.insert(stop, value.clone());
        value
    })?;
    Ok(Constants(passed))
}

/// As [`evaluate`], with `constants` of the same graph in place of what would pass its `stop_gradient`s: differences of
/// this are what gradients are, also where part of what is differentiated is held constant.
///
/// # Errors
/// As [`evaluate`].
pub fn evaluate_holding(graph: &Graph, given: &Values, constants: &Constants) -> Result<Values, Error> {
    walk(graph, given, &mut |stop, value| constants.0.get(&stop).cloned().unwrap_or(value))
}

/// Evaluates a graph; `stopped` is given what reaches each `stop_gradient` and says what leaves it.
fn walk(
    graph: &Graph,
    given: &Values,
    stopped: &mut dyn FnMut(NodeIndex, Array) -> Array,
) -> Result<Values, Error> {
    graph.check()?;
    graph.with_luminal(|luminal| {
        let live: FxHashSet<NodeIndex> = live_nodes(luminal).into_iter().collect();
        let mut values: FxHashMap<(NodeIndex, u8), Array> = FxHashMap::default();
        let mut results = Values::new();
        for index in topological(luminal).into_iter().filter(|index| live.contains(index)) {
            let Some(node) = node(luminal, index) else { continue };
            let inputs: Vec<&Array> = sources(luminal, index).iter().map(|value| &values[value]).collect();
            let mut outputs = match leaf(&node.op, given)? {
                Some(value) => vec![value],
                None => node.op.as_operator().reference(&inputs, &node.outputs),
            };
            if matches!(node.op, Op::Unary(Unary(UnaryKind::StopGradient))) {
                outputs = outputs.into_iter().map(|value| stopped(index, value)).collect();
            }
            if let Op::Output(crate::ops::Output { name }) | Op::Assign(crate::ops::Assign { name }) =
                &node.op
            {
                results.insert(name.clone(), outputs[0].clone());
            }
            for (output, array) in outputs.into_iter().enumerate() {
                values.insert((index, output as u8), array);
            }
        }
        Ok(results)
    })
}

/// The value of an input or a state; nothing for other operators.
pub(super) fn leaf(op: &Op, given: &Values) -> Result<Option<Array>, Error> {
    match op {
        Op::Input(input) => match find(given, "input", &input.name, &input.shape)? {
            Some(array) => Ok(Some(array)),
            None => {
                let detail = format!("missing; it needs values of shape {}", input.shape);
                Err(Error::Name { kind: "input", name: input.name.clone(), detail })
            }
        },
        Op::State(state) => match find(given, "state", &state.name, &state.shape)? {
            Some(array) => Ok(Some(array)),
            None => {
                Ok(Some(Array::from_f32(state.shape, &state.init.fill(&state.drawn_as, &state.shape, 0)?)))
            }
        },
        _ => Ok(None),
    }
}

fn find(given: &Values, kind: &'static str, name: &str, shape: &Shape) -> Result<Option<Array>, Error> {
    match given.get(name) {
        Some(array) if array.shape() != shape => {
            let detail = format!("given with shape {}, it has {shape}", array.shape());
            Err(Error::Name { kind, name: name.into(), detail })
        }
        found => Ok(found.cloned()),
    }
}
