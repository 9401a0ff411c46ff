/// DINO: self-distillation with no labels (arXiv 2104.14294).
///
/// The centre keeps the teacher from collapsing.
#[objective(name = "dino", teacher = Ema::after_step(Schedule::cosine(0.996, 1.0)), views = Crops::multi(2, 8))]
pub fn dino(
    student: Views<Embedding>,
    teacher: Teacher<Views<Embedding>>,
    #[head(mlp(2048 + bias, gelu, 256 + bias, l2_normalize, prototypes(prototypes)), ema)] project: Head,
    #[state([prototypes], init = 0.0)] center: State,
    #[knob(default = 65536, at_least = 2, doc = "Number of prototypes")] prototypes: usize,
    #[knob(default = "0.04 -> 0.07 over 30 epochs", above = 0.0)] teacher_temperature: Scheduled,
    #[knob(default = true, doc = "Whether the centre moves")] centering: bool,
) -> Loss {
    distill(student, teacher, project, center, teacher_temperature, centering)
}
