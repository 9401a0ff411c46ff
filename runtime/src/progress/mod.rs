//! How far a run is, how fast, and when it will be done.
//!
//! The bar and the lines go to standard error, JSON lines to standard output. Nothing here can fail a run: if nobody
//! listens any more, nobody is told.

mod pace;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{FormattedDuration, ProgressBar, ProgressStyle};
use serde_json::json;

pub use pace::Pace;

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgressMode {
    /// A bar that is drawn over itself; for terminals.
    Bar,
    /// A line now and then; for logs.
    Lines,
    /// A JSON object a line now and then; for programs.
    Json,
    /// Nothing.
    Quiet,
}

impl ProgressMode {
    /// A bar if standard error is a terminal, lines otherwise.
    pub fn detect() -> ProgressMode {
        if std::io::stderr().is_terminal() { ProgressMode::Bar } else { ProgressMode::Lines }
    }
}

/// Shows the progress of a run.
pub struct Progress {
    mode: ProgressMode,
    bar: ProgressBar,
    output: Box<dyn Write + Send>,
    total: u64,
    done: u64,
    pace: Pace,
    last_step: Instant,
    /// When the last line was written.
    last_line: Option<Instant>,
    interval: Duration,
}

/// Between two lines, in modes that write lines.
const INTERVAL: Duration = Duration::from_secs(10);

impl Progress {
    /// For a run of `total` steps of which `done` were done before, now that the next one starts.
    pub fn new(mode: ProgressMode, total: u64, done: u64) -> Progress {
        let output: Box<dyn Write + Send> = match mode {
            ProgressMode::Json => Box::new(std::io::stdout()),
            _ => Box::new(std::io::stderr()),
        };
        Progress::with_output(mode, total, done, INTERVAL, output)
    }

    /// Lines to anywhere, at most one in each `interval`.
    pub fn with_output(
        mode: ProgressMode,
        total: u64,
        done: u64,
        interval: Duration,
        output: Box<dyn Write + Send>,
    ) -> Progress {
        let bar = match mode {
            ProgressMode::Bar => ProgressBar::new(total).with_position(done).with_style(style()),
            _ => ProgressBar::hidden(),
        };
        let last_step = Instant::now();
        Progress {
            mode,
            bar,
            output,
            total,
            done,
            pace: Pace::default(),
            last_step,
            last_line: None,
            interval,
        }
    }

    /// A step is done: `step` of them in all, `epoch` epochs finished, with these values to show.
    pub fn step(&mut self, step: u64, epoch: u64, values: &[(&str, f64)]) {
        let now = Instant::now();
        self.pace.step(now - self.last_step);
        (self.last_step, self.done) = (now, step);
        let due = self.last_line.is_none_or(|last| now - last >= self.interval) || step >= self.total;
        match self.mode {
            ProgressMode::Bar => {
                self.bar.set_message(format!("epoch {epoch}, {}{}", self.speed(), listed(values)));
                self.bar.set_position(step);
            }
            ProgressMode::Lines if due => self.line(&self.as_text(epoch, values)),
            ProgressMode::Json if due => self.line(&self.as_json(epoch, values)),
            _ => return,
        }
        self.last_line = if due { Some(now) } else { self.last_line };
    }

    /// Does something that is no step, such as an evaluation or a checkpoint, and counts its time apart.
    pub fn aside<T>(&mut self, action: impl FnOnce() -> T) -> T {
        let before = Instant::now();
        let result = action();
        let took = before.elapsed();
        self.pace.aside(took);
        self.last_step += took;
        result
    }

    /// Prints a line of text without tearing the bar; nothing in quiet and JSON modes.
    pub fn say(&mut self, text: &str) {
        match self.mode {
            ProgressMode::Bar => self.bar.suspend(|| eprintln!("{text}")),
            ProgressMode::Lines => self.line(text),
            ProgressMode::Json | ProgressMode::Quiet => {}
        }
    }

    /// Prints a warning to standard error, in every mode but the quiet one.
    pub fn warn(&mut self, text: &str) {
        match self.mode {
            ProgressMode::Quiet => {}
            _ => self.bar.suspend(|| eprintln!("warning: {text}")),
        }
    }

    /// Takes the bar away. Dropping does too.
    pub fn finish(self) {}

    /// How fast it goes.
    pub fn pace(&self) -> &Pace {
        &self.pace
    }

    fn as_text(&self, epoch: u64, values: &[(&str, f64)]) -> String {
        let percent = 100 * self.done / self.total.max(1);
        let Progress { done, total, .. } = self;
        format!("step {done}/{total} ({percent} %), epoch {epoch}, {}{}", self.speed(), listed(values))
    }

    fn as_json(&self, epoch: u64, values: &[(&str, f64)]) -> String {
        let values: serde_json::Map<String, serde_json::Value> =
            values.iter().map(|&(name, value)| (name.into(), value.into())).collect();
        json!({
            "event": "progress",
            "step": self.done,
            "total": self.total,
            "epoch": epoch,
            "seconds_per_step": self.pace.median().as_secs_f64(),
            "seconds_left": self.left().as_secs_f64(),
            "values": values,
        })
        .to_string()
    }

    fn speed(&self) -> String {
        let seconds = self.pace.median().as_secs_f64();
        let speed = match seconds {
            0.0 => return String::from("…"),
            _ if seconds > 1.0 => format!("{seconds:.2} s/step"),
            _ => format!("{:.1} steps/s", 1.0 / seconds),
        };
        format!("{speed}, {} left", FormattedDuration(self.left()))
    }

    fn left(&self) -> Duration {
        self.pace.left(self.total.saturating_sub(self.done))
    }

    fn line(&mut self, text: &str) {
        // Somebody who closed the pipe does not want the run to end.
        writeln!(self.output, "{text}").and_then(|()| self.output.flush()).ok();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn style() -> ProgressStyle {
    // The template is constant; if the library should come to dislike it, its own is good enough.
    ProgressStyle::with_template("{bar:30.cyan/dim} {pos}/{len} {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━╸━")
}

fn listed(values: &[(&str, f64)]) -> String {
    values.iter().fold(String::new(), |mut text, (name, value)| {
        // Writing to a text cannot fail.
        write!(text, ", {name} {value:.4}").ok();
        text
    })
}
