//! Passes keep what a graph means: random graphs with gradients and an assignment give the same values with all
//! passes, with each one switched off, and with none.

use equilayer_engine::array::Array;
use equilayer_engine::ops::UnaryKind;
use equilayer_engine::reference::{Values, evaluate};
use equilayer_engine::{
    CompileOptions, CpuExecutor, CpuOptions, Error, Executor, Graph, Init, Tensor, random,
};
use proptest::prelude::*;

/// One operator of a random graph: which, on which earlier tensors, and a number to vary it.
#[derive(Clone, Copy, Debug)]
struct Choice {
    operator: u8,
    a: usize,
    b: usize,
    variant: usize,
}

/// Kinds of operators [`Choice::apply`] knows.
const OPERATORS: u8 = 16;

/// Tensors stay smaller than this, so that the reference is fast.
const MAX_ELEMENTS: usize = 2000;

/// Shapes of what is fed or held.
const INPUTS: [(&str, &[usize]); 4] =
    [("x", &[4, 3, 5]), ("y", &[3, 5]), ("mask", &[4, 3, 5]), ("row", &[1, 5])];
const PARAMETERS: [(&str, &[usize]); 3] = [("square", &[5, 5]), ("wide", &[5, 6]), ("bias", &[5])];

/// Rounding grows along at most 14 operators and their gradients, all with values and slopes near 1.
const TOLERANCE: f64 = 1e-4;

fn choices() -> impl Strategy<Value = Vec<Choice>> {
    let choice = (0..OPERATORS, any::<usize>(), any::<usize>(), any::<usize>());
    let choice = choice.prop_map(|(operator, a, b, variant)| Choice { operator, a, b, variant });
    prop::collection::vec(choice, 1..14)
}

impl Choice {
    /// The next tensor of a graph whose tensors so far are `made`. Values stay near 1.
    fn apply(&self, made: &[Tensor], named: &Named) -> Tensor {
        // Late tensors are taken more often than early ones: deep graphs are the interesting ones.
        let recent = made.len().min(5);
        let (a, b) = (&made[made.len() - 1 - self.a % recent], &made[self.b % made.len()]);
        let rank = a.shape().len();
        let axis = (self.variant % rank.max(1)) as isize;
        let made = match self.operator {
            0 => {
                let some =
                    [a.tanh(), a.sigmoid(), a.gelu(), a.sin(), -a, a.square().tanh(), a.stop_gradient()];
                some[self.variant % 7].clone()
            }
            1 | 2 => together(a, b, |a, b| [a + b, a * b, a - b, b - a][self.variant % 4].clone()),
            3 => a * [1.0, 2.0, 0.5, -1.0][self.variant % 4] + [0.0, 1.0][self.variant % 2],
            4 if rank > 0 => a.mean(&[axis]),
            5 if rank > 0 => a.stop_gradient().max(&[axis]),
            6 if rank > 1 => a.transpose(axis, -1),
            7 if rank > 0 => a.flip(axis).reshape([a.shape().elements()]).reshape(*a.shape()),
            8 if rank > 0 && a.dim(axis) > 1 => {
                let (first, rest) = (a.slice(axis, 0, 1), a.slice(axis, 1, a.dim(axis) - 1));
                [
                    first.concat(&[&rest.tanh()], axis),
                    rest.pad(axis, 1, 0) + first.pad(axis, 0, a.dim(axis) - 1),
                ][self.variant % 2]
                    .clone()
            }
            9 | 10 if rank > 0 && a.dim(-1) == 5 => {
                let weight = [&named.square, &named.wide][self.variant % 2];
                let product = a.matmul(weight) * 0.3;
                if self.variant.is_multiple_of(2) { product + &named.bias } else { product.gelu() }
            }
            11 if rank > 1 => a.matmul(&a.transpose(-1, -2)) * 0.2,
            12 if rank == 2 && a.dim(-1) == 5 => {
                let wide = [a.dim(0), 5, 6];
                (a.unsqueeze(2).expand(wide) * named.wide.expand(wide)).permute(&[2, 0, 1]).sum(&[2]) * 0.3
            }
            13 => together(a, &named.mask, |a, mask| mask.choose(a, &a.tanh())),
            14 if rank < 4 => a.expand([&[3], &a.shape()[..]].concat()).transpose(0, axis),
            15 if rank > 1 => {
                let centred = a - a.mean(&[-1]).unsqueeze(-1);
                let deviation = (centred.square().mean(&[-1]) + 0.5).unary(UnaryKind::Sqrt);
                centred / deviation.unsqueeze(-1)
            }
            _ => a.tanh() + a,
        };
        if made.shape().elements() <= MAX_ELEMENTS { made } else { a.tanh() }
    }
}

/// Applies `f` where both tensors broadcast, else to the first and a mean of the second.
fn together(a: &Tensor, b: &Tensor, f: impl Fn(&Tensor, &Tensor) -> Tensor) -> Tensor {
    match a.shape().broadcast(b.shape()) {
        Some(_) => f(a, b),
        None => f(a, &b.mean_all()),
    }
}

struct Named {
    mask: Tensor,
    square: Tensor,
    wide: Tensor,
    bias: Tensor,
}

/// A graph with a loss, all gradients, two tensors on the way, and a step of gradient descent.
fn build(choices: &[Choice]) -> Result<Graph, Error> {
    let graph = Graph::new();
    let inputs = INPUTS.map(|(name, shape)| graph.input(name, shape));
    let parameters = PARAMETERS.map(|(name, shape)| graph.parameter(name, shape, Init::Normal { std: 0.5 }));
    let [square, wide, bias] = parameters.clone();
    let named = Named { mask: inputs[2].clone(), square, wide, bias };
    let mut made: Vec<Tensor> = [&inputs[..], &parameters].concat();
    made.retain(|tensor| tensor.node() != named.mask.node());
    for choice in choices {
        let next = choice.apply(&made, &named);
        made.push(next.checked()?);
    }
    let last = made.len() - 1;
    let terms = made.iter().rev().take(3).map(|tensor| tensor.tanh().mean_all());
    let loss = terms.fold(graph.scalar(0.0), |sum, term| sum + term);
    graph.output("loss", &loss);
    graph.output("last", &made[last]);
    graph.output("middle", &made[last / 2]);
    let wrt: Vec<Tensor> = inputs.iter().chain(&parameters).cloned().collect();
    for (tensor, gradient) in wrt.iter().zip(graph.reached_gradients(&loss, &wrt)?) {
        let Some(gradient) = gradient else { continue };
        match graph.state_name(tensor) {
            Some(_) => graph.assign(tensor, &(tensor - gradient * 0.1)),
            None => graph.output(&format!("gradient of {}", tensor.node().index()), &gradient),
        }
    }
    graph.check()?;
    Ok(graph)
}

fn values() -> Values {
    let array = |(name, shape): &(&str, &[usize]), id: u64| {
        let count = shape.iter().product();
        let uniform = random::Stream::new(11, id).uniforms().take(count);
        let value = |u: f32| if *name == "mask" { f32::from(u8::from(u < 0.5)) } else { 2.0 * u - 1.0 };
        (name.to_string(), Array::from_f32(*shape, &uniform.map(value).collect::<Vec<f32>>()))
    };
    INPUTS.iter().chain(&PARAMETERS).zip(0..).map(|(leaf, id)| array(leaf, id)).collect()
}

/// Everything a plan computes: outputs, and states after the step.
fn run(choices: &[Choice], options: &CompileOptions, given: &Values) -> Result<Values, Error> {
    let plan = build(choices)?.compile(options)?;
    let mut executor = CpuExecutor::new(CpuOptions { threads: Some(2), ..CpuOptions::default() })?;
    executor.prepare(&plan)?;
    let fed: Vec<(&str, Vec<f32>)> = INPUTS.iter().map(|(name, _)| (*name, given[*name].to_f32())).collect();
    for state in plan.states() {
        executor.set_state(&state.name, &given[&state.name].to_f32())?;
    }
    let outputs =
        executor.run(&plan, &fed.iter().map(|(name, data)| (*name, &data[..])).collect::<Vec<_>>())?;
    let flat = |data: &[f32]| Array::from_f32([data.len()], data);
    let mut results: Values = outputs.iter().map(|(name, data)| (name.to_string(), flat(data))).collect();
    for state in plan.states() {
        results.insert(state.name.clone(), flat(&executor.state(&state.name)?));
    }
    Ok(results)
}

fn assert_same(expected: &Values, found: &Values, options: &str) -> Result<(), TestCaseError> {
    for (name, expected) in expected {
        let scale = expected.data().iter().fold(1.0f64, |scale, x| scale.max(x.abs()));
        for (index, (a, b)) in expected.data().iter().zip(found[name].data()).enumerate() {
            prop_assert!(
                (a - b).abs() <= TOLERANCE * scale,
                "{options}: {name}[{index}] = {b}, reference {a}"
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn random_graphs_mean_the_same_with_and_without_every_pass(choices in choices()) {
        let given = values();
        let failed = |error: Error| TestCaseError::fail(error.to_string());
        let expected = build(&choices).and_then(|graph| evaluate(&graph, &given)).map_err(failed)?;
        let names = CompileOptions::pass_names();
        let off = |name: &str| CompileOptions::new().without(name).expect("a known pass");
        let mut variants = vec![("all passes", CompileOptions::new()), ("no passes", CompileOptions::none())];
        variants.extend(names.iter().map(|name| (*name, off(name))));
        for (name, options) in variants {
            let found = run(&choices, &options, &given).map_err(failed)?;
            assert_same(&expected, &found, name)?;
        }
    }
}
