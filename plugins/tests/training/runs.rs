//! Tiny runs through the binary, and what they leave behind.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use equilayer::checkpoint::{Checkpoint, CheckpointStore};
use equilayer::metrics;
use tempfile::TempDir;

/// Makes the recipe small: a step takes milliseconds.
pub const TINY: [&str; 14] = [
    "encoder.width=16",
    "encoder.depth=2",
    "encoder.heads=2",
    "method.moco_v3.hidden=32",
    "method.moco_v3.out=16",
    "method.ser.layer=1",
    "method.ser.batch=0.25",
    "train.batch=16",
    "train.epochs=8",
    "train.threads=1",
    "train.checkpoint_every=2",
    "train.drop_path=0.1",
    "evaluate.probe_epochs=1",
    "evaluate.moved_images=2",
];

/// What makes a recipe with these changes small: nothing is said of plugins that they take out.
fn tiny(changes: &[&str]) -> impl Iterator<Item = &'static str> {
    let taken_out = |key: &str, plugin: &str| {
        changes.iter().filter_map(|change| change.strip_prefix(key)).any(|left| !left.contains(plugin))
    };
    let gone = [("method.objective=", "moco_v3"), ("method.regularizers=", "ser")];
    let gone = gone.into_iter().filter(|(key, plugin)| taken_out(key, plugin));
    let gone: Vec<String> = gone.map(|(_, plugin)| format!("method.{plugin}.")).collect();
    TINY.into_iter().filter(move |change| !gone.iter().any(|section| change.starts_with(section)))
}

/// Images in the tiny data set: three steps an epoch.
pub const IMAGES: usize = 50;

/// Steps of a tiny run.
pub const STEPS: u64 = 24;

/// A folder with a data set of few images and room for runs.
pub struct Workplace {
    folder: TempDir,
}

impl Workplace {
    pub fn new() -> Workplace {
        let folder = tempfile::tempdir().unwrap();
        cifar_10(folder.path());
        Workplace { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A run in the folder of this name.
    pub fn run<'w>(&'w self, name: &'w str) -> Run<'w> {
        Run { place: self, name }
    }
}

pub struct Run<'w> {
    place: &'w Workplace,
    name: &'w str,
}

impl Run<'_> {
    /// What starts the run, or goes on with it.
    pub fn command(&self, extra: &[&str]) -> Command {
        let mut command = binary();
        command.arg("train").args(tiny(extra)).args(["data.name=cifar10", "encoder.patch=8"]);
        command.arg(format!("data.path={}", self.place.folder.path().display()));
        command.arg(format!("train.directory={}", self.folder().display())).args(extra);
        command
    }

    pub fn train(&self, extra: &[&str]) -> Ended {
        Ended::of(&mut self.command(extra))
    }

    /// Goes on with the run, told nothing but its folder.
    pub fn resume(&self, extra: &[&str]) -> Ended {
        Ended::of(binary().args(["train", "--resume"]).arg(self.folder()).args(extra))
    }

    pub fn folder(&self) -> PathBuf {
        self.place.path(self.name)
    }

    pub fn store(&self) -> CheckpointStore {
        CheckpointStore::open(self.folder().join("checkpoints"), 2).unwrap()
    }

    pub fn is_begun(&self) -> bool {
        self.folder().join("config.toml").exists()
    }

    pub fn metrics(&self) -> PathBuf {
        self.folder().join("metrics.jsonl")
    }

    /// Everything that must be the same in a run that was not interrupted.
    pub fn result(&self) -> RunResult {
        RunResult { states: states(&self.store().path(STEPS)), metrics: measured(&self.metrics()) }
    }
}

/// What a run measured, by step, as bits. What steps cost is left out: it is of the process, not of the run.
pub fn measured(path: &Path) -> Vec<(u64, BTreeMap<String, u64>)> {
    let cost = |name: &str| name.starts_with("milliseconds/") || name.starts_with("gflop/");
    let bits = |values: BTreeMap<String, f64>| {
        values
            .into_iter()
            .filter(|(name, _)| !cost(name))
            .map(|(name, value)| (name, value.to_bits()))
            .collect()
    };
    metrics::read(path).unwrap().into_iter().map(|record| (record.step, bits(record.values))).collect()
}

/// Weights, moments and the teacher's weights, and all that was measured, as bits.
#[derive(PartialEq)]
pub struct RunResult {
    pub states: BTreeMap<String, Vec<u32>>,
    metrics: Vec<(u64, BTreeMap<String, u64>)>,
}

impl RunResult {
    /// Compares without printing a million numbers.
    #[track_caller]
    pub fn assert_same(&self, other: &RunResult) {
        assert_eq!(self.metrics, other.metrics);
        assert!(self.states.len() > 20 && self.states.keys().eq(other.states.keys()));
        for (name, bits) in &self.states {
            assert!(*bits == other.states[name], "{name} differs");
        }
    }

    /// Of the run that nothing interrupted.
    pub fn uninterrupted() -> &'static RunResult {
        &RunResult::with_duration().0
    }

    /// The same, and how long that run took.
    pub fn with_duration() -> &'static (RunResult, Duration) {
        static RESULT: OnceLock<(RunResult, Duration)> = OnceLock::new();
        RESULT.get_or_init(|| {
            let place = Workplace::new();
            let run = place.run("run");
            let started = Instant::now();
            run.train(&[]).succeeded();
            (run.result(), started.elapsed())
        })
    }
}

/// All values of a checkpoint.
pub fn states(path: &Path) -> BTreeMap<String, Vec<u32>> {
    let mut checkpoint = Checkpoint::open(path).unwrap();
    let names: Vec<String> = checkpoint.shapes().into_keys().collect();
    let mut bits = |name: &str| {
        let values = checkpoint.values(name).unwrap().unwrap();
        values.into_iter().map(f32::to_bits).collect()
    };
    names.iter().map(|name| (name.clone(), bits(name))).collect()
}

/// How a process ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    pub fn of(command: &mut Command) -> Ended {
        Ended::from(command.stdin(Stdio::null()).output().unwrap())
    }

    #[track_caller]
    pub fn succeeded(&self) {
        assert_eq!(self.code, Some(0), "{self:?}");
    }

    /// Ended with this code and this on standard error.
    #[track_caller]
    pub fn failed(&self, code: i32, messages: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        for message in messages {
            assert!(self.stderr.contains(message), "no `{message}` in {self:?}");
        }
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Ended {
        Ended {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

pub fn binary() -> Command {
    Command::new(env!("CARGO_BIN_EXE_equilayer"))
}

/// A data set in the binary version of CIFAR-10: waves of different lengths and directions.
pub fn cifar_10(folder: &Path) {
    let record = |image: usize| {
        let wave = move |plane: usize, at: usize| {
            let (row, column) = ((at / 32) as f32, (at % 32) as f32);
            let (across, along) = ((image % 7 + 1) as f32, (image % 5 + plane) as f32);
            (127.0 + 120.0 * (0.07 * (across * row + along * column)).sin()) as u8
        };
        let pixels = (0..3).flat_map(move |plane| (0..32 * 32).map(move |at| wave(plane, at)));
        std::iter::once((image % 10) as u8).chain(pixels)
    };
    let batch = |first: usize| (first..first + IMAGES / 5).flat_map(record).collect::<Vec<u8>>();
    for number in 1..=5 {
        fs::write(folder.join(format!("data_batch_{number}.bin")), batch(IMAGES / 5 * (number - 1))).unwrap();
    }
    fs::write(folder.join("test_batch.bin"), batch(IMAGES)).unwrap();
}
