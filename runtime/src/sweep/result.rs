//! What the runs of a sweep measured, put together by setting.

use serde::Serialize;

use super::axis::Axis;
use super::setting::Setting;
use crate::compare::{ComparedRun, Measure, Unit, aligned};

/// A sweep, as far as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep {
    /// Keys that vary.
    pub axes: Vec<Axis>,
    /// In the order they are trained.
    pub runs: Vec<SweepRun>,
}

/// A run of a sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepRun {
    /// Its values.
    pub setting: Setting,
    /// How far it is.
    pub state: RunState,
    /// What was measured of it, once it is finished.
    pub measures: Vec<Measure>,
}

/// How far a run is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RunState {
    /// Nothing was done yet.
    Waiting,
    /// It can go on.
    Interrupted,
    /// It stopped and would stop again.
    Failed {
        /// Why.
        error: String,
    },
    /// Trained and evaluated.
    Finished,
}

/// The finished repetitions of a setting.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SettingResult {
    /// What a reader calls it.
    pub label: String,
    /// What makes it.
    pub values: Vec<(String, String)>,
    /// How many runs are finished.
    pub runs: usize,
    /// What all of them measured.
    pub measures: Vec<Spread>,
}

/// A measure over repetitions.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The measure.
    pub name: String,
    /// How it is to be read.
    pub unit: Unit,
    /// Over the runs.
    pub mean: f64,
    /// The sample standard deviation; nothing of one run.
    pub deviation: Option<f64>,
    /// Of each run.
    pub values: Vec<f64>,
}

impl Spread {
    fn of(name: &str, unit: Unit, values: Vec<f64>) -> Spread {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let deviation = (values.len() > 1).then(|| (squares / (count - 1.0)).sqrt());
        Spread { name: name.into(), unit, mean, deviation, values }
    }
}

impl Sweep {
    /// Of runs that nothing is known of yet.
    pub fn new(axes: &[Axis], settings: Vec<Setting>) -> Sweep {
        let waiting = |setting| SweepRun { setting, state: RunState::Waiting, measures: Vec::new() };
        let axes = axes.iter().filter(|axis| axis.varies()).cloned().collect();
        Sweep { axes, runs: settings.into_iter().map(waiting).collect() }
    }

    /// How many runs are finished.
    pub fn finished(&self) -> usize {
        self.runs.iter().filter(|run| run.state == RunState::Finished).count()
    }

    /// The settings that have a finished run, in the order of the grid. A measure is told where all finished runs have it.
    pub fn settings(&self) -> Vec<SettingResult> {
        let finished = || self.runs.iter().filter(|run| run.state == RunState::Finished);
        let mut groups: Vec<Vec<(String, String)>> = Vec::new();
        for run in finished() {
            let group = run.setting.group();
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        let result = |values: Vec<(String, String)>| {
            let runs: Vec<&SweepRun> = finished().filter(|run| run.setting.group() == values).collect();
            let spread = |measure: &Measure| {
                let found = |run: &&SweepRun| {
                    run.measures.iter().find(|one| one.name == measure.name).map(|one| one.value)
                };
                let values: Option<Vec<f64>> = runs.iter().map(found).collect();
                values.map(|values| Spread::of(&measure.name, measure.unit, values))
            };
            SettingResult {
                label: runs[0].setting.label(),
                runs: runs.len(),
                measures: runs[0].measures.iter().filter_map(spread).collect(),
                values,
            }
        };
        groups.into_iter().map(result).collect()
    }

    /// Names of the measures of the finished settings, each once.
    pub(super) fn names(settings: &[SettingResult]) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for measure in settings.iter().flat_map(|setting| &setting.measures) {
            if !names.contains(&measure.name) {
                names.push(measure.name.clone());
            }
        }
        names
    }

    /// The rows of the table: a setting, how many runs it has, and its measures, mean ± standard deviation.
    pub(super) fn rows(settings: &[SettingResult], names: &[String]) -> Vec<Vec<String>> {
        let row = |setting: &SettingResult| {
            let cell = |name: &String| {
                let found = setting.measures.iter().find(|spread| spread.name == *name);
                found
                    .map_or_else(String::new, |spread| spread.unit.show_spread(spread.mean, spread.deviation))
            };
            let first = [setting.label.clone(), setting.runs.to_string()];
            first.into_iter().chain(names.iter().map(cell)).collect()
        };
        settings.iter().map(row).collect()
    }

    /// For the terminal: a column a setting, a row a measure, and what is missing.
    pub fn table(&self) -> String {
        let settings = self.settings();
        let mut text = String::new();
        if !settings.is_empty() {
            let names = Sweep::names(&settings);
            let rows = Sweep::rows(&settings, &names);
            let titles = ["", "runs"].into_iter().chain(names.iter().map(String::as_str));
            let turned = titles.enumerate().map(|(index, title)| {
                std::iter::once(title.to_owned()).chain(rows.iter().map(|row| row[index].clone())).collect()
            });
            text += &aligned(&turned.collect::<Vec<_>>());
        }
        for run in &self.runs {
            let folder = run.setting.folder();
            match &run.state {
                RunState::Failed { error } => text += &format!("{folder} failed: {error}\n"),
                RunState::Interrupted => text += &format!("{folder} was interrupted\n"),
                RunState::Waiting | RunState::Finished => {}
            }
        }
        text
    }

    /// `sweep.json`; see the [module](super).
    pub fn to_json(&self) -> serde_json::Value {
        let run = |run: &SweepRun| {
            let mut entry = serde_json::json!({
                "folder": run.setting.folder(),
                "values": run.setting.varied,
                "state": "waiting",
                "measures": run.measures,
            });
            if let (Some(entry), Ok(serde_json::Value::Object(state))) =
                (entry.as_object_mut(), serde_json::to_value(&run.state))
            {
                entry.extend(state);
            }
            entry
        };
        serde_json::json!({
            "schema": 1,
            "varied": self.axes,
            "settings": self.settings(),
            "runs": self.runs.iter().map(run).collect::<Vec<_>>(),
        })
    }
}

impl SweepRun {
    /// Takes what was measured from the run's folder, which is finished.
    pub fn finish(&mut self, found: &ComparedRun) {
        self.state = RunState::Finished;
        self.measures = found.measures();
    }
}
