//! luminal's typed tensors and ours on one graph, in both directions.

use equilayer_engine::array::Array;
use equilayer_engine::reference::{Values, evaluate};
use equilayer_engine::{
    CompileOptions, CpuExecutor, CpuOptions, Error, Executor, Graph, Init, Outputs, Tensor,
};
use luminal::prelude::symbolic::Expression;
use luminal::prelude::{
    Axes2, Axis, Const, Dyn, Graph as Luminal, GraphTensor, MarkTensors, Matmul, NodeIndex, R0, R1, R2, R3,
    Shape as TypedShape, ShapeTracker, Tensor as LuminalTensor,
};

fn numbers(count: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 37 + 11) % 29) as f32 / 8.0 - 1.7).collect()
}

fn run(graph: &Graph, inputs: &[(&str, &[f32])]) -> Result<Outputs, Error> {
    let plan = graph.compile(&CompileOptions::new())?;
    CpuExecutor::new(CpuOptions::default())?.run(&plan, inputs)
}

#[track_caller]
fn assert_close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            (found - expected).abs() <= 2e-6 * expected.abs().max(1.0),
            "element {i}: {found}, expected {expected}"
        );
    }
}

fn input_of<S: TypedShape>(name: &str, tensor: GraphTensor<S>) -> String {
    format!("{name}.{}", tensor.id.index())
}

/// Attention's parts in luminal's typed interface, on row-major tensors, where luminal is right.
fn typed_model(
    luminal: &mut Luminal,
) -> (GraphTensor<R2<3, 4>>, GraphTensor<R2<4, 5>>, GraphTensor<R2<3, 5>>) {
    let x = luminal.named_tensor::<R2<3, 4>>("x").set(numbers(12)).keep();
    let w = luminal.named_tensor::<R2<4, 5>>("w").set(numbers(20)).keep();
    let normed = x.layer_norm::<1, _>(1e-5);
    let y = normed.matmul(w).softmax::<1>() + (x.sum_reduce::<R1<3>, _>().sin()).expand();
    (x, w, y.retrieve())
}

#[test]
fn a_typed_computation_runs_in_our_executor_as_in_luminals_interpreter() -> Result<(), Error> {
    let graph = Graph::new();
    let (x, w, y) = graph.with_luminal_mut(typed_model);
    let wrapped = graph.wrap(y)?;
    assert_eq!(wrapped.shape()[..], [3, 5]);
    graph.output("y", &wrapped);
    let (x, w) = (input_of("x", x), input_of("w", w));
    let outputs = run(&graph, &[(&x, &numbers(12)), (&w, &numbers(20))])?;
    graph.with_luminal_mut(Luminal::execute);
    assert_close(outputs.get("y")?, &y.data());
    Ok(())
}

#[test]
fn a_wrapped_computation_differentiates() -> Result<(), Error> {
    let graph = Graph::new();
    let (x, w, y) = graph.with_luminal_mut(typed_model);
    let loss = graph.wrap(y)?.square().mean_all();
    let (x, w) = (graph.wrap(x)?, graph.wrap(w)?);
    let gradients = graph.gradients(&loss, &[x.clone(), w.clone()])?;
    graph.output("loss", &loss);
    graph.output("dx", &gradients[0]);
    let names = graph.input_names();
    let (w_name, x_name) = (names[0].as_str(), names[1].as_str());
    let at = |x: &Array| {
        Values::from([(x_name.into(), x.clone()), (w_name.into(), Array::from_f32([4, 5], &numbers(20)))])
    };
    let x = Array::from_f32([3, 4], &numbers(12));
    let gradient = evaluate(&graph, &at(&x))?["dx"].clone();
    for element in 0..12 {
        let moved = |by: f64| -> Result<f64, Error> {
            let mut x = x.clone();
            x.data_mut()[element] += by;
            Ok(evaluate(&graph, &at(&x))?["loss"].data()[0])
        };
        let difference = (moved(1e-5)? - moved(-1e-5)?) / 2e-5;
        assert!((gradient.data()[element] - difference).abs() < 1e-8, "element {element}");
    }
    Ok(())
}

/// Every way a tracker can show a buffer, as luminal's interpreter reads it.
#[test]
fn trackers_mean_what_luminals_interpreter_makes_of_them() -> Result<(), Error> {
    let graph = Graph::new();
    type Made = (Vec<GraphTensor<()>>, NodeIndex);
    let (made, x): Made = graph.with_luminal_mut(|luminal| {
        let x = luminal.named_tensor::<R2<3, 4>>("x").set(numbers(12)).keep();
        let turned: GraphTensor<R2<4, 3>> = x.permute::<_, Axes2<1, 0>>();
        let repeated: GraphTensor<R3<2, 3, 4>> = x.expand::<_, Axis<0>>();
        let padded: GraphTensor<R2<5, 4>> = x.pad(&[(1, 1), (0, 0)]);
        let sliced = x.slice((Expression::from(1).., ..)).realize::<R2<2, 4>>();
        let made = vec![
            turned.contiguous().no_shape(),
            turned.exp2().no_shape(),
            (turned * turned).no_shape(),
            turned.reshape::<R1<12>>().no_shape(),
            // Known to be wrong in luminal; wrapping repeats it faithfully.
            turned.sum_reduce::<R1<4>, Axis<1>>().no_shape(),
            repeated.contiguous().no_shape(),
            repeated.max_reduce::<R2<2, 4>, Axis<1>>().no_shape(),
            padded.no_shape(),
            padded.exp2().no_shape(),
            (padded + padded).no_shape(),
            sliced.contiguous().no_shape(),
            (sliced % sliced.sin()).no_shape(),
            sliced.less_than(luminal.constant(0.3).expand()).no_shape(),
            x.sum_reduce::<R0, Axes2<0, 1>>().no_shape(),
        ];
        made.retrieve();
        (made, x.id)
    });
    for (number, tensor) in made.iter().enumerate() {
        graph.output(&number.to_string(), &graph.wrap(*tensor)?);
    }
    let outputs = run(&graph, &[(&format!("x.{}", x.index()), &numbers(12))])?;
    graph.with_luminal_mut(Luminal::execute);
    for (number, tensor) in made.iter().enumerate() {
        let expected = tensor.data();
        let found = outputs.get(&number.to_string())?;
        assert!(
            found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-5) && found.len() == expected.len(),
            "{number}: {found:?}, luminal {expected:?}"
        );
    }
    Ok(())
}

#[test]
fn dynamic_dimensions_take_the_length_they_are_set_to() -> Result<(), Error> {
    let graph = Graph::new();
    let y = graph.with_luminal_mut(|luminal| luminal.named_tensor::<(Dyn<'b'>, Const<2>)>("x").exp2());
    let unknown = graph.wrap(y).map(|tensor| *tensor.shape()).unwrap_err().to_string();
    assert!(unknown.contains("has no length; set it with `set_dyn_dim`"), "{unknown}");
    graph.with_luminal_mut(|luminal| luminal.set_dyn_dim('b', 3));
    assert_eq!(graph.wrap(y)?.shape()[..], [3, 2]);
    Ok(())
}

#[test]
fn wrapping_refuses_what_it_cannot_translate() {
    let refused = |build: fn(&mut Luminal) -> GraphTensor<R1<2>>| {
        let graph = Graph::new();
        let tensor = graph.with_luminal_mut(build);
        graph.wrap(tensor).map(|tensor| *tensor.shape()).unwrap_err().to_string()
    };
    #[derive(Debug, PartialEq)]
    struct Mystery;
    impl luminal::op::Operator for Mystery {
        fn process(&mut self, _: Vec<(luminal::op::InputTensor, ShapeTracker)>) -> Vec<LuminalTensor> {
            Vec::new()
        }
    }
    let foreign = refused(|luminal| {
        let id = luminal.add_op(Mystery).finish();
        GraphTensor::from_id(id, ShapeTracker::new(&[2.into()]), luminal)
    });
    assert_eq!(
        foreign,
        "luminal: node 0, `Mystery`, is none of luminal's primitives; wrap tensors before luminal compiles"
    );
    let sliced = refused(|luminal| {
        let x = luminal.tensor::<R2<2, 4>>();
        let inner = x.slice((.., Expression::from(1)..Expression::from(3)));
        inner.realize::<R2<2, 2>>().sum_reduce::<R1<2>, Axis<1>>()
    });
    assert!(sliced.contains("luminal misreads the reduction of an axis sliced at both ends"), "{sliced}");

    let (graph, other) = (Graph::new(), Graph::new());
    let stranger = other.with_luminal_mut(|luminal| luminal.tensor::<R1<2>>());
    let error = graph.wrap(stranger).map(|tensor| *tensor.shape()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "luminal: the tensor belongs to another graph; build it inside `with_luminal_mut`"
    );
}

#[test]
fn our_tensors_go_on_in_luminals_typed_interface() -> Result<(), Error> {
    let graph = Graph::new();
    let x = graph.input("x", [2, 3]);
    let w = graph.parameter("w", [3, 2], Init::Constant(0.5));
    let product: GraphTensor<R2<2, 2>> = x.matmul(&w).to_graph_tensor()?;
    let y = (product.exp2() + 1.0).retrieve();
    graph.with_luminal_mut(|luminal| {
        luminal.set_tensor(x.node(), 0, LuminalTensor::new(vec![1.0f32, 2.0, 3.0, -1.0, 0.0, 1.0]));
        luminal.set_tensor(w.node(), 0, LuminalTensor::new(vec![0.5f32, 1.0, 0.5, 0.0, 0.5, 0.0]));
        luminal.execute();
    });
    assert_close(&y.data(), &[9.0, 3.0, 2.0, 1.5]);

    // And back again: what luminal made of it is ours once more.
    let back = graph.wrap(y)?;
    let gradient = graph.gradients(&back.sum_all(), &[w])?;
    assert_eq!(gradient[0].shape()[..], [3, 2]);
    Ok(())
}

#[test]
fn compiling_leaves_luminals_nodes_alone() -> Result<(), Error> {
    let graph = Graph::new();
    let x = graph.input("x", [2]);
    let doubled: GraphTensor<R1<2>> = (&x * 2.0).to_graph_tensor()?;
    let y = doubled.exp2().retrieve();
    graph.output("x", &(&x + 1.0));
    assert_eq!(run(&graph, &[("x", &[1.0, 2.0])])?.get("x")?, [2.0, 3.0]);
    graph.with_luminal_mut(|luminal| {
        luminal.set_tensor(x.node(), 0, LuminalTensor::new(vec![1.0f32, 2.0]));
        luminal.execute();
    });
    assert_close(&y.data(), &[4.0, 16.0]);
    Ok(())
}

#[test]
fn a_handle_has_the_shape_its_type_says() {
    let graph = Graph::new();
    let x: Tensor = graph.input("x", [2, 3]);
    let error = x.to_graph_tensor::<R2<3, 2>>().map(|tensor| tensor.id).unwrap_err();
    assert_eq!(error.to_string(), "luminal: a tensor of shape [2, 3] is no `GraphTensor` of shape [3, 2]");
    let x = x.sum(&[7]);
    assert!(x.to_graph_tensor::<R0>().is_err());
}
