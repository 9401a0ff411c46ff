//! E-SSL.

use equilayer::prelude::*;

/// E-SSL: predicts which of four quarter turns a small crop was given (arXiv 2111.00899).
///
/// L = CE(p(f(rot90ᵏ(x))), k) over all four turns of each image (equation 2). The crop is the paper's for ImageNet: 96 of
/// 224 pixels of 5 to 14 % of the area. λ is SimCLR's; the paper has 0.08 with SimSiam and 8 with Barlow Twins.
#[regularizer(
    name = "essl",
    at = cls,
    action = Rot90,
    crop = Crop { size: 96.0 / 224.0, scale: (0.05, 0.14) },
    weight = 0.4,
)]
pub fn predict_rotation(
    turned: Orbit<Embedding>,
    turns: Labels,
    #[head(mlp(
        width + bias, layer_norm, relu, width + bias, layer_norm, relu, hidden + bias, layer_norm, 4 + bias
    ))]
    predictor: Head,
    /// width of the predictor's last hidden layer (the authors' code for ImageNet)
    #[knob(default = 128, at_least = 1, unit = "channels")]
    hidden: usize,
) -> Loss {
    turns.cross_entropy(&predictor.forward(turned.features).tensor).into()
}
