//! A report from what a run left in its folder.

use std::collections::BTreeMap;
use std::path::Path;

use super::chart::Series;
use super::{Measurement, ReportData, TermCost};
use crate::assess::{AssessError, Assessment};
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
        self.collapse = series(records, |name| Some(signal(name.strip_prefix(ONLINE)?)));
        self.cost = cost(records);
    }
}

/// A signal's name for people.
fn signal(name: &str) -> String {
    match name {
        "knn" => "kNN accuracy".into(),
        "rank_me" => "RankMe".into(),
        other => other.replace('_', " "),
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
