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
//! | `local.V` | `[plain, channels, h, w]` | local crop V of the plain samples |
//! | `SPLIT.view.V` | `[samples, channels, h, w]` | a split's crop under view V's element, V = 0, 1 |
//! | `SPLIT.local.V` | `[samples, channels, h, w]` | a split's local crop V, under an element where it is one of a pair |
//! | `MEMBER.relative.V..` | | ρ_g from view V to the other of its pair: [`RelativeShape::declare`](crate::action::RelativeShape::declare) |
//! | `untransformed` | `[batch, channels, height, width]` | the images as they are |
//! | `MEMBER.orbit` | `[images · elements, channels, h, w]` | each image under all elements |
//! | `MEMBER.differences.PART` | `[batch, 4 or 1]`, `[batch]` | crop, color, flip, blur, solarize; turn: [`Differences`](crate::plugin::Differences) |
//! | `MEMBER.parameters.V` | `[batch, transform_parameters]` | view V's transform |
//! | `MEMBER.position.V` | `[plain, 6]` | where view V of the plain samples lies: [`Frame`](crate::augment::Frame) |
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
mod draw;
mod encode;
mod guard;
mod losses;
pub mod names;
mod shape;
mod taps;

pub use build::{Program, ProgramError, TrainingOptions};
pub use draw::{StepActions, StepDraw};
pub use guard::{GuardError, TermGradient, guard};
pub use losses::Losses;
pub use shape::{PairShape, SplitShape, StepShape};
