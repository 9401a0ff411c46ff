//! Layers: parameters with a forward pass.
//!
//! A layer declares its parameters under a name when it is made and can be run any number of times. Copying a
//! layer with [`Parameters::map`] gives the same layer on other tensors: that is how a teacher is made of a student.

use equilayer_engine::{Graph, Init, Tensor};

/// A layer whose parameters can be listed and exchanged.
pub trait Parameters: Sized {
    /// The layer with every parameter replaced, in a fixed order.
    fn map(&self, replace: &mut dyn FnMut(&Tensor) -> Tensor) -> Self;

    /// The parameters, in the order of [`Parameters::map`].
    fn parameters(&self) -> Vec<Tensor> {
        let mut found = Vec::new();
        self.map(&mut |parameter| {
            found.push(parameter.clone());
            parameter.clone()
        });
        found
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
        x.layer_norm(Some((&self.weight, &self.bias)), self.eps)
    }
}

impl Parameters for LayerNorm {
    fn map(&self, replace: &mut dyn FnMut(&Tensor) -> Tensor) -> LayerNorm {
        LayerNorm { weight: replace(&self.weight), bias: replace(&self.bias), eps: self.eps }
    }
}
