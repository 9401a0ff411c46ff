//! A crate outside the workspace that depends on `equilayer` and `equilayer-plugins` alone: its regularizer, group action
//! and data set are known to the command line beside the built-in ones. So is that of a crate that `new` writes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// A copy of `examples/own_plugins` elsewhere, that shares the workspace's versions and builds.
struct Crate {
    folder: PathBuf,
    target: PathBuf,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
}

impl Crate {
    /// One copy for all tests, which run beside each other.
    fn copied() -> &'static Crate {
        static COPY: OnceLock<Crate> = OnceLock::new();
        COPY.get_or_init(Crate::copy)
    }

    fn copy() -> Crate {
        let root = root();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("own_plugins");
        let original = root.join("examples/own_plugins");
        fs::create_dir_all(folder.join("src")).expect("a folder");
        let manifest = fs::read_to_string(original.join("Cargo.toml")).expect("a manifest");
        fs::write(folder.join("Cargo.toml"), manifest.replace("../..", &root.display().to_string()))
            .expect("written");
        for (from, to) in [("src/main.rs", "src/main.rs"), ("own.toml", "own.toml")] {
            fs::copy(original.join(from), folder.join(to)).expect("copied");
        }
        Crate::at(folder)
    }

    /// What is in a folder, with the workspace's versions and builds.
    fn at(folder: PathBuf) -> Crate {
        fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock")).expect("copied");
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the build folder").to_owned();
        Crate { folder, target }
    }

    fn cargo(&self, arguments: &[&str]) -> Output {
        let output = Command::new(env!("CARGO"))
            .args(arguments)
            .current_dir(&self.folder)
            .env("CARGO_TARGET_DIR", &self.target)
            .output()
            .expect("cargo runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!said.contains("could not compile"), "{said}");
        output
    }

    fn run(&self, arguments: &[&str]) -> (String, String, Option<i32>) {
        let output = self.cargo(&[&["run", "--quiet", "--"], arguments].concat());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(&output.stdout), text(&output.stderr), output.status.code())
    }
}

#[test]
fn plugins_of_a_users_own_stand_beside_the_built_in_ones() {
    let own = Crate::copied();
    let (listed, _, code) = own.run(&["methods"]);
    assert_eq!(code, Some(0));
    for (name, doc) in [
        ("  mirror             at tokens(2)  1.0", " Mirror: "),
        ("  ser                at tokens(3)  1.0", " SER: "),
    ] {
        let listed = listed.lines().find(|line| line.starts_with(name));
        assert!(listed.is_some_and(|line| line.contains(doc)), "{listed:?}");
    }
    let (help, _, _) = own.run(&["train", "--help"]);
    assert!(
        help.contains("[method.mirror]") && help.contains("a margin below which differences do not count"),
        "{help}"
    );
    let (resolved, _, code) = own.run(&["train", "own.toml", "method.mirror.layer=3", "--dry-run"]);
    assert_eq!(code, Some(0), "{resolved}");
    for line in
        ["margin = 0.05", "at = \"tokens(3)\"", "name = \"bars\"", "# moco_v3 + 1 * mirror at tokens(3)"]
    {
        assert!(resolved.contains(line), "{resolved}");
    }
    let action = "method.mirror.action=Transposition.per_batch() * HFlip";
    let (resolved, said, code) = own.run(&["train", "own.toml", action, "--dry-run"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(resolved.contains("action = \"Transposition.per_batch() * HFlip.per_sample()\""), "{resolved}");
    let (_, refused, code) = own.run(&["train", "own.toml", "method.mirror.action=Transpsition"]);
    assert_eq!(code, Some(2));
    assert!(refused.contains("unknown action `Transpsition`; did you mean `Transposition`?"), "{refused}");
    let (_, refused, code) = own.run(&["train", "own.toml", "method.mirror.margn=0.1"]);
    assert_eq!(code, Some(2));
    assert!(refused.contains("unknown key `margn`; did you mean `margin`?"), "{refused}");
    let tested = own.cargo(&["test", "--quiet"]);
    assert!(String::from_utf8_lossy(&tested.stdout).contains("1 passed"), "{tested:?}");
}

#[test]
fn a_crate_that_new_writes_builds_and_passes_its_tests() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("starter-crate");
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("what an earlier test left");
    }
    let (name, root) = (folder.display().to_string(), root().display().to_string());
    let (said, refused, code) = Crate::copied().run(&["new", &name, "--path", &root]);
    assert_eq!(code, Some(0), "{refused}");
    assert!(said.contains("a crate with a regularizer of its own, src/mirror.rs"), "{said}");
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).expect("a manifest");
    assert!(manifest.contains("name = \"starter-crate\"") && !manifest.contains("{{"), "{manifest}");

    let starter = Crate::at(folder.clone());
    let tested = starter.cargo(&["test", "--quiet"]);
    assert!(String::from_utf8_lossy(&tested.stdout).contains("1 passed"), "{tested:?}");
    let (listed, _, _) = starter.run(&["methods"]);
    let mirror =
        |line: &str| line.starts_with("  mirror             at tokens(2)  ") && line.contains(" Mirror: ");
    assert!(listed.lines().any(mirror), "{listed}");

    // What is there is never overwritten.
    fs::write(folder.join("src/mirror.rs"), "// a week of work").expect("written");
    let (_, refused, code) = Crate::copied().run(&["new", &name, "--path", &root]);
    assert_eq!(code, Some(2));
    assert!(refused.contains("is there already; give the crate another name"), "{refused}");
    assert_eq!(fs::read_to_string(folder.join("src/mirror.rs")).expect("kept"), "// a week of work");
}
