//! STL.

use equilayer::prelude::*;

/// STL: learns codes of transforms, and maps that apply a code to features (NeurIPS 2024).
///
/// The batch consists of pairs of images that get the same two transforms. With y₁, y₂ the views' features and t₁₂ =
/// h([y₁, y₂]) the code of the transform between them:
///
/// L = NT-Xent(g([y₁; y₂]), g([ŷ₁; ŷ₂])) + 0.1 · NT-Xent(q(t), q(t of the pair's other image)), where ŷ₁ = W(t̃₂₁) y₂ and
/// ŷ₂ = W(t̃₁₂) y₁ with the codes t̃ of the pair's other image: a code says what was done, and nothing of to what. W is a
/// matrix for each sample, made of its code.
#[regularizer(name = "stl", at = cls, share = Sharing::Of(2))]
pub fn learn_transformations(
    views: Views<Embedding>,
    #[head(mlp(code + bias, relu, code + bias))] encode: Head,
    #[head(mlp(width * width))] hyper: Head,
    #[head(mlp(width, batch_norm, relu, out))] project: Head,
    #[head(mlp(code, batch_norm, relu, out))] project_code: Head,
    /// τ of both contrasts (the authors' code)
    #[knob(default = 0.2, above = 0.0)]
    temperature: f32,
    /// weight of the codes' contrast (the authors' code)
    #[knob(default = 0.1, at_least = 0.0)]
    code_weight: f32,
    /// width of a code (the authors' code)
    #[knob(default = 128, at_least = 1, unit = "channels")]
    code: usize,
    /// width of what is contrasted (the authors' code)
    #[knob(default = 128, at_least = 2, unit = "channels")]
    out: usize,
) -> Loss {
    let Some([y1, y2]) = views.pair() else { return Loss::default() };
    let (t12, t21) = (encode.forward(joined(y1, y2)), encode.forward(joined(y2, y1)));
    let apply = |t: &Tensor, y: &Embedding| {
        let (samples, width) = (y.tensor.dim(0), y.tensor.dim(-1));
        let matrices = hyper.forward(t.clone()).reshape([samples, width, width]);
        matrices.einsum("bij,bj->bi", &y.tensor)
    };
    let predicted = stacked(&apply(&partners(&t21), y2), &apply(&partners(&t12), y1));
    let equivariance = nt_xent(&project.forward(stacked(y1, y2)), &project.forward(predicted), temperature);
    let [even, odd] = halves(&stacked(&t12, &t21)).map(|t| project_code.forward(t));
    equivariance + code_weight * nt_xent(&even, &odd, temperature)
}

/// Rows of `[batch, width]` as pairs `[batch / 2, 2, width]`.
fn pairs(rows: &Tensor) -> Tensor {
    rows.reshape([rows.dim(0) / 2, 2, rows.dim(1)])
}

/// For each image the row of its pair's other image.
fn partners(rows: &Tensor) -> Tensor {
    pairs(rows).flip(1).reshape(*rows.shape())
}

/// The rows of all pairs' first images, and those of their second.
fn halves(rows: &Tensor) -> [Tensor; 2] {
    [0, 1].map(|image| pairs(rows).select(1, image))
}
