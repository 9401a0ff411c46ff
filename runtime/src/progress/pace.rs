//! How long the rest will take, from what was measured.
//!
//! A step's time is the median of the last hundred: the first step, which compiles, and a hiccup of the machine do not
//! move it, a lasting change of speed does. Evaluations and checkpoints are rare and long, no median would see them;
//! they are counted apart and spread over the steps.

use std::collections::VecDeque;
use std::time::Duration;

/// Steps that the median looks back on.
const WINDOW: usize = 101;

/// Measured times of steps, and of what happens between them.
#[derive(Clone, Debug, Default)]
pub struct Pace {
    recent: VecDeque<Duration>,
    steps: u32,
    asides: Duration,
}

impl Pace {
    /// A step took this long.
    pub fn step(&mut self, took: Duration) {
        if self.recent.len() == WINDOW {
            self.recent.pop_front();
        }
        self.recent.push_back(took);
        self.steps = self.steps.saturating_add(1);
    }

    /// Something between steps took this long.
    pub fn aside(&mut self, took: Duration) {
        self.asides = self.asides.saturating_add(took);
    }

    /// The median time of recent steps; zero before the first.
    pub fn median(&self) -> Duration {
        let mut sorted: Vec<Duration> = self.recent.iter().copied().collect();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied().unwrap_or_default()
    }

    /// What so many further steps will take, with all that comes between them.
    pub fn left(&self, steps: u64) -> Duration {
        let steps = steps as f64;
        let asides = self.asides.as_secs_f64() * (steps / f64::from(self.steps.max(1)));
        let seconds = self.median().as_secs_f64() * steps + asides;
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }
}
