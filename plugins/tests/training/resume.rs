//! What a run goes on from: its own configuration, and the newest checkpoint that is whole.

use std::fs;

use super::runs::{RunResult, Workplace};

#[test]
fn another_configuration_is_refused_key_by_key() {
    let place = Workplace::new();
    let run = place.run("run");
    run.train(&["train.epochs=1"]).succeeded();
    let before = fs::read(run.folder().join("config.toml")).unwrap();
    let folder = run.folder().display().to_string();
    let refused = run.resume(&["optim.lr=0.5", "method.ser.layer=2", "train.seed=7", "train.workers=1"]);
    refused.failed(
        2,
        &[
            &format!("error: {folder}: the run has another configuration:\n"),
            "\n  method.ser.at: \"tokens(1)\", not \"tokens(2)\"\n",
            "\n  train.seed: 0, not 7\n",
            "\n  optim.lr: \"warmup(10%) then cosine(0.002 -> 0)\", not 0.5\n",
            "only train.epochs, train.threads",
            "or start a new run in another folder",
        ],
    );
    assert!(!refused.stderr.contains("train.workers:"), "{refused:?}");
    // A file says the same as overrides do.
    let file = place.path("other.toml");
    fs::write(&file, format!("train.directory = \"{folder}\"\n")).unwrap();
    let refused = super::runs::Ended::of(super::runs::binary().args(["train", "--resume"]).arg(&file));
    refused.failed(2, &["train.batch: 16, not 128", "encoder.width: 16, not 192"]);
    assert_eq!(fs::read(run.folder().join("config.toml")).unwrap(), before);
}

#[test]
fn more_epochs_are_written_down() {
    let place = Workplace::new();
    let run = place.run("run");
    run.train(&["train.epochs=1"]).succeeded();
    run.resume(&["train.epochs=2", "train.workers=1"]).succeeded();
    assert_eq!(run.store().steps().unwrap().last(), Some(&6));
    let config = fs::read_to_string(run.folder().join("config.toml")).unwrap();
    assert!(config.contains("epochs = 2 ") && config.contains("workers = 1 "), "{config}");
    let ended = run.resume(&["--dry-run"]);
    ended.succeeded();
    assert!(ended.stdout.contains("\nepochs = 2 "), "{ended:?}");
}

#[test]
fn the_configuration_of_a_run_starts_another() {
    let place = Workplace::new();
    let run = place.run("run");
    run.train(&["train.epochs=1"]).succeeded();
    let (config, directory) = (run.folder().join("config.toml"), place.path("other"));
    let mut again = super::runs::binary();
    again.arg("train").arg(config).arg("method.ser.layer=2").arg("--dry-run");
    let ended = super::runs::Ended::of(again.arg(format!("train.directory={}", directory.display())));
    ended.succeeded();
    assert!(ended.stdout.contains("at = \"tokens(2)\""), "{ended:?}");
}

#[test]
fn a_torn_checkpoint_is_passed_over_with_a_warning() {
    let place = Workplace::new();
    let run = place.run("run");
    run.train(&[]).succeeded();
    let steps = run.store().steps().unwrap();
    let newest = run.store().path(*steps.last().unwrap());
    let whole = fs::read(&newest).unwrap();
    fs::write(&newest, &whole[..whole.len() / 2]).unwrap();
    let ended = run.resume(&[]);
    ended.succeeded();
    let warning = format!("warning: {}: torn: it ends after", newest.display());
    assert!(ended.stderr.contains(&warning), "{ended:?}");
    assert!(ended.stderr.contains("; going on after step 22\n"), "{ended:?}");
    run.result().assert_same(RunResult::uninterrupted());
}

#[test]
fn a_strange_checkpoint_is_not_passed_over() {
    let place = Workplace::new();
    let run = place.run("run");
    run.train(&["train.epochs=1"]).succeeded();
    let steps = run.store().steps().unwrap();
    let newest = run.store().path(*steps.last().unwrap());
    fs::write(&newest, "a letter to a friend").unwrap();
    let message = format!("{}: not a checkpoint of a run", newest.display());
    run.resume(&["train.epochs=2"]).failed(1, &[&message]);
    assert_eq!(fs::read_to_string(&newest).unwrap(), "a letter to a friend");

    // Of a run with another encoder.
    let other = place.run("other");
    other.train(&["train.epochs=1", "encoder.width=32"]).succeeded();
    fs::copy(other.store().path(3), &newest).unwrap();
    let messages =
        [": does not fit the program that this configuration makes:", "of another shape", "encoder.blocks.0"];
    run.resume(&["train.epochs=2"]).failed(1, &messages);
}

#[test]
fn other_images_are_refused() {
    let place = Workplace::new();
    let run = place.run("run");
    run.train(&["train.epochs=2"]).succeeded();
    let batch = place.path("data_batch_1.bin");
    let records = fs::read(&batch).unwrap();
    fs::write(batch, records.repeat(4)).unwrap();
    let message = "the data set has changed: step 6 was in epoch 2, sample 0, and is in epoch 1, sample 16 with \
                   the 80 images that there are now; bring the old images back";
    run.resume(&["train.epochs=3"]).failed(2, &[message]);
}
