//! Self-distillation: a teacher's distribution over prototypes as the student's target.

use equilayer_engine::Tensor;

use crate::plugin::{Feature, Loss};

/// The teacher's distribution softmax((t − c) / τ), centred and sharpened, for scores `[batch, prototypes]` and a centre
/// `[prototypes]` (DINO: Caron et al. 2021, arXiv 2104.14294, section 3.1). No gradient flows through it.
#[track_caller]
pub fn centred_softmax(scores: &impl Feature, center: &Tensor, temperature: &Tensor) -> Tensor {
    ((scores.tensor() - center) / temperature).softmax(-1).stop_gradient()
}

/// Cross entropy −Σ p log softmax(s / τ) of a student's scores with target distributions, `[batch, prototypes]` each,
/// the mean over the batch (DINO, equation 2).
#[track_caller]
pub fn distillation(scores: &impl Feature, targets: &impl Feature, temperature: f32) -> Loss {
    (scores.tensor() * (1.0 / temperature)).soft_cross_entropy(targets.tensor()).into()
}

/// The centre behind a step: c ← m c + (1 − m) · the mean of the teacher's scores over views and batch (DINO, equation 4).
#[track_caller]
pub fn moved_center<F: Feature>(center: &Tensor, scores: &[F], momentum: f32) -> Tensor {
    let means = scores.iter().map(|scores| scores.tensor().mean(&[0]));
    match means.reduce(|a, b| a + b) {
        Some(sum) => center * momentum + sum * ((1.0 - momentum) / scores.len() as f32),
        None => center.clone(),
    }
}
