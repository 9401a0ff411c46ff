//! Several runs as one table.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::json;

use super::measure::{Measure, Unit};
use super::run::ComparedRun;
use super::text::aligned;

/// Runs side by side.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// In the order they were given.
    pub runs: Vec<ComparedRun>,
}

/// A key that does not hold the same in all runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConfigDifference {
    /// With its section: `method.ser.temperature`.
    pub key: String,
    /// Its value in each run; nothing in a run that does not have it.
    pub values: Vec<Option<String>>,
}

/// A key that differs between any two runs and says nothing about them.
const FOLDER: &str = "train.directory";

/// In place of a value that a run does not have.
pub(super) const NOTHING: &str = "–";

impl Comparison {
    /// Keys that differ, in the order of the first run's configuration, then of those of later ones.
    pub fn differences(&self) -> Vec<ConfigDifference> {
        let mut seen = BTreeSet::new();
        let keys = self.runs.iter().flat_map(|run| &run.config).map(|(key, _)| key);
        let keys = keys.filter(|key| *key != FOLDER && seen.insert(*key));
        let difference = |key: &String| {
            let values = self.runs.iter().map(|run| run.value(key).map(str::to_owned));
            ConfigDifference { key: key.clone(), values: values.collect() }
        };
        let differs = |found: &ConfigDifference| found.values.iter().any(|value| *value != found.values[0]);
        keys.map(difference).filter(differs).collect()
    }

    /// Every measure that one of the runs has, with its value in each.
    pub fn measures(&self) -> Vec<(String, Unit, Vec<Option<f64>>)> {
        let measured: Vec<Vec<Measure>> = self.runs.iter().map(ComparedRun::measures).collect();
        let mut found: Vec<(String, Unit, Vec<Option<f64>>)> = Vec::new();
        for Measure { name, unit, .. } in measured.iter().flatten() {
            if found.iter().all(|(known, ..)| known != name) {
                let value = |of: &Vec<Measure>| of.iter().find(|one| one.name == *name).map(|one| one.value);
                found.push((name.clone(), *unit, measured.iter().map(value).collect()));
            }
        }
        found
    }

    /// The rows of the table of differing keys: the key, and its value in each run.
    pub(super) fn difference_rows(&self) -> Vec<Vec<String>> {
        let cell = |value: Option<String>| value.unwrap_or_else(|| NOTHING.into());
        let row = |found: ConfigDifference| {
            std::iter::once(found.key).chain(found.values.into_iter().map(cell)).collect()
        };
        self.differences().into_iter().map(row).collect()
    }

    /// The rows of the table of measures, how far the runs are first.
    pub(super) fn measure_rows(&self) -> Vec<Vec<String>> {
        let named = |name: &str, cells: &mut dyn Iterator<Item = String>| {
            std::iter::once(name.to_owned()).chain(cells).collect::<Vec<_>>()
        };
        let minutes = |run: &ComparedRun| {
            run.seconds().map_or_else(|| NOTHING.into(), |seconds| format!("{:.1} min", seconds / 60.0))
        };
        let mut rows = vec![
            named("steps", &mut self.runs.iter().map(|run| run.steps().to_string())),
            named("training time", &mut self.runs.iter().map(minutes)),
        ];
        for (name, unit, values) in self.measures() {
            let cell = |value: &Option<f64>| value.map_or_else(|| NOTHING.into(), |value| unit.show(value));
            rows.push(named(&name, &mut values.iter().map(cell)));
        }
        rows
    }

    /// For the terminal: what differs, then what was measured, and which runs were not evaluated.
    pub fn table(&self) -> String {
        let headings = |first: &str| {
            std::iter::once(first.to_owned()).chain(self.runs.iter().map(|run| run.name.clone())).collect()
        };
        let table = |title: &str, rows: Vec<Vec<String>>| aligned(&[vec![headings(title)], rows].concat());
        let mut text = match self.difference_rows() {
            rows if rows.is_empty() => "the configurations are the same\n".to_owned(),
            rows => table("differs in", rows),
        };
        text.push('\n');
        text += &table("measured", self.measure_rows());
        for run in self.runs.iter().filter(|run| run.assessment.is_none()) {
            text += &format!("{0} is not evaluated yet: `equilayer eval {0}`\n", run.name);
        }
        text
    }

    /// Everything that the table says, and of what the evaluations are, for programs:
    ///
    /// ```json
    /// {"schema": 1,
    ///  "runs": [{"run": "runs/a", "steps": 2000, "seconds": 254.1, "method": "moco_v3", "evaluated_step": 2000}],
    ///  "differences": [{"key": "train.seed", "values": ["0", "1"]}],
    ///  "measures": [{"name": "linear probe", "unit": "share", "values": [0.92, 0.91]}]}
    /// ```
    /// What a run does not have is null.
    pub fn to_json(&self) -> serde_json::Value {
        let run = |run: &ComparedRun| {
            json!({
                "run": run.name,
                "steps": run.steps(),
                "seconds": run.seconds(),
                "method": run.assessment.as_ref().map(|found| &found.method),
                "evaluated_step": run.assessment.as_ref().map(|found| found.step),
            })
        };
        let measure = |(name, unit, values): (String, Unit, Vec<Option<f64>>)| json!({ "name": name, "unit": unit, "values": values });
        json!({
            "schema": 1,
            "runs": self.runs.iter().map(run).collect::<Vec<_>>(),
            "differences": self.differences(),
            "measures": self.measures().into_iter().map(measure).collect::<Vec<_>>(),
        })
    }
}
