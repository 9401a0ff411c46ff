//! Checkpoints: they move between devices, and a GPU that fails leaves them as they were.

use std::path::Path;

use equilayer::checkpoint::{Checkpoint, CheckpointStore};
use equilayer::engine::{DeviceChoice, Precision};
use equilayer::interrupt::Interrupt;
use equilayer::progress::ProgressMode;
use equilayer::run_directory::RunDirectory;
use equilayer::train::{Outcome, TrainError, Trainer};
use equilayer_cuda_tests::{Failure, Status, gpu};

use super::runs::{MOCO_V3, apart, losses, most, train, trainer};

/// A run of four steps, each with a checkpoint.
fn short(device: DeviceChoice) -> Trainer {
    let keys = [MOCO_V3, &["train.epochs=1", "train.checkpoint_every=1"]].concat();
    trainer("moco_v3", &keys, device, Precision::F32)
}

/// Goes on with the run in a folder.
fn go_on(folder: &Path, device: DeviceChoice, interrupt: &Interrupt) -> Result<Outcome, TrainError> {
    let directory = RunDirectory::open(folder).unwrap();
    short(device).run(&directory, ProgressMode::Quiet, interrupt)
}

#[test]
fn checkpoints_move_between_devices() {
    let Some(_gpu) = gpu() else { return };
    let mut whole = short(DeviceChoice::Cpu);
    let total = whole.total_steps();
    let expected = train(&mut whole);
    let folder = tempfile::tempdir().unwrap();
    drop(RunDirectory::create(folder.path(), "").unwrap());
    let impatient = Interrupt::default();
    impatient.request();
    for step in 1..=total {
        let device = if step % 2 == 0 { DeviceChoice::Cuda(0) } else { DeviceChoice::Cpu };
        let outcome = go_on(folder.path(), device, &impatient).unwrap();
        assert_eq!(outcome, if step < total { Outcome::Interrupted(step) } else { Outcome::Finished });
    }
    let apart = most(&apart(&expected, &losses(folder.path())));
    println!("{total} steps, by turns on both devices: losses {apart:.1e} apart");
    assert!(apart < 1e-4, "{apart}");
}

#[test]
fn a_gpu_that_is_lost_leaves_the_checkpoint_and_the_run_goes_on_from_it() {
    let device = DeviceChoice::Cuda(0);
    let calls = {
        let Some(gpu) = gpu() else { return };
        let Some(session) = gpu.emulated() else { return }; // A GPU fails when it will.
        train(&mut short(device));
        session.calls().len()
    };
    let expected = {
        let _gpu = gpu();
        train(&mut short(device))
    };
    for eighths in [3, 5, 7] {
        let folder = tempfile::tempdir().unwrap();
        drop(RunDirectory::create(folder.path(), "").unwrap());
        let error = {
            let gpu = gpu().expect("as before");
            let failure =
                Failure { call: calls * eighths / 8, status: Status::ECC_UNCORRECTABLE, lasting: true };
            gpu.emulated().expect("as before").fail(failure);
            go_on(folder.path(), device, &Interrupt::default()).expect_err("the GPU is lost")
        };
        assert!(error.to_string().contains("CUDA_ERROR_ECC_UNCORRECTABLE"), "{error}");
        let store = CheckpointStore::open(folder.path().join("checkpoints"), 9).unwrap();
        let steps = store.steps().unwrap();
        for &step in &steps {
            let mut checkpoint = Checkpoint::open(store.path(step)).unwrap();
            let names: Vec<String> = checkpoint.shapes().into_keys().collect();
            assert!(names.len() > 20);
            for name in names {
                let values = checkpoint.values(&name).unwrap().unwrap();
                assert!(values.iter().all(|value| value.is_finite()), "{name} of step {step}");
            }
        }
        println!("lost at call {} of {calls}: checkpoints of steps {steps:?}; {error}", calls * eighths / 8);
        let _gpu = gpu();
        let outcome = go_on(folder.path(), device, &Interrupt::default()).unwrap();
        assert_eq!(outcome, Outcome::Finished);
        assert!(losses(folder.path()) == expected, "the run went on to other losses");
    }
}
