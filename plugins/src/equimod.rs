//! EquiMod.

use equilayer::prelude::*;

/// Which contrast EquiMod's prediction is put to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Contrast {
    /// NT-Xent among all embeddings and predictions of the batch: the paper.
    #[default]
    NtXent,
    /// InfoNCE both ways against constant keys, times τ: what SER's comparison ran.
    InfoNceSym,
}

impl Choice for Contrast {
    fn options() -> &'static [(&'static str, Contrast)] {
        &[("nt_xent", Contrast::NtXent), ("infonce_sym", Contrast::InfoNceSym)]
    }
}

/// EquiMod: predicts a view's embedding from the plain image's and the augmentation (arXiv 2211.01244).
///
/// L = NT-Xent(y_t, ŷ_t), y = g(f(x)), ŷ_t = u([y₀, ψ(t)]), over the views t and the plain image 0 (section 3.2). Gradients
/// flow into both sides. The embeddings of the plain image and of all views go through g as one batch.
#[regularizer(name = "equimod", at = cls)]
pub fn predict_embedding(
    plain: Untransformed<Embedding>,
    views: Views<Embedding>,
    t: Parameters,
    #[head(mlp(width, batch_norm, relu, width, batch_norm, relu, out, plain_batch_norm))] embed: Head,
    #[head(mlp(out, batch_norm))] encode: Head,
    #[head(mlp(out, plain_batch_norm))] predict: Head,
    /// which contrast
    #[knob(default = Contrast::NtXent)]
    contrast: Contrast,
    /// τ (the authors' code: 0.2)
    #[knob(default = 0.2, above = 0.0)]
    temperature: f32,
    /// width of the embeddings (the authors' code)
    #[knob(default = 128, at_least = 2, unit = "channels")]
    out: usize,
) -> Loss {
    let (Some([first, second]), [t1, t2]) = (views.pair(), &t.views[..]) else { return Loss::default() };
    let samples = plain.0.tensor.dim(0);
    let y = embed.forward(stacked(&plain.0, &stacked(first, second)));
    let (y0, y_t) = (y.slice(0, 0, samples), y.slice(0, samples, 2 * samples));
    let psi = encode.forward(stacked(t1, t2));
    let predicted = predict.forward(joined(&stacked(&y0, &y0), &psi));
    match contrast {
        Contrast::NtXent => nt_xent(&y_t, &predicted, temperature),
        Contrast::InfoNceSym => {
            let one_way = |q: &Tensor, k: &Tensor| info_nce(q, &k.stop_gradient(), temperature);
            temperature * (one_way(&y_t, &predicted) + one_way(&predicted, &y_t))
        }
    }
}
