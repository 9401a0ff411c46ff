use std::sync::{Arc, Mutex};

use super::*;

/// A place to write that the test can look into.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn lines(&self) -> Vec<String> {
        let bytes = self.0.lock().expect("no panic").clone();
        String::from_utf8(bytes).expect("UTF-8").lines().map(String::from).collect()
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn run(mode: ProgressMode, interval: Duration) -> Vec<String> {
    let output = Shared::default();
    let mut progress = Progress::with_output(mode, 5, 2, interval, Box::new(output.clone()));
    for step in 3..=5 {
        progress.step(step, 1, &[("loss", 1.0 / step as f64), ("loss/ser", f64::NAN)]);
    }
    progress.say("done");
    progress.finish();
    output.lines()
}

#[test]
fn logs_have_the_first_and_the_last_step_and_little_between() {
    let lines = run(ProgressMode::Lines, Duration::from_secs(3600));
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[0].starts_with("step 3/5 (60 %), epoch 1, "), "{lines:?}");
    assert!(lines[1].starts_with("step 5/5 (100 %), epoch 1, "), "{lines:?}");
    assert!(lines[1].ends_with(" steps/s, 00:00:00 left, loss 0.2000, loss/ser NaN"), "{lines:?}");
    assert_eq!(lines[2], "done");
    assert_eq!(run(ProgressMode::Lines, Duration::ZERO).len(), 4);
}

#[test]
fn programs_get_json() {
    let lines = run(ProgressMode::Json, Duration::ZERO);
    assert_eq!(lines.len(), 3);
    let last: serde_json::Value = serde_json::from_str(&lines[2]).expect("JSON");
    assert_eq!((&last["event"], &last["step"], &last["total"]), (&json!("progress"), &json!(5), &json!(5)));
    assert_eq!(last["values"], json!({ "loss": 0.2, "loss/ser": null }));
    assert_eq!(last["seconds_left"], json!(0.0));
}

#[test]
fn quiet_is_quiet() {
    assert_eq!(run(ProgressMode::Quiet, Duration::ZERO), Vec::<String>::new());
}

#[test]
fn nobody_listening_is_no_reason_to_stop() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
    }
    let mut progress = Progress::with_output(ProgressMode::Lines, 1, 0, Duration::ZERO, Box::new(Closed));
    progress.step(1, 0, &[]);
    assert_eq!(progress.left(), Duration::ZERO);
}

#[test]
fn the_time_left_is_the_median_steps_and_the_share_of_what_comes_between() {
    let seconds = Duration::from_secs;
    let mut pace = Pace::default();
    assert_eq!((pace.median(), pace.left(10)), (Duration::ZERO, Duration::ZERO));
    [30, 2, 2, 9, 2].into_iter().for_each(|time| pace.step(seconds(time)));
    assert_eq!((pace.median(), pace.left(10)), (seconds(2), seconds(20)));
    pace.aside(seconds(5));
    assert_eq!(pace.left(10), seconds(30));
    (0..100).for_each(|_| pace.step(seconds(4)));
    assert_eq!(pace.median(), seconds(4));
    assert_eq!(pace.left(105 * 2), seconds(4 * 105 * 2 + 5 * 2));
    assert_eq!(pace.left(u64::MAX), Duration::MAX);
}

#[test]
fn what_is_done_aside_is_no_part_of_a_step() {
    let output = Box::new(Shared::default());
    let mut progress = Progress::with_output(ProgressMode::Quiet, 2, 0, Duration::ZERO, output);
    let answer = progress.aside(|| {
        std::thread::sleep(Duration::from_millis(200));
        42
    });
    progress.step(1, 0, &[]);
    assert_eq!(answer, 42);
    assert!(progress.pace().median() < Duration::from_millis(100), "{:?}", progress.pace());
    assert!(progress.left() >= Duration::from_millis(200), "{:?}", progress.pace());
}
