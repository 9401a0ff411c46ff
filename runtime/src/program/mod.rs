//! Programs: a method on an encoder as one graph of a training step.
//!
//! [`Program::build`] writes student, teacher, taps, losses, gradients, optimizer and moving averages into one graph
//! and compiles it. What changes from step to step without changing shapes is an input (images, schedules, labels);
//! what changes shapes (the token grids that a rescaling action draws) is in the [`StepShape`], the key under which
//! plans are cached. Parameters are found by name in the executor, so all plans train one model.
//!
//! # Inputs
//!
//! | name | shape | |
//! |---|---|---|
//! | `view.V` | `[plain, channels, height, width]` | global crop V of the plain samples |
//! | `local.V` | `[batch, channels, h, w]` | local crop V, plain samples first |
//! | `SPLIT.view.V` | `[samples, channels, h, w]` | a split's crop under view V's element, V = 0, 1 |
//! | `untransformed` | `[batch, channels, height, width]` | the images as they are |
//! | `MEMBER.orbit` | `[images · elements, channels, h, w]` | each image under all elements |
//! | `MEMBER.differences.PART` | `[batch, 4 or 1]` | crop, color, flip, blur, solarize: [`Differences`](crate::plugin::Differences) |
//! | `MEMBER.parameters.V` | `[batch, transform_parameters]` | view V's transform |
//! | `momentum` | scalar | of the teacher |
//! | `weight.MEMBER` | scalar | λ |
//! | `MEMBER.KNOB` | scalar | a scheduled knob |
//! | `summed` | scalar | with accumulation: 0 in the first run of a step, 1 later |
//! | `optimizer..` | | [`Optimizer::hyper`](equilayer_engine::optim::Optimizer::hyper) |
//!
//! # Outputs
//!
//! `loss`, and for each member `loss.MEMBER` (unweighted) and `gradient.MEMBER`: the norm of its weighted gradient at
//! what it tapped.

mod assemble;
mod build;
pub mod cost;
mod encode;
mod guard;
mod losses;
pub mod names;
mod shape;
mod taps;

pub use build::{Program, ProgramError, TrainingOptions};
pub use guard::{GuardError, TermGradient, guard};
pub use losses::Losses;
pub use shape::{SplitShape, StepShape};
