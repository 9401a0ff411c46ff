//! What autograd promises beyond single operators: several losses, many uses, no materialised broadcasts.

use equilayer_engine::ops::Op;
use equilayer_engine::{CompileOptions, CpuExecutor, CpuOptions, Error, Executor, Graph, Init, Plan};

fn run(plan: &Plan, inputs: &[(&str, &[f32])]) -> Result<equilayer_engine::Outputs, Error> {
    CpuExecutor::new(CpuOptions::default())?.run(plan, inputs)
}

#[test]
fn several_losses_of_one_graph_have_gradients_of_their_own() -> Result<(), Error> {
    let graph = Graph::new();
    let x = graph.input("x", [3]);
    let shared = &x * 2.0;
    let losses = [shared.square().sum_all(), shared.sum_all()];
    for (name, loss) in ["squares", "sum"].iter().zip(&losses) {
        graph.output(name, &graph.gradients(loss, std::slice::from_ref(&x))?[0]);
    }
    let both = &losses[0] + &losses[1];
    graph.output("both", &graph.gradients(&both, &[x])?[0]);
    let outputs = run(&graph.compile(&CompileOptions::new())?, &[("x", &[1.0, -2.0, 0.5])])?;
    assert_eq!(outputs.get("squares")?, [8.0, -16.0, 4.0]);
    assert_eq!(outputs.get("sum")?, [2.0; 3]);
    assert_eq!(outputs.get("both")?, [10.0, -14.0, 6.0]);
    Ok(())
}

#[test]
fn gradients_add_up_over_all_uses() -> Result<(), Error> {
    let graph = Graph::new();
    let x = graph.input("x", [2]);
    // x⁴ as ((x·x)·x)·x: four uses on three levels.
    let power = (0..3).fold(x.clone(), |power, _| power * &x);
    graph.output("gradient", &graph.gradients(&power.sum_all(), &[x])?[0]);
    let outputs = run(&graph.compile(&CompileOptions::new())?, &[("x", &[3.0, -1.0])])?;
    assert_eq!(outputs.get("gradient")?, [108.0, -4.0]);
    Ok(())
}

#[test]
fn gradients_reach_what_is_computed_too() -> Result<(), Error> {
    let graph = Graph::new();
    let x = graph.input("x", [2]);
    let hidden = x.exp();
    let gradients = graph.gradients(&hidden.square().sum_all(), &[hidden.clone(), x])?;
    graph.output("hidden", &gradients[0]);
    graph.output("x", &gradients[1]);
    let outputs = run(&graph.compile(&CompileOptions::new())?, &[("x", &[0.0, 1.0])])?;
    let e = std::f32::consts::E;
    for (found, expected) in outputs.get("hidden")?.iter().zip([2.0, 2.0 * e]) {
        assert!((found - expected).abs() < 1e-5);
    }
    for (found, expected) in outputs.get("x")?.iter().zip([2.0, 2.0 * e * e]) {
        assert!((found - expected).abs() < 1e-5);
    }
    Ok(())
}

#[test]
fn nothing_flows_past_a_stopped_gradient() -> Result<(), Error> {
    let graph = Graph::new();
    let (x, w) =
        (graph.parameter("x", [2], Init::Constant(1.0)), graph.parameter("w", [2], Init::Constant(1.0)));
    let loss = (x.stop_gradient() * &w).sum_all();
    assert!(graph.reached_gradients(&loss, std::slice::from_ref(&x))?[0].is_none());
    let error = graph.gradients(&loss, &[x, w]).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("`x`") && !error.contains("`w`"), "{error}");
    Ok(())
}

/// The gradient of a mean is one number, repeated; a step that wrote it out would move the whole tensor's size.
#[test]
fn the_gradient_of_a_broadcast_is_never_written_out() -> Result<(), Error> {
    let graph = Graph::new();
    let (x, w) = (graph.input("x", [512, 300]), graph.parameter("w", [300, 7], Init::KaimingUniform));
    let loss = x.matmul(&w).sum(&[0]).mean_all();
    let gradient = graph.gradients(&loss, &[w])?.remove(0);
    graph.output("gradient", &gradient);
    let plan = graph.compile(&CompileOptions::none())?;
    for step in plan.steps() {
        let copies = matches!(step.op, Op::Copy(_) | Op::Unary(_) | Op::Binary(_));
        let largest = step.outputs.iter().map(|output| output.layout.shape().elements()).max();
        assert!(!copies || largest <= Some(300 * 7), "{plan}");
    }
    let x: Vec<f32> = (0..512 * 300).map(|i| (i % 13) as f32 - 6.0).collect();
    let outputs = run(&plan, &[("x", &x)])?;
    let column = |k: usize| (0..512).map(|n| x[n * 300 + k]).sum::<f32>() / 7.0;
    for (index, found) in outputs.get("gradient")?.iter().enumerate() {
        assert!((found - column(index / 7)).abs() < 1e-3, "{index}: {found}");
    }
    Ok(())
}

#[test]
fn plans_print_as_a_table_and_as_a_drawing() -> Result<(), Error> {
    let graph = Graph::new();
    let x = graph.input("x", [4, 3]);
    let w = graph.parameter("weight \"quoted\"", [3, 2], Init::Constant(1.0));
    let y = graph.scope("model", || x.matmul(&w).gelu());
    graph.output("y", &y);
    let plan = graph.compile(&CompileOptions::new())?;
    let table = plan.to_string();
    for part in
        ["contract", "[4, 3] [3, 2] -> [4, 2]", "@", "model", "total:", "memory: arena", "pass dead-code:"]
    {
        assert!(table.contains(part), "no `{part}` in\n{table}");
    }
    let drawing = plan.to_dot();
    assert!(drawing.starts_with("digraph") && drawing.ends_with('}'));
    assert!(drawing.contains("weight \\\"quoted\\\"") && drawing.contains("\"out y\""), "{drawing}");
    assert_eq!(drawing.matches('{').count(), drawing.matches('}').count());
    Ok(())
}
