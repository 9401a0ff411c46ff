use super::*;
use crate::compare::{Measure, Unit};

fn axes(arguments: &[&str]) -> Result<Vec<Axis>, SweepError> {
    Axis::parse_all(&arguments.iter().map(|&argument| argument.to_owned()).collect::<Vec<_>>())
}

fn grid(arguments: &[&str]) -> Vec<Setting> {
    settings(&axes(arguments).expect("axes")).expect("settings")
}

#[test]
fn values_are_separated_outside_of_quotes_and_brackets() {
    let values = |argument: &str| Axis::parse(argument).expect("an axis").values;
    assert_eq!(values("seed=0, 1,2"), ["0", "1", "2"]);
    assert_eq!(values("method.ser.at=none,1..=3,tokens(4)"), ["none", "1", "2", "3", "tokens(4)"]);
    assert_eq!(values("train.batch=8..10"), ["8", "9"]);
    assert_eq!(values("optim.lr=warmup(1 %) then 2,3e-4"), ["warmup(1 %) then 2", "3e-4"]);
    assert_eq!(
        values(r#"method.regularizers=["ser", "ser@tokens(2)"],[],'a,b'"#),
        [r#"["ser", "ser@tokens(2)"]"#, "[]", "'a,b'"]
    );
    assert_eq!(Axis::parse("seed=3").expect("an axis").key, "train.seed");
}

#[test]
fn what_cannot_be_meant_is_refused_in_words() {
    let refused = |arguments: &[&str]| {
        let error = axes(arguments).and_then(|axes| settings(&axes)).expect_err("refused");
        error.to_string()
    };
    let cases: [(&[&str], &str); 13] = [
        (&["seed"], "`seed` is no key with values; write KEY=VALUE,VALUE,.."),
        (&["=1,2"], "`=1,2` is no key with values"),
        (&["seed=0,,1"], "`seed=0,,1` has an empty value"),
        (&["seed="], "`seed=` has an empty value"),
        (&["seed=0,1,0"], "`train.seed` has the value `0` twice; give each once"),
        (&["seed=0..=2,1"], "`train.seed` has the value `1` twice"),
        (&["seed=0,1", "train.seed=2"], "`train.seed` is given twice; list all of its values behind one"),
        (&["method.ser.at=1", "method.ser.layer=1,2"], "`method.ser.at` is given twice"),
        (&["train.directory=a,b"], "each run's folder is in the sweep's"),
        (&["seed=4..=1"], "`4..=1` is no range of values: write FIRST..=LAST, from less to more"),
        (&["seed=0..99999999999999"], "at most 10000"),
        (&["optim.lr=1e-3"], "nothing varies; give at least one key several values, such as seed=0,1,2"),
        (&["seed=0..200", "train.epochs=1..=100"], "the values combine to more than 10000 runs"),
    ];
    for (arguments, says) in cases {
        let said = refused(arguments);
        assert!(said.contains(says), "{arguments:?}: {said}");
    }
}

#[test]
fn the_grid_has_every_combination_and_seeds_vary_slowest() {
    let runs = grid(&["seed=0,1", "method.ser.at=none,2", "optim.lr=3e-4"]);
    let folders: Vec<String> = runs.iter().map(Setting::folder).collect();
    assert_eq!(folders, ["ser.at=none,seed=0", "ser.at=2,seed=0", "ser.at=none,seed=1", "ser.at=2,seed=1"]);
    assert_eq!(runs[1].overrides(), ["optim.lr=3e-4", "train.seed=0", "method.ser.layer=2"]);
    assert_eq!(runs[0].overrides(), ["optim.lr=3e-4", "train.seed=0"]);
    let have = ["equimod".to_owned(), "ser".to_owned()];
    assert_eq!(
        runs[0].without(&have).expect("it is there").as_deref(),
        Some("method.regularizers=[\"equimod\"]")
    );
    assert_eq!(runs[1].without(&have).expect("nothing to leave out"), None);
    assert_eq!(
        runs[0].without(&have[..1]).expect_err("it is not there").to_string(),
        "`method.ser.at=none`: the configuration has no regularizer `ser` to leave out; it has equimod"
    );
}

#[test]
fn a_fixed_seed_is_in_the_folder_so_that_more_can_follow() {
    assert_eq!(grid(&["seed=0", "method.ser.at=1,2"])[0].folder(), "ser.at=1,seed=0");
    assert_eq!(grid(&["method.ser.at=1,2", "seed=0,1"])[0].folder(), "ser.at=1,seed=0");
}

#[test]
fn folders_of_different_values_differ_and_need_no_quotes() {
    let runs = grid(&["optim.lr=warmup(1 %) then 1e-3,a b,a+b,a%20b,a/b,../c,é"]);
    let mut folders: Vec<String> = runs.iter().map(Setting::folder).collect();
    assert_eq!(folders[0], "lr=warmup%281+%25%29+then+1e-3");
    assert!(
        folders.iter().all(|name| name.is_ascii() && !name.contains(['/', ' ', '(', '&'])),
        "{folders:?}"
    );
    folders.dedup();
    assert_eq!(folders.len(), runs.len());
}

#[test]
fn knobs_of_what_is_left_out_do_not_multiply_runs() {
    let runs = grid(&["method.ser.at=none,1", "method.ser.weight=0.5,1", "method.serx.weight=1"]);
    let folders: Vec<String> = runs.iter().map(Setting::folder).collect();
    assert_eq!(folders, ["ser.at=none", "ser.at=1,ser.weight=0.5", "ser.at=1,ser.weight=1"]);
    assert!(runs[0].overrides().contains(&"method.serx.weight=1".to_owned()));
}

#[test]
fn labels_are_words() {
    let labels = |arguments: &[&str]| grid(arguments).iter().map(Setting::label).collect::<Vec<_>>();
    assert_eq!(labels(&["method.ser.at=none,3,tokens(4)", "seed=0"]), ["none", "layer 3", "tokens(4)"]);
    assert_eq!(labels(&["method.ser.weight=0.5,1"]), ["weight 0.5", "weight 1"]);
    assert_eq!(
        labels(&["method.ser.at=1,2", "method.equimod.at=none"])[0..1],
        ["layer 1"],
        "what is fixed is not told"
    );
    assert_eq!(labels(&["method.ser.at=1,2", "method.equimod.at=none,3"])[1], "ser layer 1, equimod layer 3");
    assert_eq!(labels(&["seed=0,1"]), ["all", "all"]);
}

/// Two layers of two seeds each, the last of which is not finished.
fn measured() -> Sweep {
    let axes = axes(&["method.ser.at=none,1", "seed=0,1"]).expect("axes");
    let mut sweep = Sweep::new(&axes, settings(&axes).expect("settings"));
    for (run, accuracy) in sweep.runs.iter_mut().take(3).zip([0.90, 0.92, 0.94]) {
        run.state = RunState::Finished;
        let measure = |name: &str, value, unit| Measure { name: name.into(), value, unit };
        run.measures = vec![
            measure("linear probe", accuracy, Unit::Share),
            measure("equivariance, layer 1", accuracy / 2.0, Unit::Score),
            measure("equivariance, layer 2", accuracy / 4.0, Unit::Score),
        ];
    }
    sweep.runs[3].state = RunState::Failed { error: "the loss is NaN".into() };
    sweep
}

#[test]
fn repetitions_are_a_mean_and_a_deviation() {
    let settings = measured().settings();
    assert_eq!(
        settings.iter().map(|one| (one.label.as_str(), one.runs)).collect::<Vec<_>>(),
        [("none", 2), ("layer 1", 1)]
    );
    let probe = &settings[0].measures[0];
    assert_eq!(probe.values, [0.90, 0.94]);
    assert!((probe.mean - 0.92).abs() < 1e-12);
    // √((0.02² + 0.02²) / (2 − 1))
    assert!((probe.deviation.expect("two runs") - 0.0008_f64.sqrt()).abs() < 1e-12);
    assert_eq!(settings[1].measures[0].deviation, None);
}

#[test]
fn the_table_has_a_row_a_measure_and_what_failed() {
    let expected = "                               none  layer 1
runs                              2        1
linear probe           92.0 ± 2.8 %   92.0 %
equivariance, layer 1  0.460 ± 0.014    0.460
equivariance, layer 2  0.230 ± 0.007    0.230
ser.at=1,seed=1 failed: the loss is NaN
";
    let squeezed = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let table = measured().table();
    assert_eq!(squeezed(&table), squeezed(expected));
    let columns: Vec<usize> = table.lines().take(5).map(|line| line.chars().count()).collect();
    assert!(columns.iter().all(|&width| width == columns[0]), "{table}");
}

#[test]
fn the_result_is_json_with_states_and_settings() {
    let json = measured().to_json();
    assert_eq!(json["varied"][0], serde_json::json!({"key": "method.ser.at", "values": ["none", "1"]}));
    assert_eq!(json["runs"][0]["state"], "finished");
    assert_eq!(json["runs"][0]["folder"], "ser.at=none,seed=0");
    assert_eq!(
        (&json["runs"][3]["state"], &json["runs"][3]["error"]),
        (&"failed".into(), &"the loss is NaN".into())
    );
    assert_eq!(json["settings"][0]["measures"][0]["unit"], "share");
    assert_eq!(json["settings"][1]["measures"][0]["deviation"], serde_json::Value::Null);
}

#[test]
fn the_page_draws_the_trade_off_of_the_last_layer_first() {
    let page = measured().page("layers");
    let titles: Vec<&str> = page.sweeps.iter().map(|sweep| sweep.equivariance.as_str()).collect();
    assert_eq!(titles, ["equivariance of layer 2", "equivariance of layer 1"]);
    let point = &page.sweeps[0].points[0];
    assert_eq!(point.label, "none");
    assert!((point.accuracy.0 - 92.0).abs() < 1e-9 && point.accuracy.1 > 2.8);
    assert_eq!(page.summary, "method.ser.at = none, 1; train.seed = 0, 1: 3 of 4 runs finished.");
    assert_eq!(page.charts[0].series.len(), 2);
    assert_eq!(crate::report::render(&page).matches("class=\"error\"").count(), 4);
    // A sweep of which nothing is finished has a page too.
    let axes = axes(&["seed=0,1"]).expect("axes");
    let empty = Sweep::new(&axes, settings(&axes).expect("settings")).page("empty");
    assert!(empty.sweeps.is_empty() && empty.charts.is_empty());
}
