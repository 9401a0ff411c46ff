//! What the sweep cannot say of norms and losses: running statistics, refusals, infinities in gradients.

use equilayer_engine::ops::BatchNormOutputs;
use equilayer_engine::{CompileOptions, CpuExecutor, CpuOptions, Error, Executor, Graph, Tensor};

fn run(graph: &Graph, inputs: &[(&str, &[f32])]) -> Result<(CpuExecutor, equilayer_engine::Outputs), Error> {
    let mut executor = CpuExecutor::new(CpuOptions { threads: Some(1), ..CpuOptions::default() })?;
    let outputs = executor.run(&graph.compile(&CompileOptions::new())?, inputs)?;
    Ok((executor, outputs))
}

fn close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= 1e-6 * expected.abs().max(1.0), "{found} is not {expected}");
    }
}

#[test]
fn running_statistics_move_by_the_unbiased_variance() -> Result<(), Error> {
    let graph = Graph::new();
    let x = graph.input("x", [2, 2]);
    let running = graph.running_statistics("head.bn", 2);
    let batch: BatchNormOutputs = x.batch_norm_training(None, None, 1e-5);
    running.update(&batch, 0.1);
    graph.output("y", &batch.output);
    graph.output("evaluated", &running.normalize(&x, None, None, 0.0));
    let values = [1.0, -2.0, 3.0, -2.0];
    let (executor, outputs) = run(&graph, &[("x", &values)])?;
    // Means 2 and -2, variances 1 and 0, unbiased 2 and 0: a tenth of each is taken over.
    close(&executor.state("head.bn.running_mean")?, &[0.2, -0.2]);
    close(&executor.state("head.bn.running_var")?, &[1.1, 0.9]);
    // The step itself still sees the first statistics, 0 and 1.
    close(outputs.get("evaluated")?, &values);
    Ok(())
}

#[test]
fn masked_logits_get_no_gradient_and_rows_of_them_are_no_distribution() -> Result<(), Error> {
    let graph = Graph::new();
    let x = graph.input("x", [2, 3]);
    let gradient = graph.gradients(&x.log_sum_exp(-1).slice(0, 0, 1).sum_all(), std::slice::from_ref(&x))?;
    graph.output("softmax", &x.softmax(-1));
    graph.output("log_sum_exp", &x.log_sum_exp(-1));
    graph.output("gradient", &gradient[0]);
    let infinite = f32::NEG_INFINITY;
    let (_, outputs) = run(&graph, &[("x", &[0.0, infinite, 0.0, infinite, infinite, infinite])])?;
    close(&outputs.get("softmax")?[..3], &[0.5, 0.0, 0.5]);
    assert!(outputs.get("softmax")?[3..].iter().all(|p| p.is_nan()));
    assert_eq!(outputs.get("log_sum_exp")?[1], infinite);
    close(outputs.get("gradient")?, &[0.5, 0.0, 0.5, 0.0, 0.0, 0.0]);
    Ok(())
}

#[test]
fn a_target_that_is_no_class_is_found_by_the_search_for_nan() -> Result<(), Error> {
    let graph = Graph::new();
    let loss = graph.input("logits", [2, 3]).cross_entropy(&graph.input("targets", [2]));
    graph.output("loss", &loss);
    let plan = graph.compile(&CompileOptions::new())?;
    let options = CpuOptions { threads: Some(1), check_finite: true, ..CpuOptions::default() };
    let mut executor = CpuExecutor::new(options)?;
    let outcome = executor.run(&plan, &[("logits", &[0.0; 6]), ("targets", &[2.0, 3.0])]);
    let message = outcome.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(message.contains("cross_entropy"), "{message}");
    Ok(())
}

type Build = fn(&Graph) -> Tensor;

#[test]
fn refusals_say_what_would_be_right() {
    let refusals: [(&str, Build); 9] = [
        ("their variance says nothing", |g| {
            g.input("x", [1, 4]).batch_norm_training(None, None, 1e-5).output
        }),
        ("no channels", |g| g.input("x", [4]).batch_norm_training(None, None, 1e-5).output),
        ("must have shape [4]", |g| {
            let (mean, variance) = (g.input("m", [4]), g.input("v", [3]));
            g.input("x", [2, 4]).batch_norm(&mean, &variance, None, None, 1e-5)
        }),
        ("the weight of shape [3] must have shape [4]", |g| {
            g.input("x", [2, 4]).layer_norm(Some(&g.input("w", [3])), None, 1e-6)
        }),
        ("at least 0", |g| g.input("x", [2, 4]).layer_norm(None, None, f32::NAN)),
        ("the last axis of [2, 0] is empty", |g| g.input("x", [2, 0]).softmax(-1)),
        ("must have shape [2]", |g| g.input("x", [2, 4]).cross_entropy(&g.input("t", [2, 4]))),
        ("no square matrix", |g| g.input("x", [2, 4]).off_diagonal_squares()),
        ("must have one shape", |g| g.input("x", [2, 1]).mse_loss(&g.input("t", [2]))),
    ];
    for (said, build) in refusals {
        let graph = Graph::new();
        build(&graph);
        let message = graph.check().err().map(|error| error.to_string()).unwrap_or_default();
        assert!(message.contains(said), "`{said}` is missing in: {message}");
    }
}
