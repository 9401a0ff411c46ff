//! Ctrl-C: once for a checkpoint, twice for an end at once.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::runs::{Run, RunResult, STEPS, Workplace};

fn start(run: &Run<'_>, extra: &[&str]) -> Child {
    run.command(extra).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn press_ctrl_c(child: &Child) {
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
}

fn wait_until(what: impl Fn() -> bool) {
    while !what() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn ctrl_c_leaves_a_checkpoint_of_the_last_step() {
    let place = Workplace::new();
    let run = place.run("run");
    let mut child = start(&run, &["train.checkpoint_every=1000"]);
    wait_until(|| std::fs::read_to_string(run.metrics()).is_ok_and(|text| text.lines().count() > 3));
    press_ctrl_c(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    let steps = run.store().steps().unwrap();
    let &[step] = steps.as_slice() else { panic!("one checkpoint, not {steps:?}") };
    assert!((3..STEPS).contains(&step), "{step}");
    let advice = format!("go on with `train --resume {}`", run.folder().display());
    assert_eq!(said.lines().last(), Some(&*format!("stopped after step {step}; {advice}")));

    run.resume(&[]).succeeded();
    run.result().assert_same(RunResult::uninterrupted());
}

#[test]
fn ctrl_c_twice_ends_at_once() {
    let place = Workplace::new();
    let run = place.run("run");
    // A step of this takes a second and more.
    let slow = [
        "encoder.width=192",
        "encoder.depth=12",
        "train.batch=50",
        "method.ser.batch=0.5",
        "encoder.patch=4",
    ];
    let mut child = start(&run, &slow);
    wait_until(|| run.metrics().exists());
    press_ctrl_c(&child);
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(
        lines.any(|line| line == "stopping after this step, with a checkpoint; once more to stop at once")
    );
    press_ctrl_c(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(run.store().steps().unwrap().is_empty());
    assert!(!lines.any(|line| line.starts_with("step 1/")), "the step was not waited for");
}
