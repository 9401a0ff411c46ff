//! Layers: parameters with a forward pass.
//!
//! A layer declares its parameters under a name when it is made and can be run any number of times. Copying a
//! layer with [`Parameters::map`] gives the same layer on other tensors: that is how a teacher is made of a student.
//! Where a layer behaves otherwise in training than in evaluation, its forward pass takes a [`Pass`].

mod convolution;
mod pass;

use equilayer_engine::{Graph, Init, Tensor};

pub use convolution::{BatchNorm, Conv2d};
pub use pass::Pass;

/// A layer whose state can be listed and exchanged.
pub trait Parameters: Sized {
    /// The layer with every state it holds replaced, in a fixed order: its parameters, and what is kept beside them,
    /// as frozen weights and running statistics are. [`Graph::is_parameter`] tells them apart: a teacher follows
    /// parameters by a moving average and has [twins](Graph::twin) of the others.
    fn map(&self, replace: &mut dyn FnMut(&Tensor) -> Tensor) -> Self;

    /// Everything it holds, in the order of [`Parameters::map`].
    fn states(&self) -> Vec<Tensor> {
        let mut found = Vec::new();
        self.map(&mut |state| {
            found.push(state.clone());
            state.clone()
        });
        found
    }

    /// What is trained of it, in the order of [`Parameters::map`].
    fn parameters(&self) -> Vec<Tensor> {
        let mut states = self.states();
        states.retain(|state| state.graph().is_parameter(state));
        states
    }
}

/// An affine map of the last axis: `x · weight + bias`, with the weight stored `[in, out]`.
#[derive(Clone, Debug)]
pub struct Linear {
    /// `[in, out]`.
    pub weight: Tensor,
    /// `[out]`.
    pub bias: Option<Tensor>,
}

impl Linear {
    /// Declares `NAME.weight` and, starting at zero, `NAME.bias`.
    #[track_caller]
    pub fn new(graph: &Graph, name: &str, inputs: usize, outputs: usize, init: Init) -> Linear {
        let bias = graph.parameter(&format!("{name}.bias"), [outputs], Init::Constant(0.0));
        Linear { bias: Some(bias), ..Linear::without_bias(graph, name, inputs, outputs, init) }
    }

    /// Declares `NAME.weight` alone.
    #[track_caller]
    pub fn without_bias(graph: &Graph, name: &str, inputs: usize, outputs: usize, init: Init) -> Linear {
        Linear { weight: graph.parameter(&format!("{name}.weight"), [inputs, outputs], init), bias: None }
    }

    /// Declares what [`Linear::new`] does, with the same first values, as state that is never trained.
    #[track_caller]
    pub fn frozen(graph: &Graph, name: &str, inputs: usize, outputs: usize, init: Init) -> Linear {
        Linear {
            weight: graph.state(&format!("{name}.weight"), [inputs, outputs], init),
            bias: Some(graph.state(&format!("{name}.bias"), [outputs], Init::Constant(0.0))),
        }
    }

    /// `x [.., in]` to `[.., out]`.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let product = x.matmul(&self.weight);
        match &self.bias {
            Some(bias) => product + bias,
            None => product,
        }
    }
}

impl Parameters for Linear {
    fn map(&self, replace: &mut dyn FnMut(&Tensor) -> Tensor) -> Linear {
        Linear { weight: replace(&self.weight), bias: self.bias.as_ref().map(replace) }
    }
}

/// Layer normalisation of the last axis.
#[derive(Clone, Debug)]
pub struct LayerNorm {
    /// Scale, starting at 1.
    pub weight: Tensor,
    /// Shift, starting at 0.
    pub bias: Tensor,
    /// Added to the variance.
    pub eps: f32,
}

impl LayerNorm {
    /// Declares `NAME.weight` and `NAME.bias`.
    #[track_caller]
    pub fn new(graph: &Graph, name: &str, width: usize, eps: f32) -> LayerNorm {
        LayerNorm {
            weight: graph.parameter(&format!("{name}.weight"), [width], Init::Constant(1.0)),
            bias: graph.parameter(&format!("{name}.bias"), [width], Init::Constant(0.0)),
            eps,
        }
    }

    /// `x [.., width]` to the same shape.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Tensor {
        x.layer_norm(Some(&self.weight), Some(&self.bias), self.eps)
    }
}

impl Parameters for LayerNorm {
    fn map(&self, replace: &mut dyn FnMut(&Tensor) -> Tensor) -> LayerNorm {
        LayerNorm { weight: replace(&self.weight), bias: replace(&self.bias), eps: self.eps }
    }
}

/// The projection and prediction head of MoCo v3 (and, in other widths, of BYOL and SimSiam): linear layers without
/// bias, batch norm and ReLU between them, and a batch norm without parameters behind the last.
///
/// Batch norms use the statistics of the batch at hand and keep no others: heads are left behind after pretraining.
#[derive(Clone, Debug)]
pub struct MlpHead {
    hidden: Vec<(Linear, Tensor, Tensor)>,
    last: Linear,
    last_norm: bool,
}

/// PyTorch's default.
const BATCH_NORM_EPS: f32 = 1e-5;

impl MlpHead {
    /// Declares a head with these widths, inputs first: `[384, 4096, 4096, 256]` has three layers.
    #[track_caller]
    pub fn new(graph: &Graph, name: &str, widths: &[usize], last_norm: bool) -> MlpHead {
        let layer = |index: usize| {
            let name = format!("{name}.{index}");
            Linear::without_bias(graph, &name, widths[index], widths[index + 1], Init::KaimingUniform)
        };
        let hidden = |index: usize| {
            let norm = |part: &str, value| {
                graph.parameter(
                    &format!("{name}.norm{index}.{part}"),
                    [widths[index + 1]],
                    Init::Constant(value),
                )
            };
            (layer(index), norm("weight", 1.0), norm("bias", 0.0))
        };
        let last = widths.len().saturating_sub(2);
        MlpHead { hidden: (0..last).map(hidden).collect(), last: layer(last), last_norm }
    }

    /// `x [batch, in]` to `[batch, out]`.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let hidden = self.hidden.iter().fold(x.clone(), |x, (linear, weight, bias)| {
            linear.forward(&x).batch_norm_training(Some(weight), Some(bias), BATCH_NORM_EPS).output.relu()
        });
        let last = self.last.forward(&hidden);
        match self.last_norm {
            true => last.batch_norm_training(None, None, BATCH_NORM_EPS).output,
            false => last,
        }
    }
}

impl Parameters for MlpHead {
    fn map(&self, replace: &mut dyn FnMut(&Tensor) -> Tensor) -> MlpHead {
        let hidden = self
            .hidden
            .iter()
            .map(|(linear, weight, bias)| (linear.map(replace), replace(weight), replace(bias)));
        MlpHead { hidden: hidden.collect(), last: self.last.map(replace), last_norm: self.last_norm }
    }
}
