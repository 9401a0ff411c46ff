mod events;

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;

fn record(step: u64, values: &[(&str, f64)]) -> Record {
    let values = values.iter().map(|&(name, value)| (name.to_owned(), value)).collect();
    Record { step, epoch: step / 2, seconds: Some(step as f64 * 0.1), values }
}

fn folder_with_metrics(content: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("metrics.jsonl");
    fs::write(&path, content).expect("written");
    (folder, path)
}

#[test]
fn lines_have_the_documented_form_and_are_read_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("metrics.jsonl");
    let mut writer = MetricsWriter::create(&path).expect("a new file");
    let records = [
        record(1, &[("loss", 0.1 + 0.2), ("loss/ser", 1e-30)]),
        Record { seconds: None, ..record(u64::MAX, &[]) },
    ];
    records.iter().for_each(|record| writer.write(record).expect("written"));
    writer.sync().expect("on the disk");
    let text = fs::read_to_string(&path).expect("the file");
    assert_eq!(
        text,
        "{\"step\":1,\"epoch\":0,\"seconds\":0.1,\"values\":{\"loss\":0.30000000000000004,\"loss/ser\":1e-30}}\n\
         {\"step\":18446744073709551615,\"epoch\":9223372036854775807,\"values\":{}}\n"
    );
    assert_eq!(read(&path).expect("records"), records);
    assert!(matches!(MetricsWriter::create(&path), Err(MetricsError::Io { action: "created", .. })));
}

#[test]
fn what_is_not_finite_is_null() {
    let (_folder, path) = folder_with_metrics("");
    let mut writer = MetricsWriter::resume(&path, 0).expect("an empty file");
    writer.write(&record(1, &[("a", f64::NAN), ("b", f64::INFINITY), ("c", 1.0)])).expect("written");
    assert!(fs::read_to_string(&path).expect("text").contains(r#"{"a":null,"b":null,"c":1.0}"#));
    let values = &read(&path).expect("a record")[0].values;
    assert!(values["a"].is_nan() && values["b"].is_nan());
}

#[test]
fn a_resumed_run_has_every_step_once() {
    let lines: String = (1..=5)
        .map(|step| serde_json::to_string(&record(step, &[("loss", 1.0)])).expect("JSON") + "\n")
        .collect();
    for torn in ["", "{\"step\":6,\"epo", "{}"] {
        let (_folder, path) = folder_with_metrics(&(lines.clone() + torn));
        let mut writer = MetricsWriter::resume(&path, 3).expect("resumed");
        writer.write(&record(4, &[("loss", 2.0)])).expect("written");
        let steps: Vec<u64> = read(&path).expect("records").iter().map(|record| record.step).collect();
        assert_eq!(steps, [1, 2, 3, 4], "after {torn:?}");
    }
    let (_folder, path) = folder_with_metrics(&(lines + "{\"torn"));
    MetricsWriter::resume(&path, 9).expect("resumed").write(&record(6, &[])).expect("written");
    assert_eq!(read(&path).expect("records").len(), 6);
}

#[test]
fn a_run_may_have_lost_its_metrics() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("metrics.jsonl");
    MetricsWriter::resume(&path, 7).expect("a new file").write(&record(8, &[])).expect("written");
    assert_eq!(read(&path).expect("records").len(), 1);
}

#[test]
fn a_line_that_is_no_record_is_named_and_nothing_is_cut() {
    let good = serde_json::to_string(&record(1, &[])).expect("JSON");
    for bad in ["", "{}", "[1]", "{\"step\":-1,\"epoch\":0,\"values\":{}}"] {
        let content = format!("{good}\n{bad}\n{good}\n");
        let (_folder, path) = folder_with_metrics(&content);
        let error = MetricsWriter::resume(&path, 9).expect_err("a bad line").to_string();
        assert!(error.contains("metrics.jsonl, line 2: not a record of metrics: "), "{error}");
        assert_eq!(fs::read_to_string(&path).expect("the file"), content);
    }
}
