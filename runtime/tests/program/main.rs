//! Methods declared with the builder, built into programs and run: what is computed, what is refused, what the gradient
//! guard says.

mod accumulation;
mod guard;
mod local_pairs;
mod methods;
mod step;
