//! Common subexpressions: nodes that compute the same from the same are merged.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use luminal::prelude::{Graph as Luminal, NodeIndex};
use rustc_hash::FxHashMap;

use super::rewrite::{Rewriter, Value};
use super::{Pass, Rewritten};
use crate::node::{node, topological};
use crate::ops::{Binary, BinaryKind, Op};

/// Merges equal nodes.
#[derive(Clone, Copy, Debug)]
pub struct CommonSubexpression;

impl Pass for CommonSubexpression {
    fn name(&self) -> &'static str {
        "common-subexpression"
    }

    fn rewrite(&self, graph: &mut Luminal) -> Rewritten {
        let order = topological(graph);
        let mut rewriter = Rewriter::new(graph);
        let mut seen: FxHashMap<Key, Vec<NodeIndex>> = FxHashMap::default();
        let mut merged = 0;
        for index in order {
            let Some(key) = rewriter
                .op(index)
                .filter(|op| is_mergeable(op))
                .map(|op| Key::new(op, rewriter.sources(index)))
            else {
                continue;
            };
            let alike = seen.entry(key).or_default();
            match alike
                .iter()
                .find(|&&earlier| node(rewriter.graph(), earlier) == node(rewriter.graph(), index))
            {
                Some(&earlier) => {
                    rewriter.replace(index, earlier);
                    merged += 1;
                }
                None => alike.push(index),
            }
        }
        rewriter.finish(format!("merged {merged} nodes"))
    }
}

/// What equal nodes have in common; nodes that share it still have to be compared.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    variant: &'static str,
    sources: Vec<Value>,
    /// Of a constant's values, of which there are many without sources.
    fingerprint: u64,
}

impl Key {
    fn new(op: &Op, mut sources: Vec<Value>) -> Key {
        if let Op::Binary(Binary(BinaryKind::Add | BinaryKind::Mul | BinaryKind::Equal)) = op {
            sources.sort_unstable();
        }
        let fingerprint = match op {
            Op::Constant(constant) => fingerprint(&constant.data),
            _ => 0,
        };
        Key { variant: op.variant(), sources, fingerprint }
    }
}

/// A hash of the length and of some values spread evenly.
fn fingerprint(data: &[f32]) -> u64 {
    let mut hasher = DefaultHasher::new();
    data.len().hash(&mut hasher);
    data.iter().step_by(data.len() / 16 + 1).for_each(|value| value.to_bits().hash(&mut hasher));
    hasher.finish()
}

/// Whether two nodes with this operator and the same sources are one. What has a name is itself; an update of
/// state is where the planner expects it.
fn is_mergeable(op: &Op) -> bool {
    !matches!(op, Op::Input(_) | Op::State(_) | Op::Output(_) | Op::Assign(_))
        && op.as_operator().updates().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::testing::{check, check_with};

    #[test]
    fn equal_nodes_merge_whatever_the_order_of_their_operands() {
        check(&CommonSubexpression, "merged 5 nodes", "expand mul permute tanh sub", |graph, x| {
            let grid = || graph.constant([3], vec![1.0, 2.0, 3.0]);
            let (left, right) = (&x * grid(), grid() * &x);
            vec![left.transpose(0, 1).tanh() - right.transpose(0, 1).tanh()]
        });
    }

    #[test]
    fn nodes_that_differ_in_data_stay() {
        check(&CommonSubexpression, "merged 0 nodes", "sum add maximum over axes sub", |graph, x| {
            let (a, b) = (graph.constant([2], vec![1.0, 2.0]), graph.constant([2], vec![1.0, -2.0]));
            vec![x.sum(&[1]) + a, x.slice(1, 0, 3).max(&[1]) - b]
        });
    }

    #[test]
    fn a_constant_that_is_not_a_number_equals_itself() {
        check(&CommonSubexpression, "merged 2 nodes", "choose", |graph, x| {
            let nan = || graph.full([2, 3], f32::NAN);
            vec![x.choose(&nan(), &nan())]
        });
    }

    #[test]
    fn every_name_stays() {
        check_with(
            &CommonSubexpression,
            "merged 1 nodes",
            "exp",
            &[("a", [2].into()), ("b", [2].into())],
            |_, x| vec![x[0].clone(), x[0].exp(), x[0].exp(), x[1].clone()],
        );
    }
}
