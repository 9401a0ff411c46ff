//! A sweep trains what is not there yet, keeps what is, and goes on where it was killed; runs are compared.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::runs::{Ended, TINY, Workplace, binary, states};
use equilayer::checkpoint::CheckpointStore;

const KEYS: [&str; 2] = ["method.ser.at=none,1", "seed=0,1"];

/// The folders of the four runs, in the order they are trained.
const RUNS: [&str; 4] = ["ser.at=none,seed=0", "ser.at=1,seed=0", "ser.at=none,seed=1", "ser.at=1,seed=1"];

fn sweep(place: &Workplace, keys: &[&str]) -> std::process::Command {
    let mut command = binary();
    command.arg("sweep").arg(place.path("sweep"));
    command.args(
        TINY.iter().filter(|key| !key.starts_with("method.ser.layer") && !key.starts_with("train.epochs")),
    );
    command.args(["data.name=cifar10", "encoder.patch=8", "train.epochs=3"]);
    command.arg(format!("data.path={}", place.path("").display())).args(keys);
    command
}

fn result(place: &Workplace) -> serde_json::Value {
    serde_json::from_str(&fs::read_to_string(place.path("sweep/sweep.json")).unwrap()).unwrap()
}

/// When each run's last checkpoint was written.
fn times(place: &Workplace) -> Vec<SystemTime> {
    let written = |run: &&str| fs::metadata(checkpoint(place, run)).unwrap().modified().unwrap();
    RUNS.iter().map(written).collect()
}

/// After the last of nine steps.
fn checkpoint(place: &Workplace, run: &str) -> PathBuf {
    CheckpointStore::open(place.path(&format!("sweep/{run}/checkpoints")), 2).unwrap().path(9)
}

#[test]
fn a_sweep_is_trained_once_extended_and_compared() {
    let place = Workplace::new();
    let dry = Ended::of(sweep(&place, &KEYS).arg("--dry-run"));
    dry.succeeded();
    assert_eq!(dry.stdout, RUNS.map(|run| format!("{run}: new\n")).concat());
    assert!(!place.path("sweep").exists());

    let first = Ended::of(&mut sweep(&place, &KEYS));
    first.succeeded();
    for line in ["none", "layer 1", "linear probe", "equivariance, layer 2", "report: "] {
        assert!(first.stdout.contains(line), "{line} in {first:?}");
    }
    assert!(
        first.stderr.contains("run 4 of 4: ser.at=1,seed=1") && first.stderr.contains("3 runs left, at most")
    );
    let found = result(&place);
    let settings = found["settings"].as_array().unwrap();
    let labels: Vec<(&str, u64)> =
        settings.iter().map(|one| (one["label"].as_str().unwrap(), one["runs"].as_u64().unwrap())).collect();
    assert_eq!(labels, [("none", 2), ("layer 1", 2)]);
    assert!(settings[0]["measures"].as_array().unwrap().iter().all(|measure| measure["deviation"].is_f64()));
    let report = fs::read_to_string(place.path("sweep/report.html")).unwrap();
    for part in ["<h2>Trade-off</h2>", "<h2>Settings</h2>", "layer 1: ", "none: "] {
        assert!(report.contains(part), "{part}");
    }
    assert!(states(&checkpoint(&place, RUNS[1])).keys().any(|name| name.contains("ser")));
    assert!(
        !states(&checkpoint(&place, RUNS[0])).keys().any(|name| name.contains("ser")),
        "the control has no head"
    );

    // Finished runs are kept; one that was not evaluated is, without being trained again; a third seed is added.
    let before = times(&place);
    fs::remove_file(place.path(&format!("sweep/{}/evaluation.json", RUNS[1]))).unwrap();
    let again = Ended::of(sweep(&place, &["method.ser.at=none,1", "seed=0..=2"]).arg("--json"));
    again.succeeded();
    assert_eq!(times(&place), before);
    assert_eq!(again.stderr.matches("finished before").count(), 3, "{again:?}");
    assert_eq!(
        again.stdout.trim_end(),
        fs::read_to_string(place.path("sweep/sweep.json")).unwrap().trim_end()
    );
    let extended = result(&place);
    assert_eq!(extended["settings"][0]["runs"], 3);
    assert_eq!(extended["settings"][0]["measures"][0]["values"][1], settings[0]["measures"][0]["values"][1]);
    assert_eq!(
        extended["settings"][1]["measures"][0]["values"][0], settings[1]["measures"][0]["values"][0],
        "the same checkpoint evaluated again"
    );

    // Another configuration is another sweep.
    let other = Ended::of(&mut sweep(&place, &["method.ser.at=none,1", "seed=0,1", "optim.lr=3e-4"]));
    assert_eq!(other.code, Some(1));
    assert!(other.stdout.contains("ser.at=1,seed=0 failed: "), "{other:?}");
    assert!(other.stdout.contains("the run has another configuration") && other.stdout.contains("optim.lr"));
    compare(&place);
}

fn compare(place: &Workplace) {
    let run = |name: &str| place.path("sweep").join(name).display().to_string();
    let page = place.path("compare.html");
    let runs = [run(RUNS[0]), run(RUNS[1])];
    let told = Ended::of(binary().arg("compare").args(&runs).arg("--html").arg(&page));
    told.succeeded();
    for line in
        ["method.regularizers", "method.ser.at", "steps", "linear probe", "kNN", "equivariance, layer 2"]
    {
        assert!(told.stdout.contains(line), "{line} in {told:?}");
    }
    assert!(!told.stdout.contains("train.directory") && !told.stdout.contains("train.seed"));
    assert!(fs::read_to_string(page).unwrap().contains("<figcaption>Loss</figcaption>"));
    let json = Ended::of(binary().arg("compare").args(&runs).arg("--json"));
    json.succeeded();
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["runs"][1]["steps"], 9);
}

#[test]
fn a_sweep_that_was_killed_goes_on_to_the_same_bits() {
    let (whole, killed) = (Workplace::new(), Workplace::new());
    Ended::of(&mut sweep(&whole, &KEYS)).succeeded();
    // Killed in the second run, after a checkpoint in the middle of it.
    let mut process = sweep(&killed, &KEYS).stderr(std::process::Stdio::null()).spawn().unwrap();
    let checkpoints = killed.path(&format!("sweep/{}/checkpoints", RUNS[1]));
    let begun = || fs::read_dir(&checkpoints).is_ok_and(|found| found.count() > 0);
    while !begun() && process.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    process.kill().unwrap();
    process.wait().unwrap();
    assert!(killed.path(&format!("sweep/{}/evaluation.json", RUNS[0])).exists());
    assert!(!killed.path(&format!("sweep/{}", RUNS[2])).exists(), "it was killed too late");
    assert_eq!(result(&killed)["runs"][0]["state"], "finished");
    assert_eq!(result(&killed)["runs"][1]["state"], "waiting");
    Ended::of(&mut sweep(&killed, &KEYS)).succeeded();
    for run in RUNS {
        assert!(states(&checkpoint(&whole, run)) == states(&checkpoint(&killed, run)), "{run} differs");
    }
    assert_eq!(result(&whole), result(&killed));
}

#[test]
#[cfg(unix)]
fn a_sweep_that_is_interrupted_says_so_and_goes_on() {
    let place = Workplace::new();
    let mut process = sweep(&place, &KEYS).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let began = place.path(&format!("sweep/{}/metrics.jsonl", RUNS[0]));
    while !began.exists() && process.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let id = process.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let ended = Ended::from(process.wait_with_output().unwrap());
    ended.failed(130, &["stopped; the same command goes on"]);
    assert!(!place.path(&format!("sweep/{}", RUNS[1])).exists());
    Ended::of(&mut sweep(&place, &KEYS)).succeeded();
    assert!(result(&place)["runs"].as_array().unwrap().iter().all(|run| run["state"] == "finished"));
}
