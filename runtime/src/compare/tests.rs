use super::*;
use crate::assess::{Assessment, Subject, Test};
use crate::evaluate::Evaluation;
use crate::metrics::Record;

fn run(name: &str, config: &[(&str, &str)], accuracy: Option<f64>) -> ComparedRun {
    let evaluation = Evaluation::new("toy test", "some protocol");
    let assessment = accuracy.map(|accuracy| {
        let mut found = Assessment::new(20, "moco_v3".into(), "last4".into());
        found.add(Test::Knn, Subject::Trained, None, vec![evaluation.measured("accuracy", accuracy)]);
        found.add(Test::Knn, Subject::Untrained, None, vec![evaluation.measured("accuracy", 0.1)]);
        let cosine = vec![evaluation.measured("centred cosine", accuracy / 2.0)];
        found.add(Test::Equivariance, Subject::Trained, Some(1), cosine);
        found
    });
    let record = |step, loss| Record {
        step,
        epoch: 0,
        seconds: Some(60.0 * step as f64),
        values: [("loss".to_owned(), loss)].into(),
    };
    let config = config.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
    ComparedRun { name: name.into(), config, records: vec![record(10, 2.0), record(20, 1.0)], assessment }
}

fn comparison() -> Comparison {
    let first = [
        ("train.batch", "64"),
        ("train.seed", "0"),
        ("train.directory", "runs/a"),
        ("method.ser.weight", "1"),
    ];
    let second = [("train.batch", "64"), ("train.seed", "1"), ("train.directory", "runs/b")];
    Comparison { runs: vec![run("runs/a", &first, Some(0.5)), run("runs/b", &second, None)] }
}

#[test]
fn only_what_differs_is_told_and_folders_are_not() {
    let differences = comparison().differences();
    let value = |text: &str| Some(text.to_owned());
    assert_eq!(
        differences,
        [
            ConfigDifference { key: "train.seed".into(), values: vec![value("0"), value("1")] },
            ConfigDifference { key: "method.ser.weight".into(), values: vec![value("1"), None] },
        ]
    );
}

#[test]
fn the_table_leaves_blank_what_was_not_measured() {
    assert_eq!(
        comparison().table(),
        "differs in         runs/a  runs/b
train.seed              0       1
method.ser.weight       1       –

measured                 runs/a    runs/b
steps                        20        20
training time          20.0 min  20.0 min
kNN                      50.0 %         –
equivariance, layer 1     0.250         –
runs/b is not evaluated yet: `equilayer eval runs/b`
"
    );
    let same = Comparison { runs: vec![run("a", &[], None), run("b", &[], None)] };
    assert!(same.table().starts_with("the configurations are the same\n"));
}

#[test]
fn json_has_nulls_for_what_was_not_measured() {
    let json = comparison().to_json();
    assert_eq!(json["measures"][0]["name"], "kNN");
    assert_eq!(json["measures"][0]["values"], serde_json::json!([0.5, null]));
    assert_eq!(json["differences"][1]["values"], serde_json::json!(["1", null]));
    assert_eq!(json["runs"][0]["evaluated_step"], 20);
    assert_eq!(json["runs"][1]["method"], serde_json::Value::Null);
}

#[test]
fn the_page_has_curves_of_all_runs_that_have_them() {
    let page = comparison().page();
    let lines: Vec<(&str, usize)> =
        page.charts.iter().map(|chart| (chart.title.as_str(), chart.series.len())).collect();
    assert_eq!(lines, [("Loss", 2), ("Equivariance by layer", 1)]);
    let html = crate::report::render(&page);
    assert!(html.contains("<h2>Differences</h2>") && html.contains("<h2>Measures</h2>"));
}

#[test]
fn a_folder_that_is_no_run_is_named_with_the_runs_beside_it() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("real")).expect("a folder");
    std::fs::write(folder.path().join("real/config.toml"), "").expect("a file");
    let error = ComparedRun::read(&folder.path().join("rael")).expect_err("no run").to_string();
    assert!(error.ends_with("rael: is no run: it has no `config.toml`; there are real"), "{error}");
    let read = ComparedRun::read(&folder.path().join("real")).expect("a run that was not trained yet");
    assert_eq!((read.steps(), read.measures()), (0, Vec::new()));
}
