//! What goes wrong when a graph is compiled and run.

use equilayer_engine::reference::{Values, evaluate};
use equilayer_engine::{
    CompileOptions, CpuExecutor, CpuOptions, Error, Executor, Graph, Init, Outputs, Plan, Shape,
};

use crate::{compiled, executor, run, text};

#[test]
fn inputs_that_do_not_fit_the_plan() {
    let graph = Graph::new();
    graph.output("y", &(graph.input("images", [2, 3]) + graph.input("noise", [3])));
    graph.input("labels", [2]);
    let run = |inputs: &[(&str, &[f32])]| text(run(CpuOptions::default(), &graph, inputs));
    let (images, noise) = (("images", &[0.0; 6][..]), ("noise", &[0.0; 3][..]));
    assert_eq!(run(&[images]), "input `noise`: missing; feed 3 values of shape [3]");
    assert_eq!(run(&[images, ("nois", &[0.0; 3])]), "input `nois`: there is none; did you mean `noise`?");
    assert_eq!(
        run(&[images, noise, ("weather", &[])]),
        "input `weather`: there is none; there are images, noise, labels"
    );
    assert_eq!(
        run(&[("images", &[0.0; 5]), noise]),
        "input `images`: 5 values do not fill shape [2, 3], which takes 6"
    );
    assert_eq!(run(&[images, noise, images]), "input `images`: given twice");
}

#[test]
fn outputs_that_are_not_there() -> Result<(), Error> {
    let graph = Graph::new();
    graph.output("loss", &graph.input("x", [2]));
    let outputs = run(CpuOptions::default(), &graph, &[("x", &[0.0; 2])])?;
    assert_eq!(text(outputs.get("los")), "output `los`: there is none; did you mean `loss`?");
    assert_eq!(text(outputs.get("accuracy")), "output `accuracy`: there is none; there are loss");
    assert_eq!(text(outputs.scalar("loss")), "output `loss`: has 2 elements, not one");
    Ok(())
}

#[test]
fn plans_that_cannot_be_made() {
    assert_eq!(
        text(Graph::new().compile(&CompileOptions::new())),
        "the graph computes nothing: name an output, or assign a state"
    );
    let unknown = text(CompileOptions::new().without("dead-cod"));
    assert!(
        unknown.starts_with("pass `dead-cod`: there is no such pass; the passes are dead-code, "),
        "{unknown}"
    );
}

#[test]
fn values_that_are_not_finite() {
    let graph = Graph::new();
    let x = graph.input("x", [2, 2]);
    let logarithm = graph.scope("loss", || x.ln());
    graph.output("y", &(logarithm + 1.0));
    let checked = || CpuOptions { check_finite: true, ..CpuOptions::default() };
    let check = |values: [f32; 4]| run(checked(), &graph, &[("x", &values)]);
    assert!(check([1.0, 2.0, 3.0, 4.0]).is_ok());
    assert_eq!(
        text(check([1.0, f32::INFINITY, 3.0, f32::NAN])),
        "2 of 4 values of input `x` are not finite (the first is inf at index 1); shape [2, 2]"
    );
    assert_eq!(
        text(check([1.0, 2.0, -3.0, 4.0])),
        "1 of 4 values of ln are not finite (the first is NaN at index 2); step 0, shape [2, 2] in `loss`"
    );
    assert!(run(CpuOptions::default(), &graph, &[("x", &[-1.0; 4])]).is_ok(), "nobody asked");
}

#[test]
fn more_memory_than_was_allowed() {
    let graph = Graph::new();
    let weight = graph.parameter("weight", [1000, 10], Init::Constant(0.0));
    graph.output("y", &graph.input("x", [10, 1000]).matmul(&weight));
    let limited = |limit| CpuOptions { memory_limit: Some(limit), ..CpuOptions::default() };
    let x = [0.0; 10_000];
    let run = |limit| run(limited(limit), &graph, &[("x", &x)]);
    assert_eq!(
        text(run(50_000)),
        "out of memory: the plan needs 40000 bytes for weight, the limit is 50000 bytes, of which 40448 are held; \
         use a smaller batch or model"
    );
    assert_eq!(
        text(run(40_000)),
        "out of memory: the plan needs 40448 bytes for the arena, the limit is 40000 bytes, of which 0 are held; \
         use a smaller batch or model"
    );
    assert!(run(100_000).is_ok());
}

#[test]
fn state_that_is_not_there_or_of_another_shape() -> Result<(), Error> {
    let counter = |length: usize| {
        let graph = Graph::new();
        let count = graph.state("count", [length], Init::Constant(0.0));
        graph.assign(&count, &(&count + 1.0));
        compiled(&graph)
    };
    let mut executor = executor(CpuOptions::default());
    assert_eq!(text(executor.state("count")), "state `count`: there is none; there are no states");
    executor.run(&counter(2), &[])?;
    assert_eq!(
        text(executor.run(&counter(3), &[])),
        "state `count`: held with shape [2] from another plan, this plan has [3]"
    );
    assert_eq!(text(executor.state("cuont")), "state `cuont`: there is none; did you mean `count`?");
    assert_eq!(text(executor.set_state("momentum", &[])), "state `momentum`: there is none; there are count");
    assert_eq!(text(executor.set_state("count", &[1.0])), "state `count`: 1 values do not fill shape [2]");
    assert_eq!(executor.state("count")?, [1.0, 1.0], "errors change nothing");
    Ok(())
}

#[test]
fn first_values_that_cannot_be_made() {
    let graph = Graph::new();
    graph.output("y", &graph.parameter("bias", [3], Init::XavierUniform));
    let message = text(run(CpuOptions::default(), &graph, &[]));
    assert!(
        message.starts_with(
            "cannot initialise parameter `bias` of shape [3]: XavierUniform takes a weight of two"
        ),
        "{message}"
    );
    assert_eq!(text(evaluate(&graph, &Values::new())), message);
}

#[test]
fn plans_and_executors_go_to_other_threads() {
    fn shared<T: Send + Sync>() {}
    fn sent<T: Send>() {}
    shared::<Plan>();
    shared::<Error>();
    shared::<Outputs>();
    shared::<Shape>();
    shared::<CompileOptions>();
    sent::<CpuExecutor>();
}
