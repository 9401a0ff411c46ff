//! Kill −9 at random moments.

use std::process::Stdio;
use std::time::Duration;

use equilayer::engine::random::Stream;

use super::runs::{Run, RunResult, STEPS, Workplace};

const KILLS: u64 = 20;

/// Starts or resumes a run, and kills it after a while. Whether it had ended by itself before.
fn is_done_within(run: &Run<'_>, delay: Duration) -> bool {
    let mut command = run.command(if run.is_begun() { &["--resume"] } else { &[] });
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(delay);
    child.kill().unwrap();
    child.wait().unwrap().success()
}

#[test]
fn a_run_killed_at_twenty_random_moments_ends_as_the_run_that_was_not() {
    let (whole, duration) = RunResult::with_duration();
    let place = Workplace::new();
    let mut moments = Stream::new(2026, 9).uniforms();
    // The machine is as fast as it is: moments are drawn from the time that a fourth of the run takes.
    let quarter = *duration / 4;
    let (mut kills, mut runs) = (0, 0);
    while kills < KILLS {
        runs += 1;
        let name = format!("killed {runs}");
        let run = place.run(&name);
        while kills < KILLS {
            let delay = quarter.mul_f32(moments.next().unwrap());
            if is_done_within(&run, delay) {
                break;
            }
            kills += 1;
        }
        if run.is_begun() {
            run.resume(&[]).succeeded();
        } else {
            run.train(&[]).succeeded();
        }
        run.result().assert_same(whole);
        assert!(run.store().steps().unwrap().contains(&STEPS));
    }
}

#[test]
fn a_run_killed_before_its_first_checkpoint_starts_again() {
    let place = Workplace::new();
    let run = place.run("run");
    let mut child = run
        .command(&["train.checkpoint_every=1000"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while !std::fs::read_to_string(run.metrics()).is_ok_and(|text| text.lines().count() > 2) {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(run.store().steps().unwrap().is_empty());
    run.resume(&["train.checkpoint_every=2"]).succeeded();
    run.result().assert_same(RunResult::uninterrupted());
}
