//! Stock luminal_cuda's kernels, compiled by the real NVRTC, against the reference.
//!
//! The device is emulated unless `EQUILAYER_GPU=real`; see `tests/fake-driver`. NVRTC is looked for as by the other
//! tests of CUDA, and CUDA's headers at `/usr/local/cuda/include`, the only place where luminal_cuda looks. Where
//! something is missing, the tests say what and pass; with `EQUILAYER_REQUIRE_NVRTC=1` they fail.

use std::collections::BTreeSet;
use std::env;
use std::sync::OnceLock;

use equilayer_engine::array::Array;
use equilayer_engine::optim::{AdamWOptions, Optimizer};
use equilayer_engine::reference::{Values, evaluate, interpret_on_cuda, lower, luminal_cuda_is_usable};
use equilayer_engine::{Error, Graph, Init, Randomness, Tensor, node};
use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};

#[allow(dead_code)]
#[path = "../../../runtime/engine/tests/operators/cases/mod.rs"]
mod cases;
#[path = "../../cuda/src/nvrtc.rs"]
mod nvrtc;

/// Graphs that take more elements than this are left out: each value has a thread in the emulator.
const MOST_ELEMENTS: usize = 1_000;

/// Whether luminal_cuda can run here; says what is missing where it cannot.
fn usable() -> bool {
    static USABLE: OnceLock<Result<(), String>> = OnceLock::new();
    let usable = USABLE.get_or_init(|| {
        if env::var("EQUILAYER_GPU").as_deref() != Ok("real") {
            load_fake_driver()?;
            nvrtc::load_nvrtc().map_err(|error| error.to_string())?;
        }
        luminal_cuda_is_usable().map_err(|error| error.to_string())
    });
    if let Err(missing) = usable {
        assert!(env::var("EQUILAYER_REQUIRE_NVRTC").as_deref() != Ok("1"), "{missing}");
        eprintln!("skipped: {missing}");
    }
    usable.is_ok()
}

/// Loads the shared object that cargo built beside this program. Its name for others is the driver's.
fn load_fake_driver() -> Result<(), String> {
    let program = env::current_exe().map_err(|error| error.to_string())?;
    let file = program.with_file_name("libequilayer_fake_driver.so");
    // SAFETY: the library does nothing when it is loaded, and stays to the end of the process.
    let library = unsafe { Library::open(Some(&file), RTLD_NOW | RTLD_GLOBAL) };
    library.map(std::mem::forget).map_err(|error| error.to_string())
}

/// Compares one graph's outputs and assignments with the reference's.
fn agrees(graph: &Graph, given: &Values, tolerance: f64) -> Result<(), String> {
    let reference = evaluate(graph, given).map_err(|error| error.to_string())?;
    let found = interpret_on_cuda(graph, given).map_err(|error| error.to_string())?;
    cases::compare(&reference, |name| found.get(name).map(<[f32]>::to_vec), tolerance)
}

/// Operators of a graph.
fn operators(graph: &Graph) -> BTreeSet<&'static str> {
    graph.with_luminal(|luminal| {
        let operators =
            luminal.graph.node_indices().filter_map(|i| Some(node::node(luminal, i)?.op.variant()));
        operators.collect()
    })
}

/// The smallest cases of the operator sweep that together have every operator luminal's primitives express.
#[test]
fn every_operator_agrees_with_the_reference() {
    if !usable() {
        return;
    }
    let mut cases: Vec<(usize, cases::Case, Graph)> = Vec::new();
    for case in cases::all().into_iter().filter(|case| case.interpreted) {
        let graph = Graph::new();
        let inputs: Vec<Tensor> =
            (0..).zip(&case.inputs).map(|(i, fed)| graph.input(&format!("in{i}"), fed.shape)).collect();
        for (i, output) in (0..).zip((case.build)(&graph, &inputs)) {
            graph.output(&format!("out{i}"), &output);
        }
        let lowered = lower(&graph);
        let expressible = lowered.undecomposed().next().is_none() && !lowered.has_empty();
        if expressible && lowered.elements() <= MOST_ELEMENTS {
            cases.push((lowered.elements(), case, graph));
        }
    }
    cases.sort_by_key(|&(elements, ..)| elements);
    let mut covered = BTreeSet::new();
    let mut failures = Vec::new();
    let mut ran = 0;
    for (_, case, graph) in &cases {
        let operators = operators(graph);
        if operators.is_subset(&covered) {
            continue;
        }
        covered.extend(operators);
        ran += 1;
        // The kernels compute in double where luminal_cuda writes its constants so, else in single precision.
        if let Err(failure) = agrees(graph, &case.values(), case.tolerance.max(1e-5)) {
            failures.push(format!("{}: {failure}", case.name));
        }
    }
    println!("{ran} cases of {} operators", covered.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn what_luminal_cannot_express_is_named() {
    let graph = Graph::new();
    let randomness = Randomness::new(&graph.input("key", [2]), &graph.input("samples", [2]));
    graph.output("noise", &randomness.normal(0, [3]));
    let error = interpret_on_cuda(&graph, &Values::default()).expect_err("luminal draws no numbers");
    assert_eq!(
        error.to_string(),
        "luminal: luminal_cuda has no kernel for random normal, which luminal's primitives cannot express; \
         run this graph elsewhere"
    );
}

/// One training step of a tiny vision transformer: patches, a block with attention, a loss, gradients, AdamW.
#[test]
fn a_training_step_of_a_vision_transformer_agrees_with_the_reference() -> Result<(), Error> {
    if !usable() {
        return Ok(());
    }
    let (width, heads) = (4, 2);
    let graph = Graph::new();
    let weight = |name: &str, shape: [usize; 2]| graph.parameter(name, shape, Init::XavierUniform);
    let x = graph.input("images", [2, 1, 4, 4]).patchify(2).matmul(&weight("patch", [4, width]));
    let normed = x.layer_norm(None, None, 1e-6);
    let attended = normed.matmul(&weight("qkv", [width, 3 * width])).attention(heads);
    let x = &x + attended.matmul(&weight("out", [width, width]));
    let hidden = x.layer_norm(None, None, 1e-6).matmul(&weight("fc1", [width, 8])).gelu();
    let x = &x + hidden.matmul(&weight("fc2", [8, width]));
    let loss = x.mean(&[1]).matmul(&weight("head", [width, 3])).cross_entropy(&graph.input("classes", [2]));
    graph.output("loss", &loss);
    let parameters = graph.parameters();
    let gradients = graph.gradients(&loss, &parameters)?;
    let optimizer = Optimizer::adamw(AdamWOptions::default());
    optimizer.apply(&graph, &parameters, &gradients)?;

    let images = cases::values(32, 1, cases::Domain::Any);
    let mut given = Values::from([
        ("images".into(), Array::new([2, 1, 4, 4], images)),
        ("classes".into(), Array::new([2], vec![0.0, 2.0])),
    ]);
    for (name, values) in optimizer.hyper(0, 1e-2, 0.05) {
        given.insert(name, Array::from_f32([values.len()], &values));
    }
    agrees(&graph, &given, 1e-5).unwrap_or_else(|failure| panic!("{failure}"));
    Ok(())
}
