//! Heads in a graph: the layers that a plugin learns behind its tap.
//!
//! A head is declared as a row of layers ([`Mlp`](super::Mlp)) and takes its input width from what it is first applied to. Heads are left
//! behind after pretraining, so their batch norms use the statistics of the batch at hand and keep no others.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use equilayer_engine::{Error, Graph, Init, Tensor};

use super::feature::{Feature, Side};
use super::follower::Follower;
use super::layers::HeadLayer;

/// PyTorch's default.
const BATCH_NORM_EPS: f32 = 1e-5;
/// PyTorch's default.
const LAYER_NORM_EPS: f32 = 1e-5;
/// PyTorch's default for `normalize`.
const L2_EPS: f32 = 1e-12;

/// A head in a graph. Cheap to clone; clones share their parameters.
#[derive(Clone)]
pub struct Head {
    shared: Rc<Shared>,
}

struct Shared {
    graph: Graph,
    name: String,
    layers: Vec<HeadLayer<usize>>,
    /// Makes the teacher's weights, where the teacher has its own.
    follower: Option<Rc<Follower>>,
    built: OnceCell<Built>,
    teacher: RefCell<Option<Vec<Vec<Tensor>>>>,
    left_out: Cell<bool>,
}

struct Built {
    inputs: usize,
    /// Parameters of each layer, in the order they are used.
    parameters: Vec<Vec<Tensor>>,
}

impl Head {
    /// A head whose parameters are named `NAME.0.weight` and so on. With a `follower`, teacher features go through
    /// weights that follow the student's.
    pub fn new(
        graph: &Graph,
        name: &str,
        layers: Vec<HeadLayer<usize>>,
        follower: Option<Rc<Follower>>,
    ) -> Head {
        let shared = Shared {
            graph: graph.clone(),
            name: name.into(),
            layers,
            follower,
            built: OnceCell::new(),
            teacher: RefCell::new(None),
            left_out: Cell::new(false),
        };
        Head { shared: Rc::new(shared) }
    }

    /// Applies the head to the last axis: `[.., in]` to `[.., out]`. The first call fixes the width it takes.
    #[track_caller]
    pub fn forward<F: Feature>(&self, x: F) -> F {
        let tensor = x.tensor();
        let inputs = tensor.dim(-1);
        let built = self.shared.built.get_or_init(|| self.build(inputs));
        if built.inputs != inputs {
            let detail = format!(
                "head `{}` was first applied to {} channels and now to {inputs}; a head has one input width, declare a \
                 second head for the other",
                self.shared.name, built.inputs
            );
            self.shared.graph.record(Error::Executor(detail));
            return x.with(tensor.clone());
        }
        let output = match (x.side(), &self.shared.follower) {
            (Side::Teacher, Some(follower)) => self.run(tensor, &self.teacher(built, follower)),
            _ => self.run(tensor, &built.parameters),
        };
        x.with(output)
    }

    /// Says that the head is not used, because a knob switches its part of the loss off: the gradient guard then asks for
    /// none. A head that is neither used nor left out is a mistake.
    pub fn leave_out(&self) {
        self.shared.left_out.set(true);
    }

    /// Whether [`Head::leave_out`] was called.
    pub fn is_left_out(&self) -> bool {
        self.shared.left_out.get()
    }

    /// All parameters, once the head was applied to something.
    pub fn parameters(&self) -> Vec<Tensor> {
        self.shared.built.get().map_or_else(Vec::new, |built| built.parameters.concat())
    }

    /// Its name in the graph.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    fn teacher(&self, built: &Built, follower: &Follower) -> Vec<Vec<Tensor>> {
        let follow = |layer: &Vec<Tensor>| layer.iter().map(|parameter| follower.follow(parameter)).collect();
        self.shared
            .teacher
            .borrow_mut()
            .get_or_insert_with(|| built.parameters.iter().map(follow).collect())
            .clone()
    }

    fn build(&self, inputs: usize) -> Built {
        let mut width = inputs;
        let mut parameters = Vec::with_capacity(self.shared.layers.len());
        for (index, layer) in self.shared.layers.iter().enumerate() {
            let declare = |part: &str, shape: &[usize], init| {
                self.shared.graph.parameter(
                    &format!("{}.{index}.{part}", self.shared.name),
                    shape.to_vec(),
                    init,
                )
            };
            parameters.push(match *layer {
                HeadLayer::Linear { width: out, bias } => {
                    let weight = declare("weight", &[width, out], Init::KaimingUniform);
                    let bias = bias.then(|| declare("bias", &[out], Init::Constant(0.0)));
                    width = out;
                    [Some(weight), bias].into_iter().flatten().collect()
                }
                HeadLayer::Prototypes { width: out } => {
                    let weight = declare("weight", &[width, out], Init::TruncatedNormal { std: 0.02 });
                    width = out;
                    vec![weight]
                }
                HeadLayer::BatchNorm | HeadLayer::LayerNorm => vec![
                    declare("weight", &[width], Init::Constant(1.0)),
                    declare("bias", &[width], Init::Constant(0.0)),
                ],
                HeadLayer::Relu
                | HeadLayer::Gelu
                | HeadLayer::Tanh
                | HeadLayer::PlainBatchNorm
                | HeadLayer::L2Normalize => Vec::new(),
            });
        }
        Built { inputs, parameters }
    }

    #[track_caller]
    fn run(&self, x: &Tensor, parameters: &[Vec<Tensor>]) -> Tensor {
        let mut x = x.clone();
        for (layer, parameters) in self.shared.layers.iter().zip(parameters) {
            x = match layer {
                HeadLayer::Linear { .. } => {
                    let product = x.matmul(&parameters[0]);
                    parameters.get(1).map_or(product.clone(), |bias| product + bias)
                }
                HeadLayer::Prototypes { .. } => {
                    x.matmul(&parameters[0].transpose(0, 1).l2_normalize(L2_EPS).transpose(0, 1))
                }
                HeadLayer::Relu => x.relu(),
                HeadLayer::Gelu => x.gelu(),
                HeadLayer::Tanh => x.tanh(),
                HeadLayer::BatchNorm => batch_norm(&x, Some((&parameters[0], &parameters[1]))),
                HeadLayer::PlainBatchNorm => batch_norm(&x, None),
                HeadLayer::LayerNorm => {
                    x.layer_norm(Some(&parameters[0]), Some(&parameters[1]), LAYER_NORM_EPS)
                }
                HeadLayer::L2Normalize => x.l2_normalize(L2_EPS),
            };
        }
        x
    }
}

/// Over all axes but the last.
#[track_caller]
fn batch_norm(x: &Tensor, affine: Option<(&Tensor, &Tensor)>) -> Tensor {
    let width = x.dim(-1);
    let rows = x.shape().elements() / width.max(1);
    let flat = x.reshape([rows, width]);
    let normed = flat.batch_norm_training(affine.map(|a| a.0), affine.map(|a| a.1), BATCH_NORM_EPS).output;
    normed.reshape(*x.shape())
}
