//! Moving averages of parameter sets.

use crate::graph::Graph;
use crate::tensor::Tensor;

/// Moves each teacher towards its student, keeps it, and gives the teachers as they are after the step.
///
/// `pairs` are (teacher, student): each teacher a state or parameter of the graph, each student a tensor of its shape;
/// `momentum` is one number in 0 to 1, an input to follow a schedule. Which order holds is the caller's choice:
///
/// * MoCo v3 updates before it computes keys: give the students as they are, and build the teacher from the result.
/// * DINO and BYOL update after the optimizer: give [`super::Applied::parameters`] as students, and build the teacher
///   from the states.
#[track_caller]
pub fn ema(graph: &Graph, pairs: &[(Tensor, Tensor)], momentum: &Tensor) -> Vec<Tensor> {
    let mut moved = Vec::with_capacity(pairs.len());
    for (teacher, student) in pairs {
        let next = teacher.ema(student, momentum);
        graph.assign(teacher, &next);
        moved.push(next);
    }
    moved
}
