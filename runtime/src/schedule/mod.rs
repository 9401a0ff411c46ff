//! Numbers that change over a training run: learning rate, weight decay, EMA momentum, teacher temperature, the
//! weight of a regularizer.
//!
//! A [`Schedule`] is data: phases one after another, each a curve and how long it lasts. It is written as one line of
//! text, the same in a TOML file, on the command line and in a report:
//!
//! | text | meaning |
//! |---|---|
//! | `0.2` | constant; in TOML also the bare number |
//! | `0.04 -> 0.07 over 30 epochs` | linear, then constant at its last value |
//! | `cosine(0.996 -> 1.0)` | half a cosine over the whole run |
//! | `warmup(10 epochs) then cosine(3e-4 -> 1e-6)` | linear from 0 to 3e-4, then half a cosine over what is left |
//! | `0.1 for 30 epochs then 0.01 for 30 epochs then 0.001` | steps |
//!
//! The grammar, in EBNF; blanks separate words and may stand anywhere else between symbols:
//!
//! ```text
//! schedule = phase , { "then" , phase } ;
//! phase    = warmup | curve , [ ( "for" | "over" ) , span ] ;
//! curve    = number | number , "->" , number | "cosine" , "(" , number , "->" , number , ")" ;
//! warmup   = "warmup" , "(" , span , ")" ;                      (* never last *)
//! span     = number , ( "epoch" | "epochs" | "step" | "steps" | "%" ) ;
//! ```
//!
//! Every phase but the last says how long it lasts; the last one, if it does not say, lasts until the end of training.
//! After its end a schedule keeps its last value.
//!
//! **Time is the step, as a fraction.** A phase that begins at step `a` and lasts `n` steps is `(step − a) / n` of its
//! way along, so values move every step, not every epoch. This is MoCo-v3's and DINO's rule for the cosine (the end
//! value itself would come one step after the last) and MoCo-v3's for the warm-up (the first step has learning rate 0).
//! DINO's warm-ups come from `linspace`, which reaches its end one sample earlier: its teacher temperature "over 30
//! epochs" is `0.04 -> 0.07 over 29 epochs` here, looked at once an epoch.
//!
//! ```
//! use equilayer::schedule::Schedule;
//!
//! let rate: Schedule = "warmup(10 epochs) then cosine(3e-4 -> 0)".parse()?;
//! let (steps_per_epoch, total_steps) = (100, 100 * 100);
//! assert_eq!(rate.value(500, steps_per_epoch, total_steps), 1.5e-4);
//! assert_eq!(rate.value(1000, steps_per_epoch, total_steps), 3e-4);
//! assert_eq!(rate.value(5500, steps_per_epoch, total_steps), 1.5e-4);
//! # Ok::<(), equilayer::schedule::ScheduleError>(())
//! ```

#[cfg(test)]
mod tests;

use std::f64::consts::PI;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub use equilayer_grammar::schedule::{Curve, Phase, ScheduleError, Span};

/// A number as a function of the training step; see the [module](self) for its text form.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// Never empty; only the last may be without a span, and it is no warm-up.
    phases: Vec<Phase>,
}

impl Schedule {
    /// The same value at every step.
    pub fn constant(value: f64) -> Schedule {
        Schedule { phases: vec![Phase { curve: Curve::Constant(value), span: None }] }
    }

    /// The schedule of a text that was checked when the program was compiled: what the macros make of a string.
    ///
    /// # Panics
    /// The text is no schedule.
    #[doc(hidden)]
    pub fn literal(text: &str) -> Schedule {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    /// Half a cosine over the whole run, from the first value to the last.
    pub fn cosine(from: f64, to: f64) -> Schedule {
        Schedule { phases: vec![Phase { curve: Curve::Cosine { from, to }, span: None }] }
    }

    /// The phases in order; never empty.
    pub fn phases(&self) -> &[Phase] {
        &self.phases
    }

    /// The value at a step, counted from 0, of a run of `total_steps` steps.
    pub fn value(&self, step: u64, steps_per_epoch: u64, total_steps: u64) -> f32 {
        let mut since = step as f64;
        let mut left = total_steps as f64;
        let mut last = 0.0;
        for (index, phase) in self.phases.iter().enumerate() {
            let length = phase.span.map_or(left, |span| steps(span, steps_per_epoch, total_steps));
            if since < length {
                return self.at(index, since / length) as f32;
            }
            last = self.at(index, 1.0);
            since -= length;
            left = (left - length).max(0.0);
        }
        last as f32
    }

    /// The smallest and the largest value that the schedule can have at any step, to be checked against what the
    /// quantity allows.
    pub fn bounds(&self) -> (f32, f32) {
        let ends = (0..self.phases.len()).flat_map(|index| [self.at(index, 0.0), self.at(index, 1.0)]);
        let (low, high) = ends
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        (low as f32, high as f32)
    }

    /// The value in a phase, `along` of its way, in 0 to 1.
    fn at(&self, phase: usize, along: f64) -> f64 {
        let Some(Phase { curve, .. }) = self.phases.get(phase) else { return 0.0 };
        match *curve {
            Curve::Constant(value) => value,
            Curve::Linear { from, to } => from + (to - from) * along,
            Curve::Cosine { from, to } => to + (from - to) * 0.5 * (1.0 + (PI * along).cos()),
            Curve::Warmup => self.at(phase + 1, 0.0) * along,
        }
    }
}

/// How many steps a span takes.
fn steps(span: Span, steps_per_epoch: u64, total_steps: u64) -> f64 {
    match span {
        Span::Epochs(epochs) => epochs * steps_per_epoch as f64,
        Span::Steps(steps) => steps,
        Span::Percent(percent) => percent / 100.0 * total_steps as f64,
    }
}

impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Schedule, ScheduleError> {
        equilayer_grammar::schedule::parse(text).map(|phases| Schedule { phases })
    }
}

impl From<i32> for Schedule {
    /// A constant.
    fn from(value: i32) -> Schedule {
        Schedule::constant(value.into())
    }
}

impl From<f32> for Schedule {
    /// A constant, with the digits that were written: `0.1_f32` becomes 0.1.
    fn from(value: f32) -> Schedule {
        Schedule::constant(value.to_string().parse().unwrap_or_else(|_| value.into()))
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, phase) in self.phases.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { " then " })?;
            phase.fmt(f)?;
        }
        Ok(())
    }
}

impl Serialize for Schedule {
    /// A constant as a number, anything else as text.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.phases[..] {
            [Phase { curve: Curve::Constant(value), span: None }] => serializer.serialize_f64(value),
            _ => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Schedule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Schedule, D::Error> {
        struct NumberOrText;
        impl de::Visitor<'_> for NumberOrText {
            type Value = Schedule;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number or a schedule such as \"warmup(10 epochs) then cosine(3e-4 -> 1e-6)\"")
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Schedule, E> {
                match value.is_finite() {
                    true => Ok(Schedule::constant(value)),
                    false => {
                        Err(E::custom(format!("{value} is not a value to train with; give a finite number")))
                    }
                }
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Schedule, E> {
                Ok(Schedule::constant(value as f64))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Schedule, E> {
                Ok(Schedule::constant(value as f64))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Schedule, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(NumberOrText)
    }
}
