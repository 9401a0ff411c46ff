//! Weight normalisation (Salimans and Kingma 2016): a composition.

use crate::shape::Shape;
use crate::tensor::Tensor;

impl Tensor {
    /// With this tensor as direction v: g · v / ‖v‖, with a norm and a magnitude for each index of `axis`. For a
    /// linear weight `[in, out]` axis 1 is that of the outputs, as in DINO's last layer. A column of zeros gives NaN.
    #[track_caller]
    pub fn weight_norm(&self, magnitude: &Tensor, axis: isize) -> Tensor {
        let kept = match self.resolve(axis) {
            Ok(axis) => axis,
            Err(detail) => return self.graph().refuse("weight_norm", detail, &[self, magnitude]),
        };
        if *magnitude.shape() != Shape::from([self.shape()[kept]]) {
            let detail = format!(
                "axis {axis} of {} needs magnitudes of shape [{}], not {}",
                self.shape(),
                self.shape()[kept],
                magnitude.shape()
            );
            return self.graph().refuse("weight_norm", detail, &[self, magnitude]);
        }
        let others: Vec<usize> = (0..self.shape().len()).filter(|&other| other != kept).collect();
        let summed: Vec<isize> = others.iter().map(|&other| other as isize).collect();
        let scale = magnitude * self.square().sum(&summed).rsqrt();
        self * scale.reshape(self.shape().keeping(others.into_iter().collect()))
    }
}
