//! DINO's last layer stands still for the first epochs.

use std::collections::BTreeMap;

use super::runs::{Workplace, states};

const SMALL: [&str; 7] = [
    "method.objective=dino",
    "method.dino.hidden=16",
    "method.dino.bottleneck=8",
    "method.dino.prototypes=12",
    "views.local=2",
    "train.checkpoint_every=1",
    "train.keep=20",
];

/// Every state after each step, of a run of this many epochs of three steps.
fn steps(freeze_last_layer: usize, epochs: usize) -> Vec<BTreeMap<String, Vec<u32>>> {
    let place = Workplace::new();
    let run = place.run("run");
    let more =
        [format!("method.dino.freeze_last_layer={freeze_last_layer}"), format!("train.epochs={epochs}")];
    let changes: Vec<&str> = SMALL.into_iter().chain(more.iter().map(String::as_str)).collect();
    run.train(&changes).succeeded();
    (1..=3 * epochs as u64).map(|step| states(&run.store().path(step))).collect()
}

const LAST: &str = "dino.projector.6.weight";
const BEFORE: &str = "dino.projector.4.weight";

#[test]
fn the_last_layer_moves_after_its_epochs_and_the_others_from_the_start() {
    for (freeze_last_layer, epochs) in [(1, 2), (2, 3), (0, 1)] {
        let steps = steps(freeze_last_layer, epochs);
        for (step, pair) in steps.windows(2).enumerate() {
            // `pair` is what the step before and step number `step + 1`, from 0, left.
            let frozen = step + 1 < 3 * freeze_last_layer;
            assert_eq!(pair[0][LAST] == pair[1][LAST], frozen, "step {}", step + 1);
            assert!(pair[0][BEFORE] != pair[1][BEFORE], "step {}", step + 1);
        }
    }
}

#[test]
fn an_epoch_is_the_default() {
    let place = Workplace::new();
    let changes: Vec<&str> = SMALL.into_iter().chain(["--dry-run"]).collect();
    let ended = place.run("run").train(&changes);
    ended.succeeded();
    assert!(ended.stdout.contains("freeze_last_layer = 1"), "{ended:?}");
}
