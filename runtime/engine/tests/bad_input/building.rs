//! What goes wrong while a graph is built.

use std::rc::Rc;

use equilayer_engine::{CompileOptions, CpuOptions, Error, Graph, Init, Tensor};
use luminal::op::Function;

use crate::{run, text};

type Build = fn(&Graph, Tensor) -> Tensor;

/// The one error that building gives, without the place of the call, which is checked to be in this file.
#[track_caller]
fn refused(build: impl FnOnce(&Graph) -> Tensor) -> String {
    let graph = Graph::new();
    let _placeholder = build(&graph);
    let text = graph.check().expect_err("building must fail").to_string();
    assert!(!text.contains('\n'), "more than one error: {text}");
    let (message, place) = text.split_once("; at ").unwrap_or_else(|| panic!("no place: {text}"));
    assert!(place.contains("tests/bad_input/building.rs:"), "not the user's line: {text}");
    message.into()
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
    let cases: [(Build, &str); 14] = [
        (
            |g, x| x + g.input("y", [3, 5]),
            "add: the operands do not broadcast: axes must be equal or 1, counted from the last; \
             operands [3, 4] and [3, 5]",
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
        (
            |_, x| x.permute(&[0, 0]),
            "permute: axes [0, 0] are not an order of the 2 axes of [3, 4]; operands [3, 4]",
        ),
        (
            |_, x| x.slice(1, 3, 2),
            "slice: 2 elements from 3 on pass the end of axis 1 of [3, 4]; operands [3, 4]",
        ),
        (
            |_, x| x.slice(1, usize::MAX, 2),
            "slice: 2 elements from 18446744073709551615 on pass the end of axis 1 of [3, 4]; operands [3, 4]",
        ),
        (
            |_, x| x.select(0, 3),
            "slice: 1 elements from 3 on pass the end of axis 0 of [3, 4]; operands [3, 4]",
        ),
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
    let cases: [(Build, &str); 9] = [
        (|_, x| x.sum(&[2]), "reduce: axis 2 does not exist; valid axes are -2 to 1; operands [3, 4]"),
        (|_, x| x.mean(&[0, -3]), "reduce: axis -3 does not exist; valid axes are -2 to 1; operands [3, 4]"),
        (|_, x| x.flip(5), "flip: axis 5 does not exist; valid axes are -2 to 1; operands [3, 4]"),
        (
            |_, x| x.transpose(0, 2),
            "transpose: axis 2 does not exist; valid axes are -2 to 1; operands [3, 4]",
        ),
        (|_, x| x.pad(2, 1, 1), "pad: axis 2 does not exist; valid axes are -2 to 1; operands [3, 4]"),
        (|_, x| x.concat(&[], 2), "concat: axis 2 does not exist; valid axes are -2 to 1; operands [3, 4]"),
        (
            |_, x| x.split(2, 2).remove(0),
            "split: axis 2 does not exist; valid axes are -2 to 1; operands [3, 4]",
        ),
        (
            |_, x| x.unsqueeze(4),
            "unsqueeze: an axis cannot be put before 4; valid places are -3 to 2; operands [3, 4]",
        ),
        (|_, x| x.sum_all().max(&[0]), "reduce: axis 0 of a scalar, which has no axes; operands []"),
    ];
    for (build, expected) in cases {
        assert_eq!(refused(|graph| build(graph, graph.input("x", [3, 4]))), expected);
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
        message.starts_with(
            "concat: 256 operands, at most 255 fit on a node of luminal's graph; combine them in groups"
        ),
        "{message}"
    );
    let graph = Graph::new();
    let x = graph.input("x", [1]);
    graph.output("y", &x.concat(&[&x; 254], 0));
    let outputs =
        run(CpuOptions::default(), &graph, &[("x", &[2.0])]).expect("255 operands are not too many");
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
    assert!(
        text(graph.compile(&CompileOptions::new()))
            .starts_with(&format!("output: {mixed}; operands [2]; at "))
    );

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
    assert!(
        text(graph.check())
            .starts_with("assign: the first operand belongs to another graph; operands [] and []")
    );
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
            let states =
                [graph.state("x", [1], Init::Constant(0.0)), graph.parameter("x", [1], Init::Constant(0.0))];
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
            "assign: only a parameter or state can be assigned; the first operand is computed, or an input; \
             operands [1] and []"
        ),
        "{computed}"
    );
    let misshapen =
        declared(|graph| graph.assign(&graph.state("s", [2], Init::Constant(0.0)), &graph.scalar(1.0)));
    assert!(
        misshapen.starts_with("assign: state `s` has shape [2], its new value has []; operands [2] and []")
    );
    let graph = Graph::new();
    graph.parameter("fc1.weight", [1], Init::Constant(0.0));
    assert_eq!(
        text(graph.find_state("fc1.wieght")),
        "state `fc1.wieght`: there is none; did you mean `fc1.weight`?"
    );
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
