//! Layer norm (Ba et al. 2016) along the last axis.

use super::rows::{expect, from_rows, rows, shape_of_rows};
use super::{Access, Adjoint, Cost, Differentiable, Operator};
use crate::array::Array;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// (x − mean) / √(variance + ε) of each row, then · weight + bias. Inputs: x and, if affine, weight and bias.
/// Outputs: the result, and for the gradient each row's mean and 1 / √(variance + ε).
#[derive(Clone, Debug, PartialEq)]
pub struct LayerNorm {
    /// Added to the variance.
    pub epsilon: f32,
    /// Whether there are weight and bias.
    pub affine: bool,
}

/// The gradient of [`LayerNorm`]. Inputs: x, the gradient that arrived, both saved statistics, and, if affine, the
/// weight. Outputs: the gradients of x and, if affine, of weight and bias.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerNormGradient {
    /// Whether there are weight and bias.
    pub affine: bool,
}

impl Operator for LayerNorm {
    fn name(&self) -> &'static str {
        "layer_norm"
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        let rows = shape_of_rows(&inputs[0])?;
        check_epsilon(self.epsilon)?;
        let parameter = Shape::from(&inputs[0][rows.len()..]);
        for (what, found) in ["the weight", "the bias"].into_iter().zip(&inputs[1..]) {
            expect(what, found, parameter)?;
        }
        Ok(vec![inputs[0], rows, rows])
    }

    fn reference(&self, inputs: &[&Array], outputs: &[Shape]) -> Vec<Array> {
        let statistics: Vec<(f64, f64)> = rows(inputs[0])
            .map(|row| {
                let count = row.len() as f64;
                let mean = row.iter().sum::<f64>() / count;
                let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
                (mean, 1.0 / (variance + f64::from(self.epsilon)).sqrt())
            })
            .collect();
        let affine = |place: usize, normal: f64| match self.affine {
            true => normal * inputs[1].data()[place] + inputs[2].data()[place],
            false => normal,
        };
        let normed = rows(inputs[0]).zip(&statistics).map(|(row, (mean, inverse_std))| {
            row.iter().enumerate().map(|(place, x)| affine(place, (x - mean) * inverse_std)).collect()
        });
        let (means, inverse_stds) = statistics.iter().copied().unzip();
        vec![
            from_rows(outputs[0], normed),
            Array::new(outputs[1], means),
            Array::new(outputs[2], inverse_stds),
        ]
    }

    fn gradient(&self, at: &Adjoint<'_>) -> Vec<Option<Tensor>> {
        let graph = at.gradient().graph();
        let operands = [&at.inputs[0], at.gradient(), &at.outputs[1], &at.outputs[2]];
        let operator = LayerNormGradient { affine: self.affine };
        match self.affine {
            false => vec![Some(graph.push(operator, &operands))],
            true => {
                let operands: Vec<&Tensor> = operands.into_iter().chain([&at.inputs[1]]).collect();
                graph.push_multi::<3>(operator, &operands).map(Some).to_vec()
            }
        }
    }

    fn decompose(&self, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
        let mean = inputs[0].mean(&[-1]);
        let centred = &inputs[0] - mean.unsqueeze(-1);
        let inverse_std = (centred.square().mean(&[-1]) + self.epsilon).rsqrt();
        let normal = centred * inverse_std.unsqueeze(-1);
        let result = match inputs {
            [_, weight, bias] => normal * weight + bias,
            _ => normal,
        };
        Some(vec![result, mean, inverse_std])
    }

    /// Sum; distance, square, sum; distance, scaling; weight and bias.
    fn cost(&self, inputs: &[Shape], outputs: &[Shape]) -> Cost {
        Cost::new(if self.affine { 8 } else { 6 } * inputs[0].elements(), inputs, outputs)
    }

    fn access(&self, input: usize) -> Access {
        if input == 0 { Access::Rows } else { Access::Contiguous }
    }
}

/// What may be added to a variance.
pub(super) fn check_epsilon(epsilon: f32) -> Result<(), String> {
    match epsilon >= 0.0 && epsilon.is_finite() {
        true => Ok(()),
        false => {
            Err(format!("epsilon is {epsilon}; it is added to a variance and must be finite and at least 0"))
        }
    }
}

impl Operator for LayerNormGradient {
    fn name(&self) -> &'static str {
        "layer_norm_gradient"
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        expect("the gradient", &inputs[1], inputs[0])?;
        let parameters = inputs[4..].iter().flat_map(|&weight| [weight, weight]);
        Ok([inputs[0]].into_iter().chain(parameters).collect())
    }

    fn reference(&self, inputs: &[&Array], outputs: &[Shape]) -> Vec<Array> {
        let width = outputs[0].last().copied().unwrap_or(1);
        let weight = |place: usize| inputs.get(4).map_or(1.0, |weight| weight.data()[place]);
        let (mut weight_gradient, mut bias_gradient) = (vec![0.0; width], vec![0.0; width]);
        let statistics = inputs[2].data().iter().zip(inputs[3].data());
        let pulled = rows(inputs[0]).zip(rows(inputs[1])).zip(statistics).map(
            |((x, arriving), (mean, inverse_std))| {
                let normal: Vec<f64> = x.iter().map(|x| (x - mean) * inverse_std).collect();
                let weighted: Vec<f64> =
                    arriving.iter().enumerate().map(|(place, g)| g * weight(place)).collect();
                for (place, g) in arriving.iter().enumerate() {
                    weight_gradient[place] += g * normal[place];
                    bias_gradient[place] += g;
                }
                let mean = weighted.iter().sum::<f64>() / width as f64;
                let product = normal.iter().zip(&weighted).map(|(n, g)| n * g).sum::<f64>() / width as f64;
                normal.iter().zip(&weighted).map(|(n, g)| inverse_std * (g - mean - n * product)).collect()
            },
        );
        let mut gradients = vec![from_rows(outputs[0], pulled)];
        let parameters = outputs[1..].iter().zip([weight_gradient, bias_gradient]);
        gradients.extend(parameters.map(|(&shape, gradient)| Array::new(shape, gradient)));
        gradients
    }

    fn differentiable(&self) -> Differentiable {
        Differentiable::No
    }

    fn decompose(&self, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
        let [x, arriving, mean, inverse_std, weight @ ..] = inputs else { return None };
        let inverse_std = inverse_std.unsqueeze(-1);
        let normal = (x - mean.unsqueeze(-1)) * &inverse_std;
        let weighted = weight.first().map_or_else(|| arriving.clone(), |weight| arriving * weight);
        let product = (&weighted * &normal).mean(&[-1]).unsqueeze(-1);
        let pulled = (&weighted - weighted.mean(&[-1]).unsqueeze(-1) - &normal * product) * inverse_std;
        let mut gradients = vec![pulled];
        if let [weight] = weight {
            gradients.extend([(arriving * normal).sum_to(*weight.shape()), arriving.sum_to(*weight.shape())]);
        }
        Some(gradients)
    }

    /// Both sums, the result, and the gradients of weight and bias.
    fn cost(&self, inputs: &[Shape], outputs: &[Shape]) -> Cost {
        Cost::new(if self.affine { 18 } else { 12 } * inputs[0].elements(), inputs, outputs)
    }

    fn access(&self, input: usize) -> Access {
        if input < 2 { Access::Rows } else { Access::Contiguous }
    }
}

impl Tensor {
    /// Layer norm along the last axis: (x − mean) / √(variance + `epsilon`), with the biased variance, then · weight
    /// + bias, both of shape `[length of the last axis]`. timm's vision transformers use an epsilon of 1e-6.
    #[track_caller]
    pub fn layer_norm(&self, weight: Option<&Tensor>, bias: Option<&Tensor>, epsilon: f32) -> Tensor {
        let operator = LayerNorm { epsilon, affine: weight.is_some() || bias.is_some() };
        let parameters = self.affine_parameters(weight, bias, self.dim(-1));
        let operands: Vec<&Tensor> = [self].into_iter().chain(&parameters).collect();
        let [normed, _mean, _inverse_std] = self.graph().push_multi(operator, &operands);
        normed
    }

    /// Weight and bias, an absent one as 1 or 0; nothing where both are absent.
    pub(super) fn affine_parameters(
        &self,
        weight: Option<&Tensor>,
        bias: Option<&Tensor>,
        length: usize,
    ) -> Vec<Tensor> {
        if weight.is_none() && bias.is_none() {
            return Vec::new();
        }
        let or_full = |given: Option<&Tensor>, value| {
            given.cloned().unwrap_or_else(|| self.graph().full([length], value))
        };
        vec![or_full(weight, 1.0), or_full(bias, 0.0)]
    }
}
