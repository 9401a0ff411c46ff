//! The graph evaluated node by node in `f64`: precise enough for central differences.

use std::collections::BTreeMap;

use luminal::prelude::NodeIndex;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::array::Array;
use crate::error::Error;
use crate::graph::Graph;
use crate::node::{node, sources, topological};
use crate::ops::Op;
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
    graph.check()?;
    graph.with_luminal(|luminal| {
        let live: FxHashSet<NodeIndex> = live_nodes(luminal).into_iter().collect();
        let mut values: FxHashMap<(NodeIndex, u8), Array> = FxHashMap::default();
        let mut results = Values::new();
        for index in topological(luminal).into_iter().filter(|index| live.contains(index)) {
            let Some(node) = node(luminal, index) else { continue };
            let inputs: Vec<&Array> = sources(luminal, index).iter().map(|value| &values[value]).collect();
            let outputs = match leaf(&node.op, given)? {
                Some(value) => vec![value],
                None => node.op.as_operator().reference(&inputs, &node.outputs),
            };
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
