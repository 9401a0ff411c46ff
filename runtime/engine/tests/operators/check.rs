//! What is checked of each case.

use std::collections::BTreeSet;
use std::fmt;

use equilayer_engine::array::Array;
use equilayer_engine::reference::{Values, evaluate, lower};
use equilayer_engine::{
    CompileOptions, CpuExecutor, CpuOptions, Error, Executor, Graph, Outputs, Tensor, node,
};

use crate::cases::{Case, Domain, compare, values};

/// How many comparisons ran.
#[derive(Default)]
pub struct Counts {
    pub plans: usize,
    pub interpreted: usize,
    pub gradients: usize,
    pub differences: usize,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} CPU plans, {} graphs in luminal's interpreter, {} gradients against {} central differences",
            self.plans, self.interpreted, self.gradients, self.differences
        )
    }
}

/// Central differences are taken at this many elements of each input, spread evenly.
const PROBES: usize = 24;

/// Graphs that take more elements than this are not interpreted: luminal spends 100 ns and more on each.
const MOST_INTERPRETED: usize = 20_000;

/// Operators that luminal's primitives cannot express, each with the reason.
const UNDECOMPOSED: [(&str, &str); 3] = [
    ("random normal", "luminal draws no numbers"),
    ("random uniform", "luminal draws no numbers"),
    ("unfold", "filled with −∞ for a maximum: luminal chooses by products, and 0 · ∞ is no number"),
];

/// Step of the central differences, in `f64`: truncation and cancellation both stay near 1e-9.
const STEP: f64 = 1e-5;

/// Checks one case; the names of all operators that ran are added to `covered`.
pub fn case(case: &Case, covered: &mut BTreeSet<&'static str>, counts: &mut Counts) -> Result<(), String> {
    let data = case.values();
    let built = Built::new(case, false)?;
    let reference = evaluate(&built.graph, &data).map_err(text)?;
    built.graph.with_luminal(|luminal| {
        covered
            .extend(luminal.graph.node_indices().filter_map(|i| Some(node::node(luminal, i)?.op.variant())));
    });
    for options in [CompileOptions::none(), CompileOptions::new()] {
        let built = Built::new(case, false)?;
        let ran = run(&built.graph, &options, &data, covered)?;
        compare(&reference, |name| ran.value(name), case.tolerance)?;
        counts.plans += 1;
        interpret(case, &built.graph, &data, (&reference, case.tolerance), counts)?;
    }
    if case.differentiable {
        gradients(case, &data, covered, counts)?;
    }
    Ok(())
}

struct Built {
    graph: Graph,
    inputs: Vec<Tensor>,
    loss: Option<Tensor>,
}

impl Built {
    /// The case's graph with its outputs named; with `loss`, a weighted sum of all outputs instead.
    fn new(case: &Case, loss: bool) -> Result<Built, String> {
        let graph = Graph::new();
        let inputs: Vec<Tensor> = case
            .inputs
            .iter()
            .enumerate()
            .map(|(i, input)| graph.input(&format!("in{i}"), input.shape))
            .collect();
        let outputs = (case.build)(&graph, &inputs);
        graph.check().map_err(text)?;
        if !loss {
            outputs.iter().enumerate().for_each(|(i, output)| graph.output(&format!("out{i}"), output));
            return Ok(Built { graph, inputs, loss: None });
        }
        let weighted = outputs.iter().enumerate().map(|(i, output)| {
            let weights = values(output.shape().elements(), 1000 + i as u64, Domain::Any);
            let weights: Vec<f32> = weights.into_iter().map(|x| x as f32).collect();
            (output * graph.constant(*output.shape(), weights)).sum_all()
        });
        let loss = weighted.reduce(|sum, term| sum + term).ok_or("a case without outputs")?;
        Ok(Built { graph, inputs, loss: Some(loss) })
    }
}

/// Compares luminal's interpreter with the reference, on the graph as the passes left it, where it is small enough.
/// Counted is what decomposes as a whole.
fn interpret(
    case: &Case,
    graph: &Graph,
    data: &Values,
    (reference, tolerance): (&Values, f64),
    counts: &mut Counts,
) -> Result<(), String> {
    let mut lowered = lower(graph);
    let unexplained = |operator: &&str| !UNDECOMPOSED.iter().any(|(known, _)| known == operator);
    if let Some(operator) = lowered.undecomposed().find(unexplained) {
        return Err(format!(
            "`{operator}` has no decomposition; give it one, or say why not in UNDECOMPOSED"
        ));
    }
    if case.interpreted && lowered.elements() <= MOST_INTERPRETED {
        let outputs = lowered.run(data).map_err(text)?;
        let value = |name: &str| outputs.get(name).map(<[f32]>::to_vec);
        compare(reference, value, tolerance)
            .map_err(|failure| format!("in luminal's interpreter: {failure}"))?;
        counts.interpreted += usize::from(lowered.undecomposed().next().is_none());
    }
    Ok(())
}

fn gradients(
    case: &Case,
    data: &Values,
    covered: &mut BTreeSet<&'static str>,
    counts: &mut Counts,
) -> Result<(), String> {
    let wrt: Vec<usize> = (0..case.inputs.len()).filter(|&i| case.inputs[i].differentiable).collect();
    let build = || -> Result<Built, String> {
        let built = Built::new(case, true)?;
        let tensors: Vec<Tensor> = wrt.iter().map(|&i| built.inputs[i].clone()).collect();
        let loss = built.loss.clone().ok_or("no loss")?;
        let gradients = built.graph.gradients(&loss, &tensors).map_err(text)?;
        for (&i, gradient) in wrt.iter().zip(&gradients) {
            if gradient.shape() != built.inputs[i].shape() {
                return Err(format!(
                    "gradient of input {i} has shape {}, not {}",
                    gradient.shape(),
                    built.inputs[i].shape()
                ));
            }
            built.graph.output(&format!("grad{i}"), gradient);
        }
        Ok(built)
    };
    let analytic = evaluate(&build()?.graph, data).map_err(text)?;
    for options in [CompileOptions::none(), CompileOptions::new()] {
        let graph = build()?.graph;
        let ran = run(&graph, &options, data, covered)?;
        compare(&analytic, |name| ran.value(name), case.tolerance * 4.0)
            .map_err(|failure| format!("gradient: {failure}"))?;
        counts.gradients += 1;
        interpret(case, &graph, data, (&analytic, case.tolerance * 4.0), counts)
            .map_err(|failure| format!("gradient: {failure}"))?;
    }
    let probe = Built::new(case, true)?;
    probe.graph.output("loss", probe.loss.as_ref().ok_or("no loss")?);
    for &i in &wrt {
        counts.differences +=
            differences(&probe.graph, data, i, &analytic[&format!("grad{i}")], case.kinked)?;
    }
    Ok(())
}

/// Compares a gradient with central differences of the loss in `f64`.
fn differences(
    graph: &Graph,
    data: &Values,
    input: usize,
    gradient: &Array,
    kinked: bool,
) -> Result<usize, String> {
    let name = format!("in{input}");
    let elements = data[&name].data().len();
    let stride = elements.div_ceil(PROBES).max(1);
    let at = |element: usize, by: f64| -> Result<f64, String> {
        let mut moved = data.clone();
        if let Some(array) = moved.get_mut(&name) {
            array.data_mut()[element] += by;
        }
        Ok(evaluate(graph, &moved).map_err(text)?["loss"].data()[0])
    };
    let scale = gradient.data().iter().fold(1.0f64, |scale, x| scale.max(x.abs()));
    let mut compared = 0;
    for element in (0..elements).step_by(stride) {
        let numeric = (at(element, STEP)? - at(element, -STEP)?) / (2.0 * STEP);
        let analytic = gradient.data()[element];
        // At a kink (ties in a maximum) the one-sided derivatives differ and their mean is what we promise.
        let tolerance = if kinked { 1e-4 } else { 2e-6 } * scale;
        if (numeric - analytic).abs() > tolerance {
            return Err(format!(
                "gradient of input {input} at {element}: {analytic:.9} but central difference {numeric:.9}"
            ));
        }
        compared += 1;
    }
    Ok(compared)
}

/// What a plan gave, with the executor that holds its state.
pub struct Ran {
    outputs: Outputs,
    executor: CpuExecutor,
}

impl Ran {
    /// An output, or else the new value of a state.
    fn value(&self, name: &str) -> Result<Vec<f32>, Error> {
        self.outputs.get(name).map(<[f32]>::to_vec).or_else(|_| self.executor.state(name))
    }
}

fn run(
    graph: &Graph,
    options: &CompileOptions,
    data: &Values,
    covered: &mut BTreeSet<&'static str>,
) -> Result<Ran, String> {
    let plan = graph.compile(options).map_err(text)?;
    covered.extend(plan.steps().iter().map(|step| step.op.variant()));
    let mut bits: Option<Ran> = None;
    let fed: Vec<(String, Vec<f32>)> =
        data.iter().map(|(name, array)| (name.clone(), array.to_f32())).collect();
    let fed: Vec<(&str, &[f32])> =
        fed.iter().map(|(name, values)| (name.as_str(), values.as_slice())).collect();
    for threads in [1, 2, 3] {
        let mut executor =
            CpuExecutor::new(CpuOptions { threads: Some(threads), ..CpuOptions::default() }).map_err(text)?;
        executor.run(&plan, &fed).map_err(text)?;
        // The second run finds the arena full of the first one's values.
        let outputs = executor.run(&plan, &fed).map_err(text)?;
        match &bits {
            Some(first) if !same_bits(&first.outputs, &outputs) => {
                return Err(format!("{threads} threads give other bits than 1"));
            }
            _ => bits = Some(Ran { outputs, executor }),
        }
    }
    bits.ok_or_else(|| "nothing ran".into())
}

fn same_bits(a: &Outputs, b: &Outputs) -> bool {
    let bits = |outputs: &Outputs| -> Vec<u32> {
        outputs.iter().flat_map(|(_, v)| v.iter().map(|x| x.to_bits())).collect()
    };
    bits(a) == bits(b)
}

fn text(error: Error) -> String {
    error.to_string()
}
