//! A step as a timeline in the format of Chrome's and Perfetto's trace viewers.
//!
//! Format: "Trace Event Format" (Google), complete events, times in microseconds. One track has the parts of the model,
//! one the kernels.

use std::path::Path;

use serde_json::{Value, json};

use super::error::BenchError;
use super::work::ProfiledStep;
use crate::atomic_file;

const PARTS: u32 = 1;
const KERNELS: u32 = 2;

/// Steps one after the other as a document of the format.
pub fn document(steps: &[ProfiledStep]) -> Value {
    let mut events = vec![track(PARTS, "parts"), track(KERNELS, "kernels")];
    let mut now = 0.0;
    for (number, step) in steps.iter().enumerate() {
        let inputs = microseconds(step.inputs);
        events.push(event(PARTS, "inputs", now, inputs, json!({ "step": number })));
        now = timeline(step, now + inputs, &mut events);
    }
    json!({ "traceEvents": events, "displayTimeUnit": "ms" })
}

/// Writes [`document`] to a file.
///
/// # Errors
/// A file that cannot be written.
pub fn write(path: &Path, steps: &[ProfiledStep]) -> Result<(), BenchError> {
    let failed = |error| BenchError::Trace { path: path.display().to_string(), error };
    let text = document(steps).to_string();
    atomic_file::replace(path, failed, |file| file.write_all(text.as_bytes()).map_err(failed))
}

/// Adds the events of a step whose kernels begin to run at `begin`; when it ends.
fn timeline(profiled: &ProfiledStep, begin: f64, events: &mut Vec<Value>) -> f64 {
    let mut part: Option<(&str, f64)> = None;
    let mut end = begin;
    for (step, launch) in profiled.plan.steps().iter().zip(&profiled.kernels) {
        let (start, duration) = (begin + microseconds(launch.start), microseconds(launch.time));
        let name = step.part().unwrap_or("other");
        if part.is_none_or(|(open, _)| open != name)
            && let Some((open, since)) = part.replace((name, start))
        {
            events.push(event(PARTS, open, since, start - since, json!({})));
        }
        let (flops, bytes) = (step.cost.flops as f64, step.cost.bytes as f64);
        let details = json!({
            "shapes": step.shapes(),
            "scope": step.scope.as_deref(),
            "GFLOP/s": flops / duration / 1e3,
            "GB/s": bytes / duration / 1e3,
        });
        events.push(event(KERNELS, &step.kernel(), start, duration, details));
        end = start + duration;
    }
    if let Some((open, since)) = part {
        events.push(event(PARTS, open, since, end - since, json!({})));
    }
    end
}

fn microseconds(time: std::time::Duration) -> f64 {
    1e6 * time.as_secs_f64()
}

fn event(track: u32, name: &str, start: f64, duration: f64, details: Value) -> Value {
    json!({ "name": name, "ph": "X", "pid": 1, "tid": track, "ts": start, "dur": duration, "args": details })
}

fn track(track: u32, name: &str) -> Value {
    json!({ "name": "thread_name", "ph": "M", "pid": 1, "tid": track, "args": { "name": name } })
}
