//! State, scheduled knobs, prototypes and multi-crop views.
use equilayer::plugin::Declared;
use equilayer::prelude::*;

/// Teacher and student agree on prototypes.
#[objective(name = "distillation", teacher = Ema::after_step(Schedule::constant(0.996)), views = Crops::multi(2, 8))]
pub fn distillation(
    student: Views<Embedding>,
    teacher: Teacher<Views<Embedding>>,
    #[head(mlp(2048 + bias, gelu, 256 + bias, l2_normalize, prototypes(prototypes)), ema)] project: Head,
    #[state([prototypes], init = 0.0)] center: State,
    #[knob(default = 4096, at_least = 2)] prototypes: usize,
    #[knob(default = "0.04 -> 0.07 over 30 epochs", above = 0.0)] temperature: Scheduled,
    #[knob(default = 0.9)] momentum: Scheduled,
    #[knob(default = true)] sharpen: bool,
) -> Loss {
    let _ = (teacher, center, prototypes, temperature, momentum, sharpen);
    Loss::from(project.forward(student.all[0].clone()).tensor.mean_all())
}

#[test]
fn is_sound() {
    assert_eq!(Distillation::plugin().problems(), Vec::<String>::new());
    assert_eq!(Distillation::default().temperature.to_string(), "0.04 -> 0.07 over 30 epochs");
    assert_eq!(Distillation::default().momentum, Schedule::constant(0.9));
}
