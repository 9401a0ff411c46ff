//! Batch norm (Ioffe and Szegedy 2015) over axis 1.

use super::layer_norm::check_epsilon;
use super::rows::expect;
use super::{Adjoint, Cost, Differentiable, Operator};
use crate::array::Array;
use crate::shape::{AxisSet, Shape};
use crate::tensor::Tensor;

/// (x − mean) / √(variance + ε) with the statistics of each channel of the batch, then · weight + bias. Inputs:
/// x `[N, C, …]` and, if affine, weight and bias `[C]`. Outputs: the result, means and biased variances `[C]`.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchNorm {
    /// Added to the variance.
    pub epsilon: f32,
    /// Whether there are weight and bias.
    pub affine: bool,
}

/// The gradient of [`BatchNorm`]'s result. Inputs: x, the gradient that arrived, means, variances and, if affine, the
/// weight. Outputs: the gradients of x and, if affine, of weight and bias.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchNormGradient {
    /// Added to the variance.
    pub epsilon: f32,
    /// Whether there are weight and bias.
    pub affine: bool,
}

/// The axis that is normalised index by index.
const CHANNEL: usize = 1;

/// All axes but [`CHANNEL`].
fn batch_axes(shape: &Shape) -> AxisSet {
    (0..shape.len()).filter(|&axis| axis != CHANNEL).collect()
}

/// One value a channel, to broadcast over x.
fn over(shape: &Shape, channels: &Tensor) -> Tensor {
    channels.reshape(shape.keeping(batch_axes(shape)))
}

/// What is said of x where it has no channels.
fn check_channels(shape: &Shape) -> Result<usize, String> {
    match shape.get(CHANNEL) {
        Some(&channels) => Ok(channels),
        None => Err(format!("{shape} has no channels; axes are [samples, channels, …]")),
    }
}

/// The value of every channel, and the channel of every element.
struct Channels {
    count: usize,
    places: usize,
}

impl Channels {
    fn new(shape: &Shape) -> Channels {
        Channels { count: shape[CHANNEL], places: shape[CHANNEL + 1..].iter().product() }
    }

    fn of(&self, element: usize) -> usize {
        element / self.places % self.count
    }

    /// For each channel the sum of `term` over its elements.
    fn sums(&self, x: &Array, term: impl Fn(usize, f64) -> f64) -> Vec<f64> {
        let mut sums = vec![0.0; self.count];
        x.data().iter().enumerate().for_each(|(element, &x)| sums[self.of(element)] += term(element, x));
        sums
    }

    /// An array of x's shape, element by element.
    fn map(&self, x: &Array, f: impl Fn(usize, usize, f64) -> f64) -> Array {
        let mapped = x.data().iter().enumerate().map(|(element, &x)| f(element, self.of(element), x));
        Array::new(*x.shape(), mapped.collect())
    }
}

impl Operator for BatchNorm {
    fn name(&self) -> &'static str {
        "batch_norm"
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        let x = inputs[0];
        let channels = Shape::from([check_channels(&x)?]);
        check_epsilon(self.epsilon)?;
        for (what, found) in ["the weight", "the bias"].into_iter().zip(&inputs[1..]) {
            expect(what, found, channels)?;
        }
        let count: usize = batch_axes(&x).iter().map(|axis| x[axis]).product();
        match count < 2 {
            true => Err(format!(
                "{count} values a channel in {x}: their variance says nothing. Train on larger batches, \
                 or normalise by running statistics"
            )),
            false => Ok(vec![x, channels, channels]),
        }
    }

    fn reference(&self, inputs: &[&Array], outputs: &[Shape]) -> Vec<Array> {
        let (x, channels) = (inputs[0], Channels::new(&outputs[0]));
        let count = (outputs[0].elements() / channels.count.max(1)) as f64;
        let mean: Vec<f64> = channels.sums(x, |_, x| x).iter().map(|sum| sum / count).collect();
        let squares = channels.sums(x, |element, x| (x - mean[channels.of(element)]).powi(2));
        let variance: Vec<f64> = squares.iter().map(|sum| sum / count).collect();
        let result = channels.map(x, |_, channel, x| {
            let normal = (x - mean[channel]) / (variance[channel] + f64::from(self.epsilon)).sqrt();
            match self.affine {
                true => normal * inputs[1].data()[channel] + inputs[2].data()[channel],
                false => normal,
            }
        });
        vec![result, Array::new(outputs[1], mean), Array::new(outputs[2], variance)]
    }

    fn gradient(&self, at: &Adjoint<'_>) -> Vec<Option<Tensor>> {
        let mut pulled = match &at.gradients[0] {
            Some(gradient) => self.gradient_of_result(at, gradient),
            None => vec![None; at.inputs.len()],
        };
        let through_statistics = gradient_of_statistics(at);
        pulled[0] = match (pulled[0].take(), through_statistics) {
            (Some(a), Some(b)) => Some(a + b),
            (a, b) => a.or(b),
        };
        pulled
    }

    fn decompose(&self, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
        let x = &inputs[0];
        let axes: Vec<isize> = batch_axes(x.shape()).iter().map(|axis| axis as isize).collect();
        let mean = x.mean(&axes);
        let variance = (x - over(x.shape(), &mean)).square().mean(&axes);
        let parameters = (inputs.get(1), inputs.get(2));
        let result = x.batch_norm(&mean, &variance, parameters.0, parameters.1, self.epsilon);
        Some(vec![result, mean, variance])
    }

    /// Sum; distance, square, sum; distance, scaling; bias.
    fn cost(&self, inputs: &[Shape], outputs: &[Shape]) -> Cost {
        Cost::new(7 * inputs[0].elements(), inputs, outputs)
    }
}

impl BatchNorm {
    fn gradient_of_result(&self, at: &Adjoint<'_>, gradient: &Tensor) -> Vec<Option<Tensor>> {
        let operands = [&at.inputs[0], gradient, &at.outputs[1], &at.outputs[2]];
        let operator = BatchNormGradient { epsilon: self.epsilon, affine: self.affine };
        match self.affine {
            false => vec![Some(gradient.graph().push(operator, &operands))],
            true => {
                let operands: Vec<&Tensor> = operands.into_iter().chain([&at.inputs[1]]).collect();
                gradient.graph().push_multi::<3>(operator, &operands).map(Some).to_vec()
            }
        }
    }
}

/// The gradient of x where a loss uses means or variances themselves.
fn gradient_of_statistics(at: &Adjoint<'_>) -> Option<Tensor> {
    let x = &at.inputs[0];
    let per_value = at.outputs[1].shape().elements() as f32 / x.shape().elements() as f32;
    let spread = |channels: &Tensor| over(x.shape(), &(channels * per_value)).expand(*x.shape());
    let of_mean = at.gradients[1].as_ref().map(spread);
    let of_variance = at.gradients[2].as_ref().map(|gradient| {
        let centred = x - over(x.shape(), &at.outputs[1]);
        spread(&(gradient * 2.0)) * centred
    });
    match (of_mean, of_variance) {
        (Some(a), Some(b)) => Some(a + b),
        (a, b) => a.or(b),
    }
}

impl Operator for BatchNormGradient {
    fn name(&self) -> &'static str {
        "batch_norm_gradient"
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        expect("the gradient", &inputs[1], inputs[0])?;
        let parameters = inputs[4..].iter().flat_map(|&weight| [weight, weight]);
        Ok([inputs[0]].into_iter().chain(parameters).collect())
    }

    fn reference(&self, inputs: &[&Array], outputs: &[Shape]) -> Vec<Array> {
        let channels = Channels::new(&outputs[0]);
        let count = (outputs[0].elements() / channels.count.max(1)) as f64;
        let [x, arriving, mean, variance] = [0, 1, 2, 3].map(|input| inputs[input]);
        let inverse_std = variance.map(|variance| 1.0 / (variance + f64::from(self.epsilon)).sqrt());
        let normal =
            channels.map(x, |_, channel, x| (x - mean.data()[channel]) * inverse_std.data()[channel]);
        let sums = channels.sums(arriving, |_, g| g);
        let products = channels.sums(arriving, |element, g| g * normal.data()[element]);
        let pulled = channels.map(arriving, |element, channel, g| {
            let weight = inputs.get(4).map_or(1.0, |weight| weight.data()[channel]);
            let along = (sums[channel] + normal.data()[element] * products[channel]) / count;
            weight * inverse_std.data()[channel] * (g - along)
        });
        let mut gradients = vec![pulled];
        let parameters = outputs[1..].iter().zip([products, sums]);
        gradients.extend(parameters.map(|(&shape, gradient)| Array::new(shape, gradient)));
        gradients
    }

    fn differentiable(&self) -> Differentiable {
        Differentiable::No
    }

    fn decompose(&self, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
        let [x, arriving, mean, variance, weight @ ..] = inputs else { return None };
        let axes: Vec<isize> = batch_axes(x.shape()).iter().map(|axis| axis as isize).collect();
        let inverse_std = (variance + self.epsilon).rsqrt();
        let normal = (x - over(x.shape(), mean)) * over(x.shape(), &inverse_std);
        let (bias_gradient, weight_gradient) = (arriving.sum(&axes), (arriving * &normal).sum(&axes));
        let per_value = mean.shape().elements() as f32 / x.shape().elements() as f32;
        let spread = |channels: &Tensor| over(x.shape(), &(channels * per_value));
        let distance = arriving - spread(&bias_gradient) - normal * spread(&weight_gradient);
        let scale = weight.first().map_or_else(|| inverse_std.clone(), |weight| weight * &inverse_std);
        let mut gradients = vec![distance * over(x.shape(), &scale)];
        if self.affine {
            gradients.extend([weight_gradient, bias_gradient]);
        }
        Some(gradients)
    }

    /// Both sums, the result.
    fn cost(&self, inputs: &[Shape], outputs: &[Shape]) -> Cost {
        Cost::new(9 * inputs[0].elements(), inputs, outputs)
    }
}

/// What batch norm gives in training.
#[derive(Clone, Debug)]
pub struct BatchNormOutputs {
    /// The normalised batch, `[N, C, …]`.
    pub output: Tensor,
    /// Mean of each channel of the batch, `[C]`.
    pub mean: Tensor,
    /// Biased variance of each channel of the batch, `[C]`.
    pub variance: Tensor,
    /// Values of a channel that the statistics are of.
    pub count: usize,
}

impl Tensor {
    /// Batch norm of `[N, C, …]` over all axes but 1, with the statistics of the batch: (x − mean) /
    /// √(variance + `epsilon`) with the biased variance, then · weight + bias, both `[C]`. Refused where a channel has
    /// fewer than two values. PyTorch's epsilon is 1e-5.
    #[track_caller]
    pub fn batch_norm_training(
        &self,
        weight: Option<&Tensor>,
        bias: Option<&Tensor>,
        epsilon: f32,
    ) -> BatchNormOutputs {
        let channels = self.shape().get(CHANNEL).copied().unwrap_or(1);
        let operator = BatchNorm { epsilon, affine: weight.is_some() || bias.is_some() };
        let parameters = self.affine_parameters(weight, bias, channels);
        let operands: Vec<&Tensor> = [self].into_iter().chain(&parameters).collect();
        let [output, mean, variance] = self.graph().push_multi(operator, &operands);
        BatchNormOutputs { output, mean, variance, count: self.shape().elements() / channels.max(1) }
    }

    /// Batch norm of `[N, C, …]` with given means and variances `[C]`, as in evaluation: elementwise, so that fusion
    /// joins it to its neighbours. `weight` and `bias` are `[C]`.
    #[track_caller]
    pub fn batch_norm(
        &self,
        mean: &Tensor,
        variance: &Tensor,
        weight: Option<&Tensor>,
        bias: Option<&Tensor>,
        epsilon: f32,
    ) -> Tensor {
        let parameters: Vec<&Tensor> = [mean, variance].into_iter().chain(weight).chain(bias).collect();
        let checked =
            check_epsilon(epsilon).and_then(|()| check_channels(self.shape())).and_then(|channels| {
                parameters.iter().try_for_each(|found| {
                    expect("a statistic or parameter", found.shape(), [channels].into())
                })
            });
        if let Err(detail) = checked {
            let operands: Vec<&Tensor> = [self].into_iter().chain(parameters).collect();
            return self.graph().refuse("batch_norm", detail, &operands);
        }
        let inverse_std = (variance + epsilon).rsqrt();
        let scale = weight.map_or_else(|| inverse_std.clone(), |weight| weight * &inverse_std);
        let scaled = (self - over(self.shape(), mean)) * over(self.shape(), &scale);
        bias.map_or_else(|| scaled.clone(), |bias| &scaled + over(self.shape(), bias))
    }
}
