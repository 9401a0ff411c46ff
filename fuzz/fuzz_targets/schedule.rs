//! Schedules: what is read is finite everywhere and reads back from its own text.
#![no_main]

use equilayer::schedule::Schedule;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(schedule) = text.parse::<Schedule>().map_err(|error| assert!(!error.to_string().is_empty())) else {
        return;
    };
    let again: Schedule = schedule.to_string().parse().expect("its own text");
    assert_eq!(again, schedule);
    for (step, per_epoch, total) in [(0, 1, 1), (7, 3, 100), (99, 3, 100), (5, 0, 0), (u64::MAX, 1, u64::MAX)] {
        assert!(!schedule.value(step, per_epoch, total).is_nan(), "{schedule} at {step}");
    }
});
