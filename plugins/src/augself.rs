//! AugSelf.

use equilayer::prelude::*;

/// AugSelf: predicts from two views' features how their augmentations differ (arXiv 2111.09613).
///
/// L = Σ over targets of weight · ℓ(φ([z₁, z₂]), ω₁₂), and the same of ([z₂, z₁], ω₂₁) (equation 3). ℓ is the mean squared
/// error of tanh φ for the crop's centre and size and for the colour jitter, of φ itself for blur and solarization, binary
/// cross entropy for whether both views were flipped alike, and cross entropy for the quarter turns between them, where
/// views are turned. A target of weight 0 is left out, head and all.
///
/// Gradients flow into both features. The defaults are the paper's for ImageNet-100: crop and colour.
#[regularizer(name = "augself", at = cls)]
pub fn predict_augmentations(
    views: Views<Embedding>,
    omega: Differences,
    #[head(mlp(512, batch_norm, relu, 512, batch_norm, relu, 4 + bias))] crop_head: Head,
    #[head(mlp(512, batch_norm, relu, 512, batch_norm, relu, 4 + bias))] color_head: Head,
    #[head(mlp(512, batch_norm, relu, 512, batch_norm, relu, 1 + bias))] flip_head: Head,
    #[head(mlp(512, batch_norm, relu, 512, batch_norm, relu, 1 + bias))] blur_head: Head,
    #[head(mlp(512, batch_norm, relu, 512, batch_norm, relu, 1 + bias))] solarize_head: Head,
    #[head(mlp(512, batch_norm, relu, 512, batch_norm, relu, 4 + bias))] rotation_head: Head,
    /// of the crop (the paper: 0.5 for ImageNet-100, 1 for STL-10)
    #[knob(default = 0.5, at_least = 0.0)]
    crop_weight: f32,
    /// of the colour jitter (the paper: 0.5 for ImageNet-100, 1 for STL-10)
    #[knob(default = 0.5, at_least = 0.0)]
    color_weight: f32,
    /// of the flip (off in the paper's recipes)
    #[knob(default = 0.0, at_least = 0.0)]
    flip_weight: f32,
    /// of the blur (off in the paper's recipes)
    #[knob(default = 0.0, at_least = 0.0)]
    blur_weight: f32,
    /// of the solarization (off in the paper's recipes)
    #[knob(default = 0.0, at_least = 0.0)]
    solarize_weight: f32,
    /// of the quarter turns, with `turned` views (SER's comparison: 0.05 to 3)
    #[knob(default = 0.0, at_least = 0.0)]
    rotation_weight: f32,
) -> Loss {
    let Some([first, second]) = views.pair() else { return Loss::default() };
    let both_ways = stacked(&joined(first, second), &joined(second, first));
    let negated = |omega: &Tensor| stacked(omega, &-omega);
    let weighted = |weight: f32, head: Head, loss: &dyn Fn(Tensor) -> Tensor| {
        if weight == 0.0 {
            head.leave_out();
            return Loss::default();
        }
        weight * Loss::from(loss(head.forward(both_ways.clone())))
    };
    weighted(crop_weight, crop_head, &|phi| phi.tanh().mse_loss(&negated(&omega.crop)))
        + weighted(color_weight, color_head, &|phi| phi.tanh().mse_loss(&negated(&omega.color)))
        + weighted(flip_weight, flip_head, &|phi| {
            phi.binary_cross_entropy_with_logits(&stacked(&omega.flip, &omega.flip))
        })
        + weighted(blur_weight, blur_head, &|phi| phi.mse_loss(&negated(&omega.blur)))
        + weighted(solarize_weight, solarize_head, &|phi| phi.mse_loss(&negated(&omega.solarize)))
        + weighted(rotation_weight, rotation_head, &|phi| {
            phi.cross_entropy(&stacked(&omega.turn, &omega.turn_back()))
        })
}
