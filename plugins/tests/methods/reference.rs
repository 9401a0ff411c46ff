//! Losses and gradients of methods without public reference values, against the equations written out in NumPy
//! (`tests/reference/reference.py`).

use std::cell::RefCell;
use std::collections::BTreeMap;

use equilayer::action::{Displacement, DrawKey, Grid, IntoAction, Relative, Sample, View};
use equilayer::engine::{CompileOptions, CpuExecutor, CpuOptions, Executor, Graph, Tensor};
use equilayer::plugin::{
    Differences, Embedding, Head, HeadLayer, Labels, Loss, Orbit, Pair, Parameters, Side, Tokens,
    Untransformed, Views,
};
use equilayer_plugins::*;
use serde::Deserialize;

use super::bench::flow;

#[derive(Deserialize)]
struct Values {
    shape: Vec<usize>,
    data: Vec<f32>,
}

#[derive(Deserialize)]
struct Case {
    loss: f32,
    values: BTreeMap<String, Values>,
    gradients: BTreeMap<String, Values>,
}

/// A case's graph: what is not a head's parameter is an input.
struct Scene {
    case: Case,
    graph: Graph,
    inputs: RefCell<BTreeMap<String, Tensor>>,
    /// What the case does not hold: maps of actions.
    fed: Vec<(String, Vec<f32>)>,
}

impl Scene {
    fn new(name: &str) -> Scene {
        let text = include_str!("../reference/reference.json");
        let mut cases: BTreeMap<String, Case> = serde_json::from_str(text).expect("cases");
        let case = cases.remove(name).expect("a case");
        Scene { case, graph: Graph::new(), inputs: RefCell::default(), fed: Vec::new() }
    }

    fn input(&self, name: &str) -> Tensor {
        let input = self.graph.input(name, self.case.values[name].shape.as_slice());
        self.inputs.borrow_mut().insert(name.into(), input.clone());
        input
    }

    fn embedding(&self, name: &str) -> Embedding {
        Embedding { tensor: self.input(name), side: Side::Student }
    }

    fn views(&self) -> Views<Embedding> {
        Views { all: vec![self.embedding("first"), self.embedding("second")], globals: 2 }
    }

    fn tokens(&self, name: &str, grid: Grid) -> Tokens {
        Tokens { tensor: self.input(name), grid, side: Side::Student }
    }

    /// A head with the layers that a case's parameters are of.
    fn head(&self, name: &str, layers: &[HeadLayer<usize>]) -> Head {
        Head::new(&self.graph, name, layers.to_vec(), None)
    }

    /// Compares the loss, and its gradient with respect to everything the case has one for.
    fn check(self, loss: &Loss) {
        let loss = loss.tensor().expect("a loss");
        self.graph.output("loss", loss);
        let find = |name: &String| match name.contains(".weight") || name.contains(".bias") {
            true => self.graph.find_state(name).expect("a head's parameter"),
            false => self.inputs.borrow()[name].clone(),
        };
        let wanted: Vec<Tensor> = self.case.gradients.keys().map(find).collect();
        let gradients = self.graph.gradients(loss, &wanted).expect("gradients");
        for (name, gradient) in self.case.gradients.keys().zip(&gradients) {
            self.graph.output(&format!("gradient.{name}"), gradient);
        }
        let parameters: Vec<String> =
            self.graph.parameters().iter().filter_map(|p| self.graph.state_name(p)).collect();
        let plan = self.graph.compile(&CompileOptions::new()).expect("a plan");
        let mut executor = CpuExecutor::new(CpuOptions::default()).expect("an executor");
        executor.prepare(&plan).expect("states");
        for name in &parameters {
            executor.set_state(name, &self.case.values[name].data).expect("a parameter of this shape");
        }
        let fed = self.fed.iter().map(|(name, values)| (name.as_str(), values.as_slice()));
        let inputs = self.case.values.iter().filter(|(name, _)| !parameters.contains(name));
        let inputs = inputs.map(|(name, values)| (name.as_str(), values.data.as_slice()));
        let outputs = executor.run(&plan, &inputs.chain(fed).collect::<Vec<_>>()).expect("a run");
        close("loss", outputs.get("loss").expect("a loss"), &[self.case.loss]);
        for (name, expected) in &self.case.gradients {
            close(name, outputs.get(&format!("gradient.{name}")).expect("a gradient"), &expected.data);
        }
    }
}

/// As `equilayer parity` compares.
fn close(name: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{name}");
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        let allowed = 1e-5 + 1e-4 * expected.abs();
        assert!((found - expected).abs() <= allowed, "{name}[{index}] is {found}, not {expected}");
    }
}

fn linear(width: usize) -> HeadLayer<usize> {
    HeadLayer::Linear { width, bias: false }
}

fn biased(width: usize) -> HeadLayer<usize> {
    HeadLayer::Linear { width, bias: true }
}

/// Linear, batch norm, ReLU, linear.
fn narrow(hidden: usize, last: HeadLayer<usize>) -> [HeadLayer<usize>; 4] {
    [linear(hidden), HeadLayer::BatchNorm, HeadLayer::Relu, last]
}

#[test]
fn essl_is_the_equation() {
    let scene = Scene::new("essl");
    let turned = Orbit { features: scene.embedding("turned"), elements: 4 };
    let labels: Vec<f32> = (0..12).map(|row| (row % 4) as f32).collect();
    let turns = Labels { tensor: scene.graph.constant([12], labels), elements: 4 };
    let head = scene.head("predictor", &[biased(5), HeadLayer::LayerNorm, HeadLayer::Relu, biased(4)]);
    let loss = predict_rotation(turned, turns, head, 5);
    scene.check(&loss);
}

#[test]
fn augself_is_the_equation() {
    let scene = Scene::new("augself");
    let omega = |part: &str| scene.input(&format!("omega.{part}"));
    let differences = Differences {
        crop: omega("crop"),
        color: omega("color"),
        flip: omega("flip"),
        blur: omega("blur"),
        solarize: omega("solarize"),
    };
    let head = |part: &str, width| scene.head(&format!("{part}_head"), &narrow(4, biased(width)));
    let [crop, color] = ["crop", "color"].map(|part| head(part, 4));
    let [flip, blur, solarize] = ["flip", "blur", "solarize"].map(|part| head(part, 1));
    let loss = predict_augmentations(
        scene.views(),
        differences,
        crop,
        color,
        flip,
        blur,
        solarize,
        0.5,
        0.7,
        0.3,
        0.2,
        0.4,
    );
    scene.check(&loss);
}

#[test]
fn equimod_is_the_equation() {
    for (name, contrast) in
        [("equimod_nt_xent", Contrast::NtXent), ("equimod_infonce_sym", Contrast::InfoNceSym)]
    {
        let scene = Scene::new(name);
        let mut embed = narrow(5, linear(4)).to_vec();
        embed.push(HeadLayer::PlainBatchNorm);
        let loss = predict_embedding(
            Untransformed(scene.embedding("plain")),
            scene.views(),
            Parameters { views: vec![scene.input("t.0"), scene.input("t.1")] },
            scene.head("embed", &embed),
            scene.head("encode", &[linear(4), HeadLayer::BatchNorm]),
            scene.head("predict", &[linear(4), HeadLayer::PlainBatchNorm]),
            contrast,
            0.2,
            4,
        );
        scene.check(&loss);
    }
}

#[test]
fn stl_is_the_equation() {
    let scene = Scene::new("stl");
    let loss = learn_transformations(
        scene.views(),
        scene.head("encode", &[biased(4), HeadLayer::Relu, biased(4)]),
        scene.head("hyper", &[linear(9)]),
        scene.head("project", &narrow(9, linear(4))),
        scene.head("project_code", &narrow(9, linear(4))),
        0.2,
        0.1,
        4,
        4,
    );
    scene.check(&loss);
}

/// The displacement is known because it was applied: every cell comes from its left neighbour.
#[test]
fn flow_equivariance_is_the_equation() {
    let mut scene = Scene::new("flow_equivariance");
    let grid = Grid::new(2, 3);
    let samples: Vec<Sample> = (0..2).map(|index| Sample::new(index).with_flow(flow(grid))).collect();
    let action = Displacement.into_action();
    let drawn = action.draw_pair(grid, &samples, &DrawKey::new(0, 0, "test")).expect("a displacement");
    let maps = drawn.relative(View::First, View::Second).expect("invertible");
    let rho: Relative = maps.shape().declare(&scene.graph, "rho");
    scene.fed = maps.feed("rho").to_vec();
    let loss = flow_equivariance(
        Pair { student: scene.tokens("student", grid), source: scene.tokens("source", grid) },
        rho,
        scene.head("projector", &narrow(9, linear(4))),
        scene.head("predictor", &narrow(9, linear(4))),
        5,
        4,
    );
    scene.check(&loss);
}
