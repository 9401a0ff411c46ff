//! Every method on a tiny vision transformer: steps, guard, controls, gradients, and the published code's mistakes.

mod bench;
mod controls;
mod curves;
mod defects;
mod derivatives;
mod differences;
mod pairs;
mod reference;
mod sharing;
mod specs;
mod zoo;
