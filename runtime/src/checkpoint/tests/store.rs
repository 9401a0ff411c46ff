//! What stays in a run's folder, and what a run goes on from.

use std::fs;

use tempfile::TempDir;

use super::*;

struct Run {
    folder: TempDir,
    plan: Plan,
}

impl Run {
    fn new() -> Run {
        Run { folder: tempfile::tempdir().expect("a folder"), plan: program() }
    }

    fn store(&self, keep: usize) -> CheckpointStore {
        CheckpointStore::open(self.folder.path(), keep).expect("a store")
    }

    fn save(&self, store: &CheckpointStore, step: u64, score: Option<f64>) -> Result<(), CheckpointError> {
        let executor = trained(&self.plan, step as usize);
        store.save(&info(step, score), &states_of([&self.plan]), &executor).map(drop)
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.folder).expect("the folder");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect();
        names.sort();
        names
    }
}

#[test]
fn the_last_few_and_the_best_are_kept() {
    let run = Run::new();
    let store = run.store(2);
    for (step, score) in [(1, Some(0.3)), (2, Some(0.9)), (3, None), (4, Some(0.9)), (5, Some(0.1))] {
        run.save(&store, step, score).expect("saved");
    }
    assert_eq!(store.steps().expect("listed"), [2, 4, 5]);
    assert_eq!(store.best().expect("listed"), Some(2));
    let newest = store.newest().expect("readable").expect("there");
    assert_eq!((newest.checkpoint.info().step, newest.skipped.len()), (5, 0));
    assert_eq!(newest.path, store.path(5));
    assert!(Run::new().store(0).newest().expect("an empty folder").is_none());
}

#[test]
fn a_writer_killed_before_the_rename_changes_nothing() {
    let run = Run::new();
    let store = run.store(2);
    run.save(&store, 1, None).expect("saved");
    let half = &a_file()[..100];
    fs::write(run.folder.path().join("step-000000002.safetensors.tmp"), half).expect("a leftover");
    assert_eq!(store.newest().expect("readable").expect("there").checkpoint.info().step, 1);
    run.store(2);
    assert_eq!(run.files(), ["step-000000001.safetensors"]);
}

#[test]
fn damaged_files_are_stepped_over_with_a_warning_and_never_crowd_out_good_ones() {
    let run = Run::new();
    let store = run.store(1);
    run.save(&store, 1, None).expect("saved");
    let whole = fs::read(store.path(1)).expect("the file");
    fs::write(store.path(2), &whole[..whole.len() / 2]).expect("a torn file");
    let newest = store.newest().expect("readable").expect("there");
    assert_eq!((newest.checkpoint.info().step, newest.skipped.len()), (1, 1));
    assert!(
        newest.skipped[0].to_string().contains("step-000000002.safetensors: torn"),
        "{:?}",
        newest.skipped
    );

    run.save(&store, 1, None).expect("saved");
    assert_eq!(store.steps().expect("listed"), [1]);
    fs::write(store.path(1), b"").expect("torn");
    assert!(matches!(store.newest(), Err(CheckpointError::Torn { found: 0, .. })));
}

#[test]
fn a_newest_file_that_is_not_damaged_but_strange_is_not_passed_over() {
    let run = Run::new();
    let store = run.store(2);
    run.save(&store, 1, None).expect("saved");
    fs::write(store.path(2), b"some other text").expect("a foreign file");
    assert!(matches!(store.newest(), Err(CheckpointError::Foreign { .. })));
}

/// The device that is always full takes the place of the temporary file.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_old_checkpoints_alone() {
    let run = Run::new();
    let store = run.store(1);
    run.save(&store, 1, None).expect("saved");
    let before = fs::read(store.path(1)).expect("the file");
    let temporary = run.folder.path().join("step-000000002.safetensors.tmp");
    std::os::unix::fs::symlink("/dev/full", temporary).expect("a link");
    let error = run.save(&store, 2, None).expect_err("no space").to_string();
    assert!(error.contains("step-000000002.safetensors: cannot be written: No space left"), "{error}");
    assert!(
        error.ends_with("free some space and resume from the last checkpoint, which is intact"),
        "{error}"
    );
    assert_eq!(run.files(), ["step-000000001.safetensors"]);
    assert_eq!(fs::read(store.path(1)).expect("the file"), before);
}

#[test]
fn a_folder_that_is_a_file_is_named() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let error = CheckpointStore::open(file.path(), 1).expect_err("not a folder").to_string();
    assert!(error.contains(&format!("{}: cannot be created", file.path().display())), "{error}");
}
