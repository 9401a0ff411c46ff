//! BYOL.

use equilayer::prelude::*;

/// BYOL: predicts a momentum teacher's embedding of the other view (arXiv 2006.07733).
///
/// L = ‖q̂(z₁) − ẑ′₂‖² + ‖q̂(z₂) − ẑ′₁‖², ‖â − b̂‖² = 2 − 2 cos(a, b), with z = projector(f(x)), z′ the teacher's and q the
/// predictor (equation 2, symmetrised). The teacher follows after the step. Without a normalisation over the batch in
/// the heads it is known to collapse more easily.
#[objective(name = "byol", teacher = Ema::after_step(Schedule::cosine(0.996, 1.0)))]
pub fn byol(
    student: Views<Embedding>,
    teacher: Teacher<Views<Embedding>>,
    #[head(mlp(hidden, batch_norm, relu, out), ema)] projector: Head,
    #[head(mlp(hidden, batch_norm, relu, out))] predictor: Head,
    /// width of the heads' hidden layers (section 3.2)
    #[knob(default = 4096, at_least = 1, unit = "channels")]
    hidden: usize,
    /// width of the embeddings (section 3.2)
    #[knob(default = 256, at_least = 2, unit = "channels")]
    out: usize,
) -> Loss {
    let predictions = student.map(|view| predictor.forward(projector.forward(view.clone())));
    let targets = teacher.0.map(|view| projector.forward(view.clone()));
    predictions.against(&targets).into_iter().map(|(q, z)| normalized_distance(q, z)).sum()
}
