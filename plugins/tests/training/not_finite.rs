//! Numbers that explode.

use std::fs;

use super::runs::{Ended, Run, Workplace, states};

/// A run that is sound for an epoch, and then has a learning rate far beyond sense.
fn explode(run: &Run<'_>, rate: &str, decay: &str) -> Ended {
    let rate = format!("optim.lr=1e-3 for 1 epoch then {rate}");
    run.train(&["train.checkpoint_every=1", "train.keep=9", &rate, decay])
}

/// All checkpoints are sound, and the last is of this step.
#[track_caller]
fn assert_sound(run: &Run<'_>, last: u64) {
    let steps = run.store().steps().unwrap();
    assert_eq!(steps.last(), Some(&last));
    for step in steps {
        for (name, bits) in states(&run.store().path(step)) {
            assert!(bits.into_iter().all(|bits| f32::from_bits(bits).is_finite()), "step {step}: {name}");
        }
    }
}

#[test]
fn a_loss_that_is_not_finite_stops_the_run() {
    let place = Workplace::new();
    let run = place.run("run");
    let ended = explode(&run, "1e30", "optim.weight_decay=0");
    let replay = run.folder().join("replay-5.safetensors");
    let says = [
        "error: step 5: loss of moco_v3 is NaN. The last checkpoint is from before, of step 4; the step's inputs are \
         in ",
        &replay.display().to_string(),
        "Lower optim.lr",
    ];
    ended.failed(1, &says);
    let header = fs::read(replay).unwrap();
    let header = String::from_utf8_lossy(&header[8..2000]).into_owned();
    assert!(header.contains(r#""not_finite":"loss of moco_v3""#), "{header}");
    assert!(header.contains(r#""view.0":{"dtype":"F32","shape":[12,3,32,32]"#), "{header}");
    assert_sound(&run, 4);
    // The same step goes wrong in the same way.
    run.resume(&[]).failed(1, &["error: step 5: loss of moco_v3 is NaN"]);
}

#[test]
fn weights_that_are_not_finite_are_never_saved() {
    let place = Workplace::new();
    let run = place.run("run");
    let ended = explode(&run, "1e38", "optim.weight_decay=100");
    ended.failed(1, &["error: step 4: `", "The last checkpoint is from before, of step 3"]);
    assert!(run.folder().join("replay-4.safetensors").exists());
    assert_sound(&run, 3);
}
