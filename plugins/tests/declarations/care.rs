use equilayer::prelude::*;

/// Into how many groups of images a batch is cut (table 7: 16 for CIFAR-10, 4 for CIFAR-100, 8 for STL-10).
const GROUPS: usize = 4;

/// CARE: an augmentation keeps the angles between embeddings, as a rotation does (arXiv 2306.13924).
///
/// L = mean over pairs of images i ≠ j of a group of (ẑ₁ᵢ · ẑ₁ⱼ − ẑ₂ᵢ · ẑ₂ⱼ)², where all images of a group get the same
/// transform, one for each view (equation 3).
#[regularizer(name = "care", at = embedding, share = Sharing::Into(GROUPS), weight = 0.001)]
pub fn keep_angles(
    views: Views<Embedding>,
    #[head(mlp(width, batch_norm, relu, out))] project: Head,
    /// width of the embeddings whose angles are kept
    #[knob(default = 128, at_least = 2, unit = "channels")]
    out: usize,
) -> Loss {
    let Some([first, second]) = views.pair() else { return Loss::default() };
    let images = first.tensor.dim(0) / GROUPS;
    if images < 2 {
        return Loss::default();
    }
    let angles = |view: &Embedding| {
        let z = project.forward(view.tensor.clone()).l2_normalize(1e-12).reshape([GROUPS, images, out]);
        z.einsum("gid,gjd->gij", &z)
    };
    // An image has the same angle, 0, to itself in both views: only the pairs count.
    let pairs = (GROUPS * images * (images - 1)) as f32;
    Loss::from((angles(first) - angles(second)).square().sum_all() * (1.0 / pairs))
}
