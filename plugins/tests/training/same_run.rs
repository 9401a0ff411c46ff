//! 2N steps are N steps, a checkpoint, and N steps, bit for bit: for N = 1, twelve times over, in the middle of epochs,
//! and whatever the number of threads is each time.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use equilayer::config::Document;
use equilayer::data::{DataError, Dataset, Image, LabelledImages, Split, digits};
use equilayer::engine::Executor;
use equilayer::interrupt::Interrupt;
use equilayer::plugin::Registry;
use equilayer::progress::ProgressMode;
use equilayer::run_directory::RunDirectory;
use equilayer::train::{Outcome, Settings, Trainer};

use super::runs::TINY;

/// The first of the bundled digits.
struct Few {
    digits: LabelledImages,
    labelled: bool,
}

impl Dataset for Few {
    fn name(&self) -> &str {
        "a few digits"
    }

    fn len(&self) -> usize {
        50
    }

    fn image(&self, index: usize) -> Result<Image, DataError> {
        Dataset::image(&self.digits, index)
    }

    fn label(&self, index: usize) -> Option<usize> {
        self.digits.label(index).filter(|_| self.labelled)
    }

    fn classes(&self) -> &[String] {
        if self.labelled { self.digits.classes() } else { &[] }
    }
}

const RECIPE: &str = "[method]\nobjective = \"moco_v3\"\nregularizers = [\"ser\"]\n";

/// Three steps an epoch, four epochs.
const STEPS: u64 = 12;

fn few(labelled: bool) -> Arc<dyn Dataset> {
    Arc::new(Few { digits: digits(Split::Train), labelled })
}

fn trainer(workers: usize, threads: usize) -> Trainer {
    trainer_of(&[], workers, threads, None)
}

fn trainer_of(
    keys: &[&str],
    workers: usize,
    threads: usize,
    evaluation: Option<[Arc<dyn Dataset>; 2]>,
) -> Trainer {
    equilayer_plugins::link();
    let mut document = Document::parse("tiny.toml", RECIPE).unwrap();
    let own = ["encoder.patch=7", "train.epochs=4", "train.checkpoint_every=100"];
    for key in TINY.iter().chain(&own).chain(keys) {
        document.set(key).unwrap();
    }
    let registry = Registry::linked().unwrap();
    let settings = Settings::read(&document, &registry, ("moco_v3", &[]));
    document.finish().unwrap();
    let dataset = few(false);
    Trainer::new(Settings { dataset, evaluation, workers, threads, ..settings.unwrap() }).unwrap()
}

type States = BTreeMap<String, Vec<u32>>;

fn states(trainer: &mut Trainer) -> States {
    let executor = trainer.executor();
    let bits = |name: &String| executor.state(name).unwrap().into_iter().map(f32::to_bits).collect();
    executor.state_names().iter().map(|name| (name.clone(), bits(name))).collect()
}

fn measured(folder: &Path) -> Vec<(u64, BTreeMap<String, u64>)> {
    super::runs::measured(&folder.join("metrics.jsonl"))
}

#[test]
fn a_run_stopped_after_every_step_is_the_run_that_was_not() {
    check_stopped(&[]);
}

/// Six batches of eight an epoch, in pairs.
#[test]
fn so_is_one_whose_steps_take_several_batches() {
    check_stopped(&["train.batch=8", "train.accumulate=2"]);
}

fn check_stopped(keys: &[&str]) {
    let trainer = |workers, threads| trainer_of(keys, workers, threads, None);
    let folder = tempfile::tempdir().unwrap();
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
    let mut uninterrupted = trainer(1, 1);
    let directory = RunDirectory::create(&whole, "").unwrap();
    let outcome = uninterrupted.run(&directory, ProgressMode::Quiet, &Interrupt::default()).unwrap();
    assert_eq!(outcome, Outcome::Finished);

    drop(RunDirectory::create(&parts, "").unwrap());
    let impatient = Interrupt::default();
    impatient.request();
    let mut last = None;
    for step in 1..=STEPS {
        let (workers, threads) = [(1, 1), (2, 2), (1, 2), (2, 1)][step as usize % 4];
        let mut resumed = trainer(workers, threads);
        let directory = RunDirectory::open(&parts).unwrap();
        let outcome = resumed.run(&directory, ProgressMode::Quiet, &impatient).unwrap();
        let expected = if step < STEPS { Outcome::Interrupted(step) } else { Outcome::Finished };
        assert_eq!(outcome, expected);
        last = Some(states(&mut resumed));
    }
    let (whole_states, parts_states) = (states(&mut uninterrupted), last.unwrap());
    assert!(whole_states.len() > 20 && whole_states.keys().eq(parts_states.keys()));
    for (name, bits) in &whole_states {
        assert!(*bits == parts_states[name], "{name} differs");
    }
    assert_eq!(measured(&whole), measured(&parts));
    // Online signals before the first step and after every third.
    assert_eq!(measured(&whole).len() as u64, STEPS + 1 + STEPS / 3);
}

#[test]
fn what_is_measured_on_the_way_changes_nothing() {
    let run = |evaluation| {
        let folder = tempfile::tempdir().unwrap();
        let mut trainer = trainer_of(&[], 1, 1, evaluation);
        let directory = RunDirectory::create(folder.path(), "").unwrap();
        trainer.run(&directory, ProgressMode::Quiet, &Interrupt::default()).unwrap();
        let probed =
            measured(folder.path()).iter().any(|(_, values)| values.contains_key("online/linear_probe"));
        (states(&mut trainer), probed)
    };
    let (with, probed) = run(Some([few(true), few(true)]));
    let (without, not_probed) = run(None);
    assert!(probed && !not_probed);
    assert!(with == without, "the probe has moved the encoder");
}

#[test]
fn threads_and_workers_change_nothing() {
    let run = |workers, threads| {
        let folder = tempfile::tempdir().unwrap();
        let mut trainer = trainer(workers, threads);
        let directory = RunDirectory::create(folder.path(), "").unwrap();
        trainer.run(&directory, ProgressMode::Quiet, &Interrupt::default()).unwrap();
        (states(&mut trainer), measured(folder.path()))
    };
    let one = run(1, 1);
    for (workers, threads) in [(2, 1), (1, 2), (2, 2)] {
        assert!(one == run(workers, threads), "{workers} workers, {threads} threads");
    }
}
