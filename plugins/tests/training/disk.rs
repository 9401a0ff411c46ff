//! A disk that is full while a checkpoint is written; a limit on the size of files stands in for it.

#![cfg(unix)]

use std::fs;
use std::process::Command;

use super::runs::{Ended, RunResult, Workplace};

#[test]
fn a_full_disk_leaves_the_last_checkpoint_and_says_so() {
    let place = Workplace::new();
    let run = place.run("run");
    run.train(&["train.epochs=4"]).succeeded();
    let steps = run.store().steps().unwrap();
    let newest = run.store().path(*steps.last().unwrap());
    let before = fs::read(&newest).unwrap();

    // Half of a checkpoint; `ulimit` counts in blocks of 512 bytes. The signal is ignored, so that writing fails.
    let limited = format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", before.len() / 1024);
    let mut shell = Command::new("sh");
    shell.args(["-c", &limited, env!("CARGO_BIN_EXE_equilayer"), "train", "--resume"]);
    let full = Ended::of(shell.arg(run.folder()).arg("train.epochs=8"));
    full.failed(1, &["step-000000014.safetensors: cannot be written: ", "resume from the last checkpoint"]);
    assert_eq!(run.store().steps().unwrap(), steps);
    assert_eq!(fs::read(&newest).unwrap(), before);
    let files = fs::read_dir(run.folder().join("checkpoints")).unwrap().count();
    assert_eq!(files, steps.len(), "no half-written file");

    let unbroken = place.run("unbroken");
    unbroken.train(&["train.epochs=4"]).succeeded();
    unbroken.resume(&["train.epochs=8"]).succeeded();
    run.resume(&[]).succeeded();
    run.result().assert_same(&unbroken.result());
    // More epochs are another schedule.
    assert!(run.result() != *RunResult::uninterrupted());
}
