//! A grid of runs: one configuration, some keys of which take several values.
//!
//! ```text
//! KEY=V1,V2,..  ──▶ Axis ──▶ Setting (a point of the grid: a run's overrides, its folder, its label)
//!                              │ trained, evaluated, or found finished
//!                              ▼
//!                           Sweep ──▶ table, sweep.json, report.html
//! ```
//!
//! Values are TOML, as overrides are, separated by commas outside of quotes and brackets; `1..=4` is 1,2,3,4. A key with
//! one value is the same in all runs and no part of the grid. Two keys say more than they do elsewhere:
//!
//! | key | |
//! |---|---|
//! | `seed` | short for `train.seed`. Runs that differ in nothing else are repetitions of one setting: a mean and a standard deviation |
//! | `method.NAME.at`, or `.layer` | besides a tap a layer's number, and `none`: the regularizer is left out, the control |
//!
//! # A sweep's folder
//!
//! Each run has a folder of its own, named after its values (`ser.at=3,seed=0`), a run like any other: what is there and
//! finished is kept, what was interrupted goes on, so the same command continues a sweep and one with more values extends
//! it. `sweep.json` says what is there so far, `report.html` shows it; both are written anew after every run.
//!
//! ```json
//! {"schema": 1,
//!  "varied": [{"key": "method.ser.at", "values": ["none", "1"]}, {"key": "train.seed", "values": ["0", "1"]}],
//!  "settings": [{"label": "layer 1", "values": [["method.ser.at", "1"]], "runs": 2,
//!                "measures": [{"name": "linear probe", "unit": "share", "mean": 0.92, "deviation": 0.004,
//!                              "values": [0.916, 0.924]}]}],
//!  "runs": [{"folder": "ser.at=1,seed=0", "values": [["method.ser.at", "1"], ["train.seed", "0"]],
//!            "state": "finished", "measures": [{"name": "linear probe", "value": 0.916, "unit": "share"}]}]}
//! ```
//!
//! `state` is `waiting`, `interrupted`, `failed` (then `error` says why) or `finished`. `deviation` is the sample standard
//! deviation over seeds, null where there is one run; `values` are those of the runs, in the order of their seeds.

mod axis;
mod page;
mod result;
mod setting;
#[cfg(test)]
mod tests;

pub use axis::{Axis, SweepError};
pub use result::{RunState, SettingResult, Spread, Sweep, SweepRun};
pub use setting::{Setting, settings};

/// The key whose values are repetitions.
pub const SEED: &str = "train.seed";

/// The value of a regularizer's place that leaves it out.
pub const NONE: &str = "none";
