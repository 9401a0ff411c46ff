//! The binary, run as a user runs it.

use std::path::Path;
use std::process::{Command, Output};

fn equilayer(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } =
        Command::new(env!("CARGO_BIN_EXE_equilayer")).args(arguments).current_dir(folder).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// What is printed into a pipe that nobody reads ends the program as it ends others, by SIGPIPE, and nothing is said.
#[cfg(unix)]
#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    use std::os::unix::process::ExitStatusExt;
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut methods = Command::new(env!("CARGO_BIN_EXE_equilayer"));
    let Output { status, stderr, .. } =
        methods.arg("methods").stdout(writer).stderr(std::process::Stdio::piped()).output().unwrap();
    assert_eq!((status.signal(), String::from_utf8(stderr).unwrap().as_str()), (Some(13), ""));
}

fn entries(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Eight steps of a very small encoder, evaluated on few images.
const TINY: &[&str] = &[
    "encoder.patch=7",
    "encoder.width=32",
    "encoder.depth=2",
    "encoder.heads=2",
    "method.ser.layer=1",
    "method.ser.batch=0.004",
    "method.moco_v3.hidden=32",
    "method.moco_v3.out=16",
    "train.batch=1000",
    "train.epochs=1",
    "train.checkpoint_every=5",
    "evaluate.images=300",
    "evaluate.probe_epochs=2",
    "evaluate.moved_images=20",
];

fn train<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["train"], TINY, more].concat()
}

#[test]
fn tells_its_version() {
    let (code, stdout, stderr) = equilayer(Path::new("."), &["--version"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert_eq!(stdout, concat!("equilayer ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn refuses_what_it_does_not_know() {
    let (code, stdout, stderr) = equilayer(Path::new("."), &["pretrain"]);
    assert_eq!((code, stdout.as_str()), (Some(2), ""));
    assert!(stderr.contains("'pretrain'"), "{stderr}");
}

#[test]
fn shells_complete_its_commands_and_flags() {
    for (shell, starts) in
        [("bash", "_equilayer()"), ("zsh", "#compdef equilayer"), ("fish", "# Print an optspec")]
    {
        let (code, stdout, stderr) = equilayer(Path::new("."), &["completions", shell]);
        assert_eq!((code, stderr.as_str()), (Some(0), ""));
        assert!(stdout.starts_with(starts), "{shell}: {}", stdout.lines().next().unwrap_or_default());
        for word in ["sweep", "compare", "completions", "dry-run"] {
            assert!(stdout.contains(word), "{word} for {shell}");
        }
    }
}

#[test]
fn a_dry_run_touches_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (code, stdout, stderr) = equilayer(folder.path(), &train(&["--dry-run"]));
    assert_eq!(code, Some(0), "{stderr}");
    for line in ["# moco_v3 + 1 * ser at tokens(1)", "# 8 steps, ", "# memory: arena ", "# time: about "] {
        assert!(stdout.contains(line), "{stdout}");
    }
    assert_eq!(entries(folder.path()), [""; 0]);
    // Of 8 batches, pairs make 4 steps; a step does twice as much.
    let (_, paired, _) = equilayer(folder.path(), &train(&["--dry-run", "train.accumulate=2"]));
    let numbers = |text: &str| -> Vec<f64> {
        let line = text.lines().find(|line| line.contains(" kernels and ")).unwrap();
        line.split_whitespace().filter_map(|word| word.parse().ok()).collect()
    };
    let (alone, paired) = (numbers(&stdout), numbers(&paired));
    assert_eq!((alone[0], paired[0]), (8.0, 4.0));
    assert!(paired[1] > 2.0 * alone[1] && paired[2] >= 2.0 * alone[2], "{alone:?} {paired:?}");
    // What is printed is a configuration: of this one, run dry, the same is printed, but for the time.
    let file = folder.path().join("again.toml");
    std::fs::write(&file, &stdout).unwrap();
    let (code, again, stderr) = equilayer(folder.path(), &["train", "again.toml", "--dry-run"]);
    assert_eq!(code, Some(0), "{stderr}");
    let without_time = |text: &str| text.split("# time").next().unwrap().to_owned();
    assert_eq!(without_time(&again), without_time(&stdout));
}

/// The recipe has sections of moco_v3, which an override takes out.
#[test]
fn another_objective_needs_no_other_file() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["train", "method.objective=simclr", "method.simclr.temperature=0.3", "--dry-run"];
    let (code, stdout, stderr) = equilayer(folder.path(), &arguments);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(
        stdout.contains("# simclr + 1 * ser at tokens(1)") && stdout.contains("temperature = 0.3"),
        "{stdout}"
    );
    assert!(!stdout.contains("method.moco_v3"), "{stdout}");
}

#[test]
fn costs_are_counted_by_part() {
    let (code, stdout, stderr) = equilayer(Path::new("."), &["methods", "--json"]);
    assert_eq!(code, Some(0), "{stderr}");
    let methods: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    for method in methods.as_array().unwrap() {
        let cost = &method["cost"];
        assert!(cost["relative"].as_f64().is_some_and(|relative| relative > 1.0), "{method}");
        let parts = cost["parts"].as_object().unwrap();
        assert!(parts[method["name"].as_str().unwrap()].as_u64().is_some_and(|own| own > 0), "{cost}");
        let sum: u64 = parts.values().filter_map(serde_json::Value::as_u64).sum();
        assert_eq!(cost["flops"], sum, "{cost}");
    }
    let ser = methods.as_array().unwrap().iter().find(|method| method["name"] == "ser").unwrap();
    let relative = ser["cost"]["relative"].as_f64().unwrap();
    assert!((relative - 1.0008).abs() <= 0.0003, "{relative}");
    let (code, stdout, stderr) = equilayer(Path::new("."), &["explain", "ser"]);
    assert_eq!(code, Some(0), "{stderr}");
    for line in ["  student ", "  ser ", "  all ", &format!("  {relative:.4} of moco_v3 alone")] {
        assert!(stdout.contains(line), "{stdout}");
    }
}

#[test]
fn a_run_leaves_what_it_promises_and_can_be_evaluated_again() {
    let folder = tempfile::tempdir().unwrap();
    let (code, stdout, stderr) = equilayer(folder.path(), &train(&[]));
    assert_eq!(code, Some(0), "{stderr}");
    for row in ["trained   untrained  raw pixels", "linear probe", "kNN", "equivariance, layer 1"] {
        assert!(stdout.contains(row), "{row} in {stdout}");
    }
    assert!(stdout.ends_with("report: runs/latest/report.html\n"), "{stdout}");
    let run = folder.path().join("runs/latest");
    let mut left = entries(&run);
    left.retain(|name| !name.starts_with("events.out.tfevents"));
    let files = ["checkpoints", "config.toml", "evaluation.json", "metrics.jsonl", "report.html", "run.lock"];
    assert_eq!(left, files);
    assert_eq!(
        entries(&run.join("checkpoints")),
        ["step-000000005.safetensors", "step-000000008.safetensors"]
    );
    check_evaluation(&run);
    check_metrics(&run);
    check_report(&run);

    // The same checkpoint evaluated again has the same numbers.
    let before = std::fs::read_to_string(run.join("evaluation.json")).unwrap();
    let (code, stdout, stderr) = equilayer(folder.path(), &["eval", "runs/latest", "--json"]);
    assert_eq!((code, stdout.trim_end()), (Some(0), before.as_str()), "{stderr}");

    let (code, _, stderr) =
        equilayer(folder.path(), &["export", "runs/latest", "--to", "encoder.safetensors"]);
    assert_eq!(code, Some(0), "{stderr}");
    let (code, _, stderr) =
        equilayer(folder.path(), &["features", "runs/latest", "--to", "features.npy", "--read", "embedding"]);
    assert_eq!(code, Some(0), "{stderr}");
    let features = std::fs::read(folder.path().join("features.npy")).unwrap();
    assert_eq!(features.len(), 128 + 4 * 2000 * 32, "2,000 test images of width 32 behind the header");

    // A second run does not overwrite the first.
    let (code, stdout, stderr) = equilayer(folder.path(), &train(&[]));
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.starts_with("the run that was in runs/latest is now in runs/latest-1\n"), "{stdout}");
    let again = std::fs::read_to_string(run.join("evaluation.json")).unwrap();
    assert_eq!(again, before, "the same seed gives the same numbers");
}

fn check_evaluation(run: &Path) {
    let text = std::fs::read_to_string(run.join("evaluation.json")).unwrap();
    let found: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(found["step"], 8);
    let findings = found["findings"].as_array().unwrap();
    for finding in findings {
        assert!(finding["value"].is_f64(), "{finding}");
        assert!(finding["protocol"].as_str().is_some_and(|protocol| !protocol.is_empty()), "{finding}");
        assert!(finding["split"].as_str().is_some_and(|split| split.starts_with("digits test")), "{finding}");
    }
    let has = |test: &str, subject: &str, name: &str| {
        let asked = |finding: &&serde_json::Value| finding["test"] == test && finding["subject"] == subject;
        assert!(findings.iter().filter(asked).any(|finding| finding["name"] == name), "{test} of {subject}");
    };
    for subject in ["trained", "untrained", "raw_pixels"] {
        has("linear_probe", subject, "accuracy");
        has("knn", subject, "accuracy");
    }
    for subject in ["trained", "untrained"] {
        for name in ["feature deviation", "RankMe", "uniformity", "alignment"] {
            has("collapse", subject, name);
        }
        has("equivariance", subject, "centred cosine");
        has("invariance", subject, "cosine");
    }
    has("equivariance", "patch_pooling", "cosine");
}

fn check_metrics(run: &Path) {
    let text = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let lines = || text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    for name in [
        "loss/ser",
        "gradient/moco_v3",
        "online/knn",
        "online/linear_probe",
        "online/rank_me",
        "milliseconds/student",
        "gflop/ser",
        "evaluation/linear_probe/trained",
    ] {
        assert!(lines().any(|line| line["values"][name].is_f64()), "{name} in {text}");
    }
}

fn check_report(run: &Path) {
    let report = std::fs::read_to_string(run.join("report.html")).unwrap();
    for section in [
        "Results",
        "Probes",
        "Equivariance by layer",
        "Token maps",
        "Training",
        "Collapse signals",
        "Cost by term",
        "Configuration",
    ] {
        assert!(report.contains(&format!("<h2>{section}</h2>")), "{section}");
    }
}
