//! Random views and contractions against oracles that know nothing of strides.

use equilayer_engine::{CompileOptions, CpuExecutor, CpuOptions, Executor, Graph, Tensor};
use proptest::prelude::*;

/// An array as the oracle sees it: every element with its index.
#[derive(Clone, Debug)]
struct Oracle {
    shape: Vec<usize>,
    values: Vec<f32>,
}

/// A step of a chain of views. Numbers are reduced to what the shape at hand allows.
#[derive(Clone, Debug)]
enum Step {
    Rotate(usize),
    Swap(usize, usize),
    Slice(usize, usize, usize),
    Flip(usize),
    Repeat(usize),
    Flatten(usize),
    Pad(usize, usize, usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0usize..6).prop_map(Step::Rotate),
        (0usize..6, 0usize..6).prop_map(|(a, b)| Step::Swap(a, b)),
        (0usize..6, 0usize..6, 0usize..6).prop_map(|(axis, start, length)| Step::Slice(axis, start, length)),
        (0usize..6).prop_map(Step::Flip),
        (1usize..4).prop_map(Step::Repeat),
        (0usize..6).prop_map(Step::Flatten),
        (0usize..6, 0usize..3, 0usize..3).prop_map(|(axis, before, after)| Step::Pad(axis, before, after)),
    ]
}

impl Oracle {
    /// A new array whose element at each index is read from an index of this one, or zero.
    fn build(&self, shape: Vec<usize>, from: impl Fn(&[usize]) -> Option<Vec<usize>>) -> Oracle {
        let count = shape.iter().product();
        let values =
            (0..count).map(|flat| from(&unflatten(flat, &shape)).map_or(0.0, |index| self.at(&index)));
        Oracle { values: values.collect(), shape }
    }

    fn at(&self, index: &[usize]) -> f32 {
        self.values[index.iter().zip(&self.shape).fold(0, |flat, (&i, &dim)| flat * dim + i)]
    }
}

fn unflatten(mut flat: usize, shape: &[usize]) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for axis in (0..shape.len()).rev() {
        index[axis] = flat % shape[axis];
        flat /= shape[axis];
    }
    index
}

/// Applies a step to a tensor and to the oracle.
fn apply(step: &Step, tensor: &Tensor, oracle: &Oracle) -> (Tensor, Oracle) {
    let rank = oracle.shape.len();
    let mut shape = oracle.shape.clone();
    match *step {
        Step::Rotate(by) => {
            let axes: Vec<usize> = (0..rank).map(|axis| (axis + by) % rank).collect();
            let turned = axes.iter().map(|&axis| shape[axis]).collect();
            let built = oracle.build(turned, |index| {
                let mut from = vec![0; rank];
                axes.iter().zip(index).for_each(|(&axis, &i)| from[axis] = i);
                Some(from)
            });
            (tensor.permute(&axes), built)
        }
        Step::Swap(a, b) => {
            let (a, b) = (a % rank, b % rank);
            shape.swap(a, b);
            let built = oracle.build(shape, |index| {
                let mut from = index.to_vec();
                from.swap(a, b);
                Some(from)
            });
            (tensor.transpose(a as isize, b as isize), built)
        }
        Step::Slice(axis, start, length) => {
            let axis = axis % rank;
            let start = start % shape[axis];
            let length = 1 + length % (shape[axis] - start);
            shape[axis] = length;
            let built = oracle.build(shape, |index| {
                let mut from = index.to_vec();
                from[axis] += start;
                Some(from)
            });
            (tensor.slice(axis as isize, start, length), built)
        }
        Step::Flip(axis) => {
            let axis = axis % rank;
            let built = oracle.build(shape.clone(), |index| {
                let mut from = index.to_vec();
                from[axis] = shape[axis] - 1 - from[axis];
                Some(from)
            });
            (tensor.flip(axis as isize), built)
        }
        Step::Repeat(times) if rank < 6 => {
            shape.insert(0, times);
            let built = oracle.build(shape.clone(), |index| Some(index[1..].to_vec()));
            (tensor.expand(shape), built)
        }
        Step::Repeat(_) => (tensor.clone(), oracle.clone()),
        Step::Flatten(axis) if rank > 1 => {
            let axis = axis % (rank - 1);
            let merged = shape[axis] * shape.remove(axis + 1);
            shape[axis] = merged;
            (tensor.reshape(shape.clone()), Oracle { shape, values: oracle.values.clone() })
        }
        Step::Flatten(_) => (tensor.clone(), oracle.clone()),
        Step::Pad(axis, before, after) => {
            let axis = axis % rank;
            let length = shape[axis];
            shape[axis] += before + after;
            let built = oracle.build(shape, |index| {
                let mut from = index.to_vec();
                from[axis] = from[axis].checked_sub(before).filter(|&i| i < length)?;
                Some(from)
            });
            (tensor.pad(axis as isize, before, after), built)
        }
    }
}

fn run(graph: &Graph, inputs: &[(&str, &[f32])], options: &CompileOptions) -> Vec<f32> {
    let plan = graph.compile(options).expect("the graph is valid");
    let mut executor =
        CpuExecutor::new(CpuOptions { threads: Some(2), ..CpuOptions::default() }).expect("threads");
    executor.run(&plan, inputs).expect("the plan runs").get("y").expect("declared").to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn chains_of_views_show_what_the_oracle_shows(
        shape in prop::collection::vec(1usize..5, 1..5),
        steps in prop::collection::vec(step(), 1..8),
    ) {
        let count: usize = shape.iter().product();
        let values: Vec<f32> = (0..count).map(|i| i as f32 + 1.0).collect();
        for options in [CompileOptions::none(), CompileOptions::new()] {
            let graph = Graph::new();
            let mut tensor = graph.input("x", shape.clone());
            let mut oracle = Oracle { shape: shape.clone(), values: values.clone() };
            for step in &steps {
                (tensor, oracle) = apply(step, &tensor, &oracle);
            }
            prop_assert_eq!(tensor.shape().to_vec(), oracle.shape);
            // An operator behind the chain has to read the view.
            graph.output("y", &(&tensor * 2.0));
            let expected: Vec<f32> = oracle.values.iter().map(|x| 2.0 * x).collect();
            prop_assert_eq!(run(&graph, &[("x", &values)], &options), expected);
        }
    }

    #[test]
    fn contractions_sum_the_products_the_oracle_sums(
        lengths in prop::collection::vec(1usize..6, 6),
        roles in prop::collection::vec(0usize..4, 1..6),
        order in any::<u64>(),
        views in prop::collection::vec(step(), 0..3),
    ) {
        let labels: Vec<char> = "abcdef".chars().take(roles.len()).collect();
        let length = |label: char| lengths[label as usize - 'a' as usize];
        // Roles: rows, columns, summed, in step.
        let with = |roles_in: &[usize], turn: u64| -> Vec<char> {
            let mut found: Vec<char> = labels.iter().zip(&roles).filter(|(_, role)| roles_in.contains(role)).map(|(&l, _)| l).collect();
            let by = turn as usize % found.len().max(1);
            found.rotate_left(by);
            found
        };
        let (a, b, out) = (with(&[0, 2, 3], order), with(&[1, 2, 3], order >> 8), with(&[0, 1, 3], order >> 16));
        let shape_of = |labels: &[char]| labels.iter().map(|&label| length(label)).collect::<Vec<_>>();
        let (a_shape, b_shape) = (shape_of(&a), shape_of(&b));
        let small = |count: usize, seed: usize| (0..count).map(|i| ((i * 7 + seed) % 11) as f32 - 5.0).collect::<Vec<f32>>();
        let (a_values, b_values) = (small(a_shape.iter().product(), 1), small(b_shape.iter().product(), 2));

        let graph = Graph::new();
        let b_tensor = graph.input("b", b_shape.clone());
        // The left operand goes through flips and swaps of equal axes, which keep its shape.
        let mut a_tensor = graph.input("a", a_shape.clone());
        let mut a_oracle = Oracle { shape: a_shape, values: a_values.clone() };
        for view in views.iter().filter(|view| matches!(view, Step::Flip(_))).filter(|_| !a.is_empty()) {
            (a_tensor, a_oracle) = apply(view, &a_tensor, &a_oracle);
        }
        let b_oracle = Oracle { shape: b_shape, values: b_values.clone() };
        let text = |labels: &[char]| labels.iter().collect::<String>();
        graph.output("y", &a_tensor.einsum(&format!("{},{}->{}", text(&a), text(&b), text(&out)), &b_tensor));

        let all: Vec<usize> = labels.iter().map(|&label| length(label)).collect();
        let mut expected = Oracle { shape: shape_of(&out), values: vec![0.0; shape_of(&out).iter().product()] };
        for flat in 0..all.iter().product::<usize>() {
            let index = unflatten(flat, &all);
            let pick = |labels_of: &[char]| labels_of.iter().map(|&l| index[l as usize - 'a' as usize]).collect::<Vec<_>>();
            let product = a_oracle.at(&pick(&a)) * b_oracle.at(&pick(&b));
            let to = pick(&out).iter().zip(&expected.shape).fold(0, |flat, (&i, &dim)| flat * dim + i);
            expected.values[to] += product;
        }
        // Products of small whole numbers are exact in f32, in any order.
        prop_assert_eq!(run(&graph, &[("a", &a_values), ("b", &b_values)], &CompileOptions::new()), expected.values);
    }
}
