//! ViT-S/16 alone in burn or candle: forward, or forward, backward and AdamW, as `equilayer bench` measures them. Prints
//! a line of JSON with its fields.

mod burn_peer;
mod candle_peer;

use std::time::Instant;

use clap::{Parser, ValueEnum};

/// ViT-S/16 for images of 224 pixels.
pub const PIXELS: usize = 224;
pub const PATCH: usize = 16;
pub const WIDTH: usize = 384;
pub const DEPTH: usize = 12;
pub const HEADS: usize = 6;
pub const TOKENS: usize = (PIXELS / PATCH) * (PIXELS / PATCH);
pub const NORM_EPS: f64 = 1e-6;
pub const RATE: f64 = 1e-4;
pub const WEIGHT_DECAY: f64 = 0.1;

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Workload {
    VitSStep,
    VitSForward,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Peer {
    Burn,
    Candle,
}

#[derive(Parser)]
struct Arguments {
    peer: Peer,
    #[arg(long)]
    workload: Workload,
    #[arg(long, default_value_t = 16)]
    batch: usize,
    #[arg(long, default_value_t = 5)]
    steps: usize,
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

/// Runs once and gives the loss.
pub type Step = Box<dyn FnMut() -> Result<f32, Box<dyn std::error::Error>>>;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Arguments { peer, workload, batch, steps, threads } = Arguments::parse();
    // SAFETY: no other thread is running yet. Both libraries size rayon's global pool by it.
    unsafe { std::env::set_var("RAYON_NUM_THREADS", threads.to_string()) };
    let trained = workload == Workload::VitSStep;
    let mut step = match peer {
        Peer::Burn => burn_peer::prepare(batch, trained),
        Peer::Candle => candle_peer::prepare(batch, trained)?,
    };
    let mut times = Vec::with_capacity(steps);
    for run in 0..steps + 2 {
        let started = Instant::now();
        let loss = step()?;
        let seconds = started.elapsed().as_secs_f64();
        if !loss.is_finite() {
            return Err(format!("the loss is {loss}").into());
        }
        if run >= 2 {
            times.push(seconds);
        }
    }
    times.sort_by(f64::total_cmp);
    let median = times[times.len() / 2];
    let (gflop, name) = (gflop(batch, trained), format!("{peer:?}").to_lowercase());
    let record = serde_json::json!({
        "peer": name,
        "workload": workload.to_possible_value().map(|value| value.get_name().to_owned()),
        "batch": batch,
        "steps": steps,
        "ms": 1e3 * median,
        "min_ms": 1e3 * times[0],
        "max_ms": 1e3 * times[times.len() - 1],
        "img_s": batch as f64 / median,
        "gflop": gflop,
        "gflops": gflop / median,
        "rss_mb": peak_mb(),
    });
    println!("{record}");
    Ok(())
}

/// Of matrix products, as PyTorch counts them.
fn gflop(batch: usize, trained: bool) -> f64 {
    let tokens = TOKENS + 1;
    let patches = 2 * TOKENS * 3 * PATCH * PATCH * WIDTH;
    let (linear, attention) = (DEPTH * 24 * tokens * WIDTH * WIDTH, DEPTH * 4 * tokens * tokens * WIDTH);
    let sample = match trained {
        true => 2 * patches + 3 * linear + 7 * attention / 2,
        false => patches + linear + attention,
    };
    (batch * sample) as f64 / 1e9
}

/// Peak resident memory, MiB, where the system tells it.
fn peak_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<f64>().ok().map(|kilobytes| kilobytes / 1024.0)
}
