//! Declarations that compile, and mean what they say; one matter a module.

mod choice;
mod group_action;
mod inside_a_function;
mod lints;
mod method;
mod objective;
mod orbit;
mod regularizer;
mod renamed_crate;
mod state_and_schedule;
mod taps;
