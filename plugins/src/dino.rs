//! DINO.

use equilayer::prelude::*;

/// DINO: the student's distribution over prototypes follows a momentum teacher's (arXiv 2104.14294).
///
/// L = mean over teacher views i and student views v ≠ i of −Σ Pₜ(xᵢ) log Pₛ(xᵥ), Pₛ = softmax(s / τₛ) and Pₜ = softmax((t −
/// c) / τₜ) (equations 1 to 3). The student sees crops of all sizes, the teacher the global ones alone, and it follows
/// after the step. The centre c moves to the mean of the teacher's scores behind the step (equation 4).
///
/// The last layer's prototypes have length 1 (the authors' `norm_last_layer`) and stand still for the first epoch. The
/// authors' recipes have a stochastic depth of 0.1 in the student.
#[objective(
    name = "dino",
    teacher = Ema::after_step(Schedule::cosine(0.996, 1.0)),
    views = Crops::multi(2, 8),
)]
pub fn dino(
    student: Views<Embedding>,
    teacher: Teacher<Views<Embedding>>,
    #[head(mlp(
        hidden + bias, gelu, hidden + bias, gelu, bottleneck + bias, l2_normalize, prototypes(prototypes)
    ), ema, freeze_last = freeze_last_layer)]
    projector: Head,
    #[state([prototypes], init = 0.0)] center: State,
    /// τₛ (the authors' code)
    #[knob(default = 0.1, above = 0.0)]
    student_temperature: f32,
    /// τₜ; the authors' ViT-S recipe, while their code's default is 0.04 throughout
    #[knob(default = "0.04 -> 0.07 over 30 epochs", above = 0.0)]
    teacher_temperature: Scheduled,
    /// what the centre keeps of itself in a step (the authors' code)
    #[knob(default = 0.9, at_least = 0.0, below = 1.0)]
    center_momentum: f32,
    /// number of prototypes (section 4: K)
    #[knob(default = 65536, at_least = 2)]
    prototypes: usize,
    /// width of the head's hidden layers (the authors' code)
    #[knob(default = 2048, at_least = 1, unit = "channels")]
    hidden: usize,
    /// width of the vectors that are compared with the prototypes (the authors' code)
    #[knob(default = 256, at_least = 1, unit = "channels")]
    bottleneck: usize,
    /// epochs for which the prototypes stand still (the authors' code)
    #[knob(default = 1, at_least = 0, unit = "epochs")]
    freeze_last_layer: usize,
) -> Loss {
    let scores = student.map(|view| projector.forward(view.clone()));
    let known = teacher.0.map(|view| projector.forward(view.clone()));
    let targets = known.map(|t| centred_softmax(t, &center.get(), &teacher_temperature.0));
    center.set(&moved_center(&center.get(), &known.all, center_momentum));
    let pairs = targets.against(&scores);
    let count = pairs.len() as f32;
    pairs.into_iter().map(|(p, s)| distillation(s, p, student_temperature)).sum::<Loss>() / count
}
