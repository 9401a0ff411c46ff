//! SimCLR.

use equilayer::prelude::*;

/// SimCLR: two views of an image find each other among all others of the batch (arXiv 2002.05709).
///
/// L = mean over all 2N views of −log softmax of cos(zᵢ, zⱼ) / τ at the other view of the same image, among the 2N − 1
/// others (equation 1: NT-Xent).
#[objective(name = "simclr")]
pub fn simclr(
    views: Views<Embedding>,
    #[head(mlp(hidden, batch_norm, relu, out))] projector: Head,
    /// τ; the paper's for ImageNet (appendix B.7), while E-SSL and EquiMod have 0.2 and CIFAR-10 has 0.5
    #[knob(default = 0.1, above = 0.0)]
    temperature: f32,
    /// width of the projector's hidden layer (section 2.1: as wide as ResNet-50's output)
    #[knob(default = 2048, at_least = 1, unit = "channels")]
    hidden: usize,
    /// width of the embeddings that are contrasted (section 2.1)
    #[knob(default = 128, at_least = 2, unit = "channels")]
    out: usize,
) -> Loss {
    let z = views.map(|view| projector.forward(view.clone()));
    z.pairs().into_iter().map(|(a, b)| nt_xent(a, b, temperature)).sum()
}
