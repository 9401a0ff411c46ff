//! Second moments of a batch of features: compositions of contractions.

use crate::tensor::Tensor;

impl Tensor {
    /// Covariance of features `[N, D]` over the batch, unbiased: `[D, D]`. Needs at least two samples.
    #[track_caller]
    pub fn covariance(&self) -> Tensor {
        match self.shape()[..] {
            [samples, _] if samples >= 2 => {
                let centred = self - self.mean(&[0]);
                centred.einsum("nd,ne->de", &centred) * (1.0 / (samples - 1) as f32)
            }
            [samples, _] => {
                let detail =
                    format!("the covariance of {samples} samples does not exist; at least 2 are needed");
                self.graph().refuse("covariance", detail, &[self])
            }
            _ => {
                let detail = format!("features have shape [samples, features], not {}", self.shape());
                self.graph().refuse("covariance", detail, &[self])
            }
        }
    }

    /// Σ aᵢ bⱼ / N over a batch of features `[N, D]` and another `[N, E]`: `[D, E]`. For features of mean 0 and
    /// variance 1 this is their cross-correlation, as in Barlow Twins (Zbontar et al. 2021).
    #[track_caller]
    pub fn cross_correlation(&self, other: &Tensor) -> Tensor {
        match (&self.shape()[..], &other.shape()[..]) {
            (&[samples, _], &[same, _]) if samples == same && samples > 0 => {
                self.einsum("nd,ne->de", other) * (1.0 / samples as f32)
            }
            _ => {
                let detail =
                    "both must be [samples, features] with the same number of samples, at least 1".into();
                self.graph().refuse("cross_correlation", detail, &[self, other])
            }
        }
    }
}
