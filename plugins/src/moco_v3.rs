//! MoCo v3.

use equilayer::prelude::*;

/// MoCo v3: contrasts each view with a momentum teacher's other view (arXiv 2104.02057).
///
/// L = ctr(q₁, k₂) + ctr(q₂, k₁), ctr(q, k) = 2τ · CE(q̂ k̂ᵀ / τ, diagonal), with q = predictor(projector(f(x))) and
/// k = projector′(f′(x)) of the teacher, which moves *before* it makes keys and gets no gradient (algorithm 1).
#[objective(name = "moco_v3", teacher = Ema::before_keys(Schedule::cosine(0.99, 1.0)))]
pub fn moco_v3(
    student: Views<Embedding>,
    teacher: Teacher<Views<Embedding>>,
    #[head(mlp(hidden, batch_norm, relu, hidden, batch_norm, relu, out, plain_batch_norm), ema)]
    projector: Head,
    #[head(mlp(hidden, batch_norm, relu, out, plain_batch_norm))] predictor: Head,
    /// τ; the authors' ViT recipe has 0.2, that of ResNet-50 1.0
    #[knob(default = 0.2, above = 0.0)]
    temperature: f32,
    /// width of the heads' hidden layers (the authors' code)
    #[knob(default = 4096, at_least = 1, unit = "channels")]
    hidden: usize,
    /// width of the embeddings that are contrasted (the authors' code)
    #[knob(default = 256, at_least = 2, unit = "channels")]
    out: usize,
) -> Loss {
    let queries = student.map(|view| predictor.forward(projector.forward(view.clone())));
    let keys = teacher.0.map(|view| projector.forward(view.clone()));
    let contrast = |(q, k)| 2.0 * temperature * info_nce(q, k, temperature);
    queries.against(&keys).into_iter().map(contrast).sum()
}
