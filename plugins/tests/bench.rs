//! `equilayer bench`, as a user runs it: what it counts and says, never how long it takes.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn bench(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_equilayer"));
    let Output { status, stdout, stderr } =
        command.arg("bench").args(arguments).current_dir(folder).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

fn lines(stdout: &str) -> Vec<Value> {
    stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn number(record: &Value, field: &str) -> f64 {
    record[field].as_f64().unwrap_or_else(|| panic!("{field} in {record}"))
}

#[test]
fn a_record_says_what_was_done_how_fast_and_where() {
    let (code, stdout, stderr) =
        bench(Path::new("."), &["--workload", "digits", "--batch", "8", "--steps", "2", "--json"]);
    assert_eq!(code, Some(0), "{stderr}");
    let [record] = &lines(&stdout)[..] else { panic!("{stdout}") };
    assert_eq!(record["workload"], "digits");
    assert_eq!((&record["ser"], &record["grids"]), (&Value::from("on"), &Value::from("fixed")));
    for (field, value) in [("batch", 8.0), ("n_eq", 2.0), ("steps", 2.0)] {
        assert_eq!(number(record, field), value, "{field}");
    }
    for field in ["ms", "min_ms", "max_ms", "img_s", "gflop", "gflops", "roofline", "arena_mb", "state_mb"] {
        assert!(number(record, field) > 0.0, "{field} in {record}");
    }
    assert!(
        number(record, "min_ms") <= number(record, "ms") && number(record, "ms") <= number(record, "max_ms")
    );
    let seconds = number(record, "ms") / 1e3;
    assert!((number(record, "img_s") * seconds / 8.0 - 1.0).abs() < 1e-9);
    assert!((number(record, "gflops") * seconds / number(record, "gflop") - 1.0).abs() < 1e-9);
    if cfg!(target_os = "linux") {
        assert!(number(record, "rss_mb") > number(record, "state_mb"), "{record}");
    }
    let machine = &record["machine"];
    assert!(
        machine["isa"].is_string() && machine["cores"].is_u64() && machine["threads"].is_u64(),
        "{machine}"
    );
    assert!(number(machine, "fma_gflops") > 0.0 && number(machine, "bandwidth_gbs") > 0.0, "{machine}");
}

#[test]
fn with_and_without_ser_take_turns_and_are_compared() {
    let arguments = ["--workload", "digits", "--batch", "8", "--steps", "3", "--ser", "both", "--json"];
    let (code, stdout, stderr) = bench(Path::new("."), &arguments);
    assert_eq!(code, Some(0), "{stderr}");
    let [without, with, comparison] = &lines(&stdout)[..] else { panic!("{stdout}") };
    assert_eq!((&without["ser"], &with["ser"]), (&Value::from("off"), &Value::from("on")));
    let flops = number(with, "gflop") / number(without, "gflop");
    assert!(flops > 1.0 && (flops - number(comparison, "flop_ratio")).abs() < 1e-9, "{comparison}");
    assert_eq!(number(comparison, "rounds"), 3.0);
    let [min, median, max] =
        ["min_time_ratio", "time_ratio", "max_time_ratio"].map(|field| number(comparison, field));
    assert!(0.0 < min && min <= median && median <= max, "{comparison}");
}

#[test]
fn a_profile_accounts_for_every_kernel_and_leaves_a_timeline() {
    let folder = tempfile::tempdir().unwrap();
    let arguments =
        ["--workload", "digits", "--batch", "8", "--steps", "1", "--grids", "drawn", "--profile", "--json"];
    let (code, stdout, stderr) = bench(folder.path(), &arguments);
    assert_eq!(code, Some(0), "{stderr}");
    let profile = &lines(&stdout)[0]["profile"];
    let total = |by: &str, field: &str| -> f64 {
        profile[by].as_array().unwrap().iter().map(|row| number(row, field)).sum()
    };
    for by in ["kernels", "calls", "parts"] {
        assert!((total(by, "share") - 1.0).abs() < 1e-9, "{by}");
        assert!((total(by, "ms") / total("calls", "ms") - 1.0).abs() < 1e-9, "{by}");
    }
    for part in ["student", "teacher", "moco_v3", "ser", "optimizer"] {
        assert!(profile["parts"].as_array().unwrap().iter().any(|row| row["name"] == part), "{part}");
    }
    let trace = std::fs::read_to_string(folder.path().join("digits.trace.json")).unwrap();
    let trace: Value = serde_json::from_str(&trace).unwrap();
    let kernels: Vec<&Value> =
        trace["traceEvents"].as_array().unwrap().iter().filter(|event| event["tid"] == 2).collect();
    let complete = kernels.iter().filter(|event| event["ph"] == "X").collect::<Vec<_>>();
    assert!(complete.len() > 100, "{}", complete.len());
    for pair in complete.windows(2) {
        assert!(number(pair[0], "ts") <= number(pair[1], "ts"), "{} {}", pair[0], pair[1]);
    }
}

#[test]
fn refusals_name_the_option_and_what_would_do() {
    let cases: [(&[&str], &[&str]); 11] = [
        (
            &["--workload", "vit"],
            &["invalid value 'vit' for '--workload <WORKLOAD>'", "vit_s_forward", "similar"],
        ),
        (
            &["--workload", "digits", "--batch", "0"],
            &["invalid value '0' for '--batch <BATCH>'", "1..=65536"],
        ),
        (&["--workload", "digits", "--batch", "many"], &["invalid value 'many' for '--batch <BATCH>'"]),
        (&["--batch", "8"], &["--workload <WORKLOAD>"]),
        (&["--workload", "digits", "--steps", "0"], &["invalid value '0' for '--steps <STEPS>'"]),
        (&["--workload", "digits", "--threads", "0"], &["invalid value '0' for '--threads <THREADS>'"]),
        (&["--workload", "digits", "--ser", "maybe"], &["invalid value 'maybe'", "on, off, both"]),
        (
            &["--workload", "vit_s_step", "--ser", "on"],
            &["--ser", "vit_s_step has no use for it", "vit_s and digits"],
        ),
        (&["--workload", "token_growth", "--batch", "8"], &["--batch", "token_growth", "vit_s_forward"]),
        (&["--workload", "digits", "--ser", "off", "--grids", "drawn"], &["--grids", "leave it out"]),
        (&["--workload", "digits", "--batch", "1"], &["ser", "batch"]),
    ];
    for (arguments, words) in cases {
        let (code, stdout, stderr) = bench(Path::new("."), arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {stderr}");
        assert!(!stdout.contains("GFLOP/s  roofline"), "{arguments:?}: {stdout}");
        for word in words {
            assert!(stderr.contains(word), "{arguments:?}: `{word}` in {stderr}");
        }
    }
}
