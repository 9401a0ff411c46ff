//! A report from what a run left in its folder.

use std::collections::BTreeMap;
use std::path::Path;

use super::chart::Series;
use super::{Equivariance, LayerScore, Measurement, Probe, ReportData, TermCost};
use crate::assess::{AssessError, Assessment, Subject, Test};
use crate::metrics::{self, MetricsError, Record};

/// Why a run cannot be reported on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// Its metrics.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// Its evaluation.
    #[error(transparent)]
    Evaluation(#[from] AssessError),
    /// Its configuration.
    #[error("{file}: {detail}; it was written when the run began: restore it")]
    Config {
        /// The file.
        file: String,
        /// What is wrong.
        detail: String,
    },
}

/// Beginnings of metrics' names.
const LOSS: &str = "loss/";
const GRADIENT: &str = "gradient/";
const ONLINE: &str = "online/";
const MILLISECONDS: &str = "milliseconds/";

impl ReportData {
    /// Everything that the folder of a run can show: its configuration, its metrics if training began, its evaluation
    /// if there was one.
    ///
    /// # Errors
    /// A file that is there and cannot be read.
    pub fn of_run(folder: &Path) -> Result<ReportData, ReportError> {
        let config = dotted_config(&folder.join("config.toml"))?;
        let metrics = folder.join("metrics.jsonl");
        let records = if metrics.exists() { metrics::read(metrics)? } else { Vec::new() };
        let evaluation = folder.join("evaluation.json");
        let assessment = evaluation.exists().then(|| Assessment::read(&evaluation)).transpose()?;
        let title =
            folder.file_name().map_or_else(|| "run".into(), |name| name.to_string_lossy().into_owned());
        let mut data = ReportData { title, ..ReportData::default() };
        data.read_metrics(&records);
        data.summary = summary(&records, &config, assessment.as_ref());
        if let Some(assessment) = &assessment {
            data.read_assessment(assessment, tap(&config));
        }
        data.headline.extend(time_of(&records));
        data.config = config;
        Ok(data)
    }

    fn read_metrics(&mut self, records: &[Record]) {
        self.losses = series(records, |name| match name {
            "loss" => Some("total".into()),
            name => name.strip_prefix(LOSS).map(str::to_owned),
        });
        self.gradients = series(records, |name| name.strip_prefix(GRADIENT).map(str::to_owned));
        self.collapse = series(records, |name| Some(name.strip_prefix(ONLINE)?.replace('_', " ")));
        self.cost = cost(records);
    }

    fn read_assessment(&mut self, assessment: &Assessment, tap: Option<usize>) {
        for test in [Test::LinearProbe, Test::Knn] {
            self.probes.extend(probe(assessment, test));
            self.headline.extend(accuracy(assessment, test));
        }
        for (name, score) in [
            ("centred cosine", "cosine of ρ_g F(x) and F(g·x), both less the mean token"),
            ("cosine", "cosine of ρ_g F(x) and F(g·x)"),
        ] {
            self.equivariance.extend(equivariance(assessment, name, score));
        }
        let tap = tap.unwrap_or_default();
        self.headline.extend(at_layer(assessment, tap));
        self.token_maps.clone_from(&assessment.token_maps);
    }
}

/// Values over steps of the metrics that `name` names, the total first.
fn series(records: &[Record], name: impl Fn(&str) -> Option<String>) -> Vec<Series> {
    let mut found: BTreeMap<&str, Series> = BTreeMap::new();
    for record in records {
        for (key, &value) in &record.values {
            let Some(name) = name(key) else { continue };
            let series = found.entry(key).or_insert_with(|| Series { name, points: Vec::new() });
            series.points.push((record.step as f64, value));
        }
    }
    found.into_values().collect()
}

/// The last costs that were logged.
fn cost(records: &[Record]) -> Vec<TermCost> {
    let has_costs = |record: &&Record| record.values.keys().any(|name| name.starts_with(MILLISECONDS));
    let Some(record) = records.iter().rev().find(has_costs) else { return Vec::new() };
    let term = |(name, &milliseconds): (&String, &f64)| {
        let term = name.strip_prefix(MILLISECONDS)?.to_owned();
        let gflop = record.values.get(&format!("gflop/{term}")).copied().unwrap_or(f64::NAN);
        Some(TermCost { term, milliseconds, flops: 1e9 * gflop })
    };
    record.values.iter().filter_map(term).collect()
}

/// An accuracy of each subject that has one.
fn probe(assessment: &Assessment, test: Test) -> Option<Probe> {
    let subjects = [Subject::Trained, Subject::RawPixels, Subject::Untrained];
    let found = |subject| assessment.find(test, subject, None, "accuracy");
    let trained = &found(Subject::Trained)?.evaluation;
    let seed = trained.seed.map_or(String::new(), |seed| format!(", seed {seed}"));
    let accuracies =
        subjects.into_iter().filter_map(|subject| Some((subject.name().to_owned(), found(subject)?.value)));
    Some(Probe {
        protocol: format!("{} · {}{seed}", trained.protocol, trained.split),
        accuracies: accuracies.collect(),
    })
}

fn accuracy(assessment: &Assessment, test: Test) -> Option<Measurement> {
    let of = |subject| Some(assessment.find(test, subject, None, "accuracy")?.value);
    let trained = of(Subject::Trained)?;
    let beside = |subject: Subject| {
        let other = of(subject)?;
        Some(format!("{} {} ({:+.1})", subject.name(), percent(other), 100.0 * (trained - other)))
    };
    let beside: Vec<String> =
        [Subject::RawPixels, Subject::Untrained].into_iter().filter_map(beside).collect();
    let split = &assessment.find(test, Subject::Trained, None, "accuracy")?.evaluation.split;
    Some(Measurement {
        name: test.name().into(),
        value: percent(trained),
        detail: format!("{split}; {}", beside.join(", ")),
    })
}

fn equivariance(assessment: &Assessment, name: &str, score: &str) -> Option<Equivariance> {
    let value = |subject, layer| {
        assessment.find(Test::Equivariance, subject, Some(layer), name).map(|number| number.value)
    };
    let scored = |layer: usize| {
        let (before, after) = (value(Subject::Untrained, layer), value(Subject::Trained, layer)?);
        Some(LayerScore { layer: layer.to_string(), before: before.unwrap_or(f64::NAN), after })
    };
    let mut layers: Vec<LayerScore> = (1..).map_while(scored).collect();
    let invariance = |subject| {
        assessment.find(Test::Invariance, subject, None, name).map_or(f64::NAN, |number| number.value)
    };
    if layers.is_empty() {
        return None;
    }
    layers.push(LayerScore {
        layer: "embedding (invariance)".into(),
        before: invariance(Subject::Untrained),
        after: invariance(Subject::Trained),
    });
    let action = format!("quarter turns, {name}");
    Some(Equivariance { action, score: score.into(), layers, floor: value(Subject::PatchPooling, 1) })
}

fn at_layer(assessment: &Assessment, layer: usize) -> Option<Measurement> {
    let value = |subject| {
        let found = assessment.find(Test::Equivariance, subject, Some(layer), "centred cosine")?;
        Some(found.value)
    };
    Some(Measurement {
        name: format!("equivariance at layer {layer}"),
        value: format!("{:.3}", value(Subject::Trained)?),
        detail: format!(
            "quarter turns, centred cosine; untrained {:.3}, ideal {:.3}",
            value(Subject::Untrained)?,
            value(Subject::PatchPooling)?
        ),
    })
}

fn time_of(records: &[Record]) -> Option<Measurement> {
    let last = records.iter().rev().find(|record| record.seconds.is_some())?;
    let seconds = last.seconds?;
    Some(Measurement {
        name: "training time".into(),
        value: format!("{:.1} min", seconds / 60.0),
        detail: format!("{} steps, online measurements included", last.step),
    })
}

/// What was run, in a sentence.
fn summary(records: &[Record], config: &[(String, String)], assessment: Option<&Assessment>) -> String {
    let get = |key: &str| config.iter().find(|(name, _)| name == key).map_or("?", |(_, value)| value);
    let method = assessment.map_or_else(|| get("method.objective").to_owned(), |found| found.method.clone());
    let steps = records.last().map_or(0, |record| record.step);
    let evaluated = match assessment {
        Some(found) => format!("evaluated after step {}", found.step),
        None => "not evaluated yet".into(),
    };
    format!(
        "{method} on {}: {steps} steps of {} images, seed {}; {evaluated}.",
        get("data.name"),
        get("train.batch"),
        get("train.seed")
    )
}

/// The layer of the first regularizer that has one.
fn tap(config: &[(String, String)]) -> Option<usize> {
    let taps = config.iter().filter(|(key, _)| key.starts_with("method.") && key.ends_with(".at"));
    let layer = |text: &str| text.split_once('(')?.1.strip_suffix(')')?.parse().ok();
    taps.filter_map(|(_, tap)| layer(tap)).next()
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// Dotted keys and values of a configuration as a run's folder has it.
pub(crate) fn dotted_config(path: &Path) -> Result<Vec<(String, String)>, ReportError> {
    let wrong = |detail: String| ReportError::Config { file: path.display().to_string(), detail };
    let text = std::fs::read_to_string(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    let table: toml::Table = text.parse().map_err(|error| wrong(format!("not TOML: {error}")))?;
    let mut keys = Vec::new();
    flatten("", &toml::Value::Table(table), &mut keys);
    Ok(keys)
}

fn flatten(prefix: &str, value: &toml::Value, keys: &mut Vec<(String, String)>) {
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                let full = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                flatten(&full, value, keys);
            }
        }
        toml::Value::String(text) => keys.push((prefix.into(), text.clone())),
        other => keys.push((prefix.into(), other.to_string())),
    }
}
