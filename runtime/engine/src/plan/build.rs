//! From a graph to a plan: layouts for views, copies where a kernel needs them, updates in place, offsets.

use std::sync::atomic::{AtomicU64, Ordering};

use luminal::prelude::{Graph as Luminal, NodeIndex};
use rustc_hash::FxHashMap;

use super::memory::{lifetimes, place};
use super::schedule::schedule;
use super::{Buffer, Operand, Place, Plan, Port, Step};
use crate::layout::Layout;
use crate::node::{Node, node, sources};
use crate::ops::{Access, Copy, Op, Operator, View};
use crate::shape::Shape;

/// What the planner may do; each can be switched off to bisect a wrong result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Liberties {
    /// Write a result over an operand that nobody reads again, and a new state over the old.
    pub in_place: bool,
    /// Let buffers that do not live together share memory.
    pub reuse: bool,
}

/// What the planner did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Results written over an operand.
    pub in_place: usize,
    /// States updated where they lie.
    pub updated: usize,
    /// Copies made because a kernel could not read a view or overwrite a state.
    pub copies: usize,
    /// Elements the arena would have without sharing.
    pub unshared: usize,
}

/// Plans a graph.
pub fn build(graph: &Luminal, liberties: Liberties) -> (Plan, Tally) {
    let mut builder = Builder { liberties, ..Builder::default() };
    for index in schedule(graph) {
        if let Some(node) = node(graph, index) {
            builder.visit(graph, index, node);
        }
    }
    builder.finish()
}

impl Default for Liberties {
    fn default() -> Liberties {
        Liberties { in_place: true, reuse: true }
    }
}

#[derive(Default)]
struct Builder {
    liberties: Liberties,
    plan: Plan,
    tally: Tally,
    values: FxHashMap<(NodeIndex, u8), Operand>,
    copies: FxHashMap<Operand, Operand>,
    /// New values of states, by index.
    assignments: Vec<(usize, Operand)>,
    /// The buffer of each state.
    state_buffers: Vec<usize>,
}

impl Builder {
    fn visit(&mut self, graph: &Luminal, index: NodeIndex, node: &Node) {
        let inputs: Vec<Operand> = sources(graph, index).iter().map(|value| self.values[value]).collect();
        match &node.op {
            Op::Input(input) => {
                let operand = self.new_buffer(Place::Arena(0), input.shape);
                self.plan.inputs.push(Port {
                    name: input.name.clone(),
                    shape: input.shape,
                    buffer: operand.buffer,
                });
                self.values.insert((index, 0), operand);
            }
            Op::State(state) => {
                let operand = self.new_buffer(Place::State(self.plan.states.len()), state.shape);
                self.plan.states.push(state.clone());
                self.state_buffers.push(operand.buffer);
                self.values.insert((index, 0), operand);
            }
            Op::Constant(constant) => {
                let operand = self.new_buffer(Place::Constant(self.plan.constants.len()), constant.shape);
                self.plan.constants.push(constant.data.clone());
                self.values.insert((index, 0), operand);
            }
            Op::View(view) => {
                let operand = self.show(view, inputs[0], node);
                self.values.insert((index, 0), operand);
            }
            Op::Pick(pick) => {
                let source = sources(graph, index)[0].0;
                let operand = self.values[&(source, pick.output as u8)];
                self.values.insert((index, 0), operand);
            }
            Op::Output(output) => {
                let operand = self.own_buffer(inputs[0], node);
                self.plan.outputs.push(Port {
                    name: output.name.clone(),
                    shape: node.outputs[0],
                    buffer: operand.buffer,
                });
            }
            Op::Assign(_) => {
                if let Place::State(state) = self.plan.buffers[inputs[0].buffer].place {
                    let value = self.own_value(inputs[1], node);
                    self.assignments.push((state, value));
                }
            }
            op => self.compute(index, node, op.as_operator(), inputs),
        }
    }

    fn new_buffer(&mut self, place: Place, shape: Shape) -> Operand {
        self.plan.buffers.push(Buffer { place, elements: shape.elements() });
        Operand { buffer: self.plan.buffers.len() - 1, layout: Layout::contiguous(shape) }
    }

    fn compute(&mut self, index: NodeIndex, node: &Node, operator: &dyn Operator, inputs: Vec<Operand>) {
        let inputs: Vec<Operand> = inputs
            .into_iter()
            .enumerate()
            .map(|(position, operand)| match fits(operator.access(position), &operand.layout) {
                true => operand,
                false => self.copy(operand, node),
            })
            .collect();
        let outputs: Vec<Operand> =
            node.outputs.iter().map(|&shape| self.new_buffer(Place::Arena(0), shape)).collect();
        for (output, operand) in outputs.iter().enumerate() {
            self.values.insert((index, output as u8), *operand);
        }
        self.push(node.op.clone(), inputs, outputs, node);
    }

    fn push(&mut self, op: Op, inputs: Vec<Operand>, outputs: Vec<Operand>, node: &Node) {
        let shapes =
            |operands: &[Operand]| operands.iter().map(|operand| *operand.layout.shape()).collect::<Vec<_>>();
        let cost = op.as_operator().cost(&shapes(&inputs), &shapes(&outputs));
        self.plan.steps.push(Step { op, inputs, outputs, cost, scope: node.scope.clone() });
    }

    /// The same elements in a buffer of their own, made once for all who need it.
    fn copy(&mut self, operand: Operand, node: &Node) -> Operand {
        if let Some(&copied) = self.copies.get(&operand) {
            return copied;
        }
        let copied = self.new_buffer(Place::Arena(0), *operand.layout.shape());
        self.push(Copy.into(), vec![operand], vec![copied], node);
        self.copies.insert(operand, copied);
        self.tally.copies += 1;
        copied
    }

    fn show(&mut self, view: &View, operand: Operand, node: &Node) -> Operand {
        match view.apply(&operand.layout) {
            Some(layout) => Operand { layout, ..operand },
            None => {
                let copied = self.copy(operand, node);
                let layout =
                    view.apply(&copied.layout).unwrap_or_else(|| Layout::contiguous(node.outputs[0]));
                Operand { layout, ..copied }
            }
        }
    }

    /// A whole arena buffer with these elements, for handing back.
    fn own_buffer(&mut self, operand: Operand, node: &Node) -> Operand {
        let buffer = &self.plan.buffers[operand.buffer];
        let whole = matches!(buffer.place, Place::Arena(_)) && operand.layout.is_contiguous();
        match whole && buffer.elements == operand.layout.shape().elements() {
            true => operand,
            false => self.copy(operand, node),
        }
    }

    /// A value to be stored at the end of the step: saved now where it is a state's old value, which may change.
    fn own_value(&mut self, operand: Operand, node: &Node) -> Operand {
        match self.plan.buffers[operand.buffer].place {
            Place::State(_) => self.copy(operand, node),
            Place::Arena(_) | Place::Constant(_) => operand,
        }
    }

    fn finish(mut self) -> (Plan, Tally) {
        static PLANS: AtomicU64 = AtomicU64::new(1);
        self.plan.id = PLANS.fetch_add(1, Ordering::Relaxed);
        self.update_states();
        if self.liberties.in_place {
            self.write_over_operands();
        }
        self.place_buffers();
        (self.plan, self.tally)
    }

    /// Lets new states be written where the old ones lie, or copies them there at the end.
    fn update_states(&mut self) {
        let mut late = Vec::new();
        let mut moved: FxHashMap<usize, usize> = FxHashMap::default();
        for (state, value) in std::mem::take(&mut self.assignments) {
            // One value may go to several states: the first takes it over, the others copy it from there.
            if let Some(&buffer) = moved.get(&value.buffer) {
                late.push((state, Operand { buffer, ..value }));
            } else if self.liberties.in_place && self.can_update(state, value) {
                self.rename(value.buffer, self.state_buffers[state]);
                moved.insert(value.buffer, self.state_buffers[state]);
                self.tally.updated += 1;
            } else {
                late.push((state, value));
            }
        }
        for (state, value) in late {
            self.store(state, value);
        }
    }

    /// Copies a state's new value over the old one, after all other steps.
    fn store(&mut self, state: usize, value: Operand) {
        let shape = *value.layout.shape();
        let target = Operand { buffer: self.state_buffers[state], layout: Layout::contiguous(shape) };
        let cost = Copy.cost(&[shape], &[shape]);
        self.plan.steps.push(Step {
            op: Copy.into(),
            inputs: vec![value],
            outputs: vec![target],
            cost,
            scope: None,
        });
        self.tally.copies += 1;
    }

    /// Whether the step that makes a state's new value may write it over the old one.
    fn can_update(&self, state: usize, value: Operand) -> bool {
        let old = self.state_buffers[state];
        let buffer = &self.plan.buffers[value.buffer];
        let whole = value.layout.is_contiguous() && buffer.elements == self.plan.buffers[old].elements;
        let is_port = |port: &Port| port.buffer == value.buffer;
        let held = self.plan.inputs.iter().chain(&self.plan.outputs).any(is_port);
        if !whole || held || !matches!(buffer.place, Place::Arena(_)) {
            return false;
        }
        let makes = |step: &Step| step.outputs.iter().any(|output| output.buffer == value.buffer);
        let Some(maker) = self.plan.steps.iter().position(makes) else { return false };
        let reads_old = |step: &Step| step.inputs.iter().any(|input| input.buffer == old);
        let step = &self.plan.steps[maker];
        let here = !reads_old(step)
            || coincidences(step).iter().any(|&(output, input)| {
                step.outputs[output].buffer == value.buffer
                    && step.inputs[input].buffer == old
                    && reads_alike(step, input)
            });
        here && !self.plan.steps[maker + 1..].iter().any(reads_old)
    }

    fn rename(&mut self, from: usize, to: usize) {
        for step in &mut self.plan.steps {
            for operand in
                step.inputs.iter_mut().chain(&mut step.outputs).filter(|operand| operand.buffer == from)
            {
                operand.buffer = to;
            }
        }
    }

    /// Lets elementwise results take the memory of operands that die with them.
    fn write_over_operands(&mut self) {
        let mut last_use: Vec<usize> = lifetimes(&self.plan.steps, self.plan.buffers.len())
            .iter()
            .map(|life| life.map_or(0, |(_, last)| last))
            .collect();
        for port in &self.plan.outputs {
            last_use[port.buffer] = usize::MAX;
        }
        let mut taken: Vec<usize> = (0..self.plan.buffers.len()).collect();
        for index in 0..self.plan.steps.len() {
            let step = &mut self.plan.steps[index];
            for operand in step.inputs.iter_mut().chain(&mut step.outputs) {
                operand.buffer = taken[operand.buffer];
            }
            let step = &self.plan.steps[index];
            let mut used = Vec::new();
            for (output, input) in coincidences(step) {
                let (to, from) = (step.outputs[output].buffer, step.inputs[input].buffer);
                let arena = |buffer: usize| matches!(self.plan.buffers[buffer].place, Place::Arena(_));
                let same_size = self.plan.buffers[to].elements == self.plan.buffers[from].elements;
                let free = last_use[from] == index && arena(from) && arena(to) && taken[to] == to;
                if free && same_size && !used.contains(&from) && to != from && reads_alike(step, input) {
                    taken[to] = from;
                    last_use[from] = last_use[to];
                    used.push(from);
                    self.tally.in_place += 1;
                }
            }
            for operand in &mut self.plan.steps[index].outputs {
                operand.buffer = taken[operand.buffer];
            }
        }
        for port in &mut self.plan.outputs {
            port.buffer = taken[port.buffer];
        }
    }

    fn place_buffers(&mut self) {
        let mut lifetimes = lifetimes(&self.plan.steps, self.plan.buffers.len());
        let end = self.plan.steps.len();
        for port in &self.plan.inputs {
            lifetimes[port.buffer].get_or_insert((0, 0)).0 = 0;
        }
        for port in &self.plan.outputs {
            lifetimes[port.buffer].get_or_insert((0, end)).1 = end;
        }
        let arena = |buffer: &&Buffer| matches!(buffer.place, Place::Arena(_));
        self.tally.unshared = self.plan.buffers.iter().filter(arena).map(|buffer| buffer.elements).sum();
        if !self.liberties.reuse {
            lifetimes.iter_mut().flatten().for_each(|life| *life = (0, end));
        }
        self.plan.arena = place(&mut self.plan.buffers, &lifetimes);
        self.plan.lifetimes = lifetimes;
    }
}

fn fits(access: Access, layout: &Layout) -> bool {
    match access {
        Access::Strided => true,
        Access::Rows => layout.has_dense_rows(),
        Access::Contiguous => layout.is_row_major(),
    }
}

/// Pairs (output, input) whose elements a kernel reads and writes in step, so that they may share memory.
fn coincidences(step: &Step) -> Vec<(usize, usize)> {
    let first_input = match &step.op {
        Op::Unary(_) | Op::Binary(_) | Op::Select(_) | Op::Fused(_) => 0,
        Op::FusedContract(_) => 2,
        op => return op.as_operator().updates().to_vec(),
    };
    let inputs = first_input..step.inputs.len();
    (0..step.outputs.len()).flat_map(|output| inputs.clone().map(move |input| (output, input))).collect()
}

/// Whether an input is a whole buffer, row-major, and every other reading of that buffer in the step is the same.
fn reads_alike(step: &Step, input: usize) -> bool {
    let operand = step.inputs[input];
    let updates = step.op.as_operator().updates().iter().any(|&(_, updated)| updated == input);
    let exempt = |other: usize| match &step.op {
        Op::FusedContract(_) => other >= 2,
        _ => !updates || other == input,
    };
    operand.layout.is_contiguous()
        && step.inputs.iter().enumerate().all(|(other, reading)| {
            reading.buffer != operand.buffer || (exempt(other) && reading.layout == operand.layout)
        })
}
