//! Training that can be trusted: what survives kills, signals, full disks and exploding losses, and what is refused.
//!
//! Runs are tiny, so that whole ones fit in a test; all but the first module's go through the binary, as a user's do.

mod browser;
mod disk;
mod evaluated;
mod frozen;
mod kill;
mod methods;
mod not_finite;
mod refusals;
mod reported;
mod resume;
mod runs;
mod same_run;
#[cfg(unix)]
mod signals;
mod sweep;
