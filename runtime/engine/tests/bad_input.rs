//! Whatever a user does wrong gives one clear error: what is wrong, where, and what would be right.

use std::rc::Rc;

use equilayer_engine::reference::{Values, evaluate};
use equilayer_engine::{
    CompileOptions, CpuExecutor, CpuOptions, Error, Executor, Graph, Init, Outputs, Plan, Shape, Tensor,
};
use luminal::op::Function;

/// The one error that building gives, without the place of the call, which is checked to be in this file.
#[track_caller]
fn refused(build: impl FnOnce(&Graph) -> Tensor) -> String {
    let graph = Graph::new();
    let _placeholder = build(&graph);
    let text = graph.check().expect_err("building must fail").to_string();
    assert!(!text.contains('\n'), "more than one error: {text}");
    let (message, place) = text.split_once("; at ").unwrap_or_else(|| panic!("no place: {text}"));
    assert!(place.contains("tests/bad_input.rs:"), "not the user's line: {text}");
    message.into()
}

fn executor(options: CpuOptions) -> CpuExecutor {
    CpuExecutor::new(options).expect("threads start")
}

fn compiled(graph: &Graph) -> Plan {
    graph.compile(&CompileOptions::none()).expect("the graph is right")
}

fn run(options: CpuOptions, graph: &Graph, inputs: &[(&str, &[f32])]) -> Result<Outputs, Error> {
    executor(options).run(&graph.compile(&CompileOptions::none())?, inputs)
}

fn text<T>(result: Result<T, Error>) -> String {
    result.err().expect("an error").to_string()
}

#[test]
fn an_error_names_operator_operands_and_the_users_line() {
    let graph = Graph::new();
    let (a, b) = (graph.input("a", [3, 4]), graph.input("b", [5, 6]));
    let line = line!() + 1;
    let _ = a.matmul(&b);
    let expected = format!(
        "contract: axis `k` is 4 long on the left and 5 on the right; operands [3, 4] and [5, 6]; \
         at {}:{line}:15",
        file!()
    );
    assert_eq!(text(graph.check()), expected);
}

#[test]
fn shapes_that_do_not_fit() {
    let cases: [(fn(&Graph, Tensor) -> Tensor, &str); 14] = [
        (
            |g, x| x + g.input("y", [3, 5]),
            "add: the operands do not broadcast: axes must be equal or 1, counted from the last; operands [3, 4] and [3, 5]",
        ),
        (
            |g, x| x.choose(&g.input("y", [7]), &g.scalar(0.0)),
            "choose: mask and both choices must broadcast to one shape; operands [3, 4] and [7] and []",
        ),
        (|_, x| x.reshape([5]), "reshape: [3, 4] has 12 elements, [5] has 5; operands [3, 4]"),
        (
            |_, x| x.expand([3, 8]),
            "expand: [3, 4] cannot be repeated to [3, 8]: only axes of length 1 repeat; operands [3, 4]",
        ),
        (|_, x| x.permute(&[0, 0]), "permute: axes [0, 0] are not an order of the 2 axes of [3, 4]; operands [3, 4]"),
        (|_, x| x.slice(1, 3, 2), "slice: 2 elements from 3 on pass the end of axis 1 of [3, 4]; operands [3, 4]"),
        (
            |_, x| x.slice(1, usize::MAX, 2),
            "slice: 2 elements from 18446744073709551615 on pass the end of axis 1 of [3, 4]; operands [3, 4]",
        ),
        (|_, x| x.select(0, 3), "slice: 1 elements from 3 on pass the end of axis 0 of [3, 4]; operands [3, 4]"),
        (
            |_, x| x.split(1, 3).remove(0),
            "split: axis 1 of length 4 does not split into 3 equal parts; operands [3, 4]",
        ),
        (
            |g, x| x.concat(&[&g.input("y", [2, 5])], 0),
            "concat: [2, 5] and [3, 4] may differ along axis 0 only; operands [3, 4] and [2, 5]",
        ),
        (
            |g, x| g.scalar(1.0).matmul(&x),
            "matmul: a scalar has no matrix product; multiply with *; operands [] and [3, 4]",
        ),
        (
            |_, x| x.einsum("mk", &x),
            "einsum: `mk` does not read as `axes,axes->axes` with a letter an axis, as in `mk,kn->mn`; \
             operands [3, 4] and [3, 4]",
        ),
        (
            |_, x| x.einsum("ab,cd->ac", &x),
            "contract: label `b` is in one operand only and not in the result; sum that axis first; \
             operands [3, 4] and [3, 4]",
        ),
        (|g, _| g.constant([2], vec![1.0; 3]), "constant: 3 values do not fill shape [2]; operands none"),
    ];
    for (build, expected) in cases {
        assert_eq!(refused(|graph| build(graph, graph.input("x", [3, 4]))), expected);
    }
}

#[test]
fn axes_that_do_not_exist() {
    let cases: [(fn(Tensor) -> Tensor, &str); 9] = [
        (|x| x.sum(&[2]), "reduce: axis 2 does not exist; valid axes are -2 to 1; operands [3, 4]"),
        (|x| x.mean(&[0, -3]), "reduce: axis -3 does not exist; valid axes are -2 to 1; operands [3, 4]"),
        (|x| x.flip(5), "flip: axis 5 does not exist; valid axes are -2 to 1; operands [3, 4]"),
        (|x| x.transpose(0, 2), "transpose: axis 2 does not exist; valid axes are -2 to 1; operands [3, 4]"),
        (|x| x.pad(2, 1, 1), "pad: axis 2 does not exist; valid axes are -2 to 1; operands [3, 4]"),
        (|x| x.concat(&[], 2), "concat: axis 2 does not exist; valid axes are -2 to 1; operands [3, 4]"),
        (|x| x.split(2, 2).remove(0), "split: axis 2 does not exist; valid axes are -2 to 1; operands [3, 4]"),
        (|x| x.unsqueeze(4), "unsqueeze: an axis cannot be put before 4; valid places are -3 to 2; operands [3, 4]"),
        (|x| x.sum_all().max(&[0]), "reduce: axis 0 of a scalar, which has no axes; operands []"),
    ];
    for (build, expected) in cases {
        assert_eq!(refused(|graph| build(graph.input("x", [3, 4]))), expected);
    }
}

#[test]
fn empty_axes_where_they_make_no_sense() {
    let empty = |graph: &Graph| graph.input("x", [3, 0]);
    assert_eq!(
        refused(|graph| empty(graph).max(&[1])),
        "maximum over axes: axis 1 is empty and has no maximum; operands [3, 0]"
    );
    assert_eq!(
        refused(|graph| empty(graph).mean(&[1])),
        "mean: the mean over an empty axis does not exist; operands [3, 0]"
    );
    assert_eq!(
        refused(|graph| graph.input("x", [1, 4]).variance(&[0], 1)),
        "variance: 1 values with correction 1 leave nothing to divide by; operands [1, 4]"
    );
}

#[test]
fn more_axes_or_elements_than_can_be() {
    let seven = |graph: &Graph| graph.input("x", [1; 7]);
    assert_eq!(refused(seven), "input: the result has 7 axes, at most 6 are supported; operands none");
    assert_eq!(
        refused(|graph| graph.input("x", [2, 1, 1, 1, 1, 1]).unsqueeze(0)),
        "reshape: the result has 7 axes, at most 6 are supported; operands [2, 1, 1, 1, 1, 1]"
    );
    let too_large = "has more than 2147483647 elements, the most that 32-bit indices reach; split the batch";
    assert_eq!(
        refused(|graph| graph.full([70_000, 70_000], 1.0)),
        format!("expand: the result [70000, 70000] {too_large}; operands []")
    );
    assert_eq!(
        refused(|graph| graph.input("x", [usize::MAX, usize::MAX])),
        format!("input: the result [18446744073709551615, 18446744073709551615] {too_large}; operands none")
    );
    assert_eq!(
        refused(|graph| graph.input("x", [2]).pad(0, usize::MAX, 1)),
        format!("pad: the result [18446744073709551615] {too_large}; operands [2]")
    );
}

#[test]
fn more_operands_than_a_node_takes() {
    let message = refused(|graph| {
        let x = graph.input("x", [1]);
        x.concat(&[&x; 255], 0)
    });
    assert!(
        message.starts_with("concat: 256 operands, at most 255 fit on a node of luminal's graph; combine them in groups"),
        "{message}"
    );
    let graph = Graph::new();
    let x = graph.input("x", [1]);
    graph.output("y", &x.concat(&[&x; 254], 0));
    let outputs = run(CpuOptions::default(), &graph, &[("x", &[2.0])]).expect("255 operands are not too many");
    assert_eq!(outputs.get("y").expect("it is named"), [2.0; 255]);
}

#[test]
fn tensors_of_two_graphs() {
    let strange = Graph::new();
    let stranger = strange.input("x", [2]);
    let mixed = "an operand belongs to another graph";
    assert_eq!(
        refused(|graph| graph.input("y", [2]) + &stranger),
        format!("add: {mixed}; operands [2] and [2]")
    );
    let graph = Graph::new();
    graph.output("y", &stranger);
    assert!(text(graph.compile(&CompileOptions::new())).starts_with(&format!("output: {mixed}; operands [2]; at ")));

    // A tensor that came to nothing there must not go unnoticed here.
    let nothing = stranger.sum(&[3]);
    assert_eq!(refused(|graph| graph.input("y", []) * &nothing), format!("mul: {mixed}; operands [] and []"));

    let graph = Graph::new();
    let loss = graph.input("y", [2]).sum_all();
    assert_eq!(
        text(graph.gradients(&loss, std::slice::from_ref(&stranger))),
        "gradient: tensor 0 of shape [2] belongs to another graph"
    );
    graph.assign(&strange.state("s", [], Init::Constant(0.0)), &loss);
    assert!(text(graph.check()).starts_with("assign: the first operand belongs to another graph; operands [] and []"));
}

#[test]
fn names_that_are_taken_or_misused() {
    let declared = |build: fn(&Graph)| {
        let graph = Graph::new();
        build(&graph);
        text(graph.compile(&CompileOptions::new()))
    };
    let twice = |kind: &str| format!("{kind} `x`: declared twice; every {kind} needs a name of its own");
    assert_eq!(declared(|graph| drop([graph.input("x", [1]), graph.input("x", [2])])), twice("input"));
    assert_eq!(
        declared(|graph| {
            let states = [graph.state("x", [1], Init::Constant(0.0)), graph.parameter("x", [1], Init::Constant(0.0))];
            drop(states);
        }),
        twice("state")
    );
    assert_eq!(
        declared(|graph| {
            let y = graph.scalar(1.0);
            graph.output("x", &y);
            graph.output("x", &y);
        }),
        twice("output")
    );
    assert_eq!(
        declared(|graph| {
            let state = graph.state("count", [], Init::Constant(0.0));
            graph.assign(&state, &(&state + 1.0));
            graph.assign(&state, &(&state + 2.0));
        }),
        "assignment `count`: made twice; a state has one value after a step"
    );
    let computed = declared(|graph| graph.assign(&graph.input("x", [1]), &graph.scalar(1.0)));
    assert!(
        computed.starts_with(
            "assign: only a parameter or state can be assigned; the first operand is computed, or an input; operands [1] and []"
        ),
        "{computed}"
    );
    let misshapen = declared(|graph| graph.assign(&graph.state("s", [2], Init::Constant(0.0)), &graph.scalar(1.0)));
    assert!(misshapen.starts_with("assign: state `s` has shape [2], its new value has []; operands [2] and []"));
    let graph = Graph::new();
    graph.parameter("fc1.weight", [1], Init::Constant(0.0));
    assert_eq!(text(graph.find_state("fc1.wieght")), "state `fc1.wieght`: there is none; did you mean `fc1.weight`?");
    assert_eq!(text(graph.find_state("head")), "state `head`: there is none in this graph");
}

#[test]
fn several_errors_are_all_told() {
    let graph = Graph::new();
    let x = graph.input("x", [3]);
    let broken = x.sum(&[4]) + &x;
    let _ = x.reshape([4]) * broken;
    let text = text(graph.compile(&CompileOptions::new()));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert_eq!(lines[0], "2 errors while the graph was built:");
    assert!(lines[1].starts_with("  reduce: axis 4 does not exist"), "{text}");
    assert!(lines[2].starts_with("  reshape: [3] has 3 elements, [4] has 4"), "{text}");
}

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
    assert_eq!(run(&[("images", &[0.0; 5]), noise]), "input `images`: 5 values do not fill shape [2, 3], which takes 6");
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
fn gradients_that_do_not_exist() {
    let graph = Graph::new();
    let x = graph.input("x", [3]);
    let (used, idle) =
        (graph.parameter("fc1", [3], Init::Constant(1.0)), graph.parameter("fc2", [3], Init::Constant(1.0)));
    let loss = (&x * &used + idle.stop_gradient()).sum_all();
    assert_eq!(
        text(graph.gradients(&loss, &graph.parameters())),
        "gradient: the loss does not depend on parameter `fc2`; use it in the loss, leave it out, or look for a \
         stop_gradient on the way"
    );
    assert_eq!(
        text(graph.gradients(&(&x * &used), &[used])),
        "gradient: a loss is one number; this one has shape [3]. Take its mean or sum"
    );
}

#[test]
fn plans_that_cannot_be_made() {
    assert_eq!(
        text(Graph::new().compile(&CompileOptions::new())),
        "the graph computes nothing: name an output, or assign a state"
    );
    let unknown = text(CompileOptions::new().without("dead-cod"));
    assert!(unknown.starts_with("pass `dead-cod`: there is no such pass; the passes are dead-code, "), "{unknown}");
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
    assert!(message.starts_with("cannot initialise parameter `bias` of shape [3]: XavierUniform takes a weight of two"), "{message}");
    assert_eq!(text(evaluate(&graph, &Values::new())), message);
}

#[test]
fn a_graph_is_freed_with_its_last_handle() -> Result<(), Error> {
    let alive = Rc::new(());
    {
        let graph = Graph::new();
        let sentinel = alive.clone();
        graph.with_luminal_mut(|luminal| {
            let load = Function("sentinel".into(), Box::new(move |_| [&sentinel].map(|_| unused()).into()));
            luminal.add_op(load).finish();
        });
        let x = graph.input("x", [2, 3]);
        let w = graph.scope("model", || graph.parameter("w", [3, 4], Init::XavierUniform));
        let loss = x.matmul(&w).gelu().square().mean_all();
        let gradient = graph.gradients(&loss, std::slice::from_ref(&w))?.remove(0);
        graph.assign(&w, &(&w - gradient));
        let _ = x.sum(&[9]);
        assert!(graph.check().is_err());
        assert_eq!(Rc::strong_count(&alive), 2);
    }
    assert_eq!(Rc::strong_count(&alive), 1, "the graph lives on");
    Ok(())
}

fn unused() -> luminal::prelude::Tensor {
    luminal::prelude::Tensor::new(Vec::<f32>::new())
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
