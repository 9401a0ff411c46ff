//! A comparison as a page.

use super::comparison::Comparison;
use super::measure::equivariance_at;
use super::run::ComparedRun;
use crate::report::chart::{LineChart, Series};
use crate::report::{ReportData, Table};

/// What is drawn over steps, a line a run, where runs have it: title and metric.
const OVER_STEPS: [(&str, &str); 3] = [
    ("Loss", "loss"),
    ("Online kNN accuracy", "online/knn"),
    ("Online linear probe accuracy", "online/linear_probe"),
];

impl Comparison {
    /// The page: tables as [`Comparison::table`] has them, equivariance by layer, and curves over steps.
    pub fn page(&self) -> ReportData {
        let headings = |first: &str| {
            std::iter::once(first.to_owned()).chain(self.runs.iter().map(|run| run.name.clone())).collect()
        };
        let table = |title: &str, first: &str, note: &str, rows: Vec<Vec<String>>, numbers| Table {
            title: title.into(),
            note: note.into(),
            headings: headings(first),
            rows,
            numbers,
        };
        let measured = "Of the trained encoders, by the protocols in each run's own report. Equivariance is the mean cosine \
                        of ρ_g F(x) and F(g·x) under quarter turns, both less the mean token.";
        let differs = "Keys that do not hold the same in all runs.";
        let over_steps = OVER_STEPS.map(|(title, metric)| self.over_steps(title, metric));
        ReportData {
            title: "Comparison of runs".into(),
            summary: self.runs.iter().map(|run| run.name.as_str()).collect::<Vec<_>>().join(", "),
            tables: vec![
                table("Measures", "measure", measured, self.measure_rows(), true),
                table("Differences", "key", differs, self.difference_rows(), false),
            ],
            charts: over_steps
                .into_iter()
                .chain([self.by_layer()])
                .filter(|chart| !chart.series.is_empty())
                .collect(),
            ..ReportData::default()
        }
    }

    fn chart(title: &str, x_label: &str, runs: impl Iterator<Item = Series>) -> LineChart {
        let series = runs.filter(|series| !series.points.is_empty()).collect();
        LineChart { title: title.into(), x_label: x_label.into(), log_y: false, series }
    }

    fn over_steps(&self, title: &str, metric: &str) -> LineChart {
        let series = |run: &ComparedRun| {
            let point =
                |record: &crate::metrics::Record| Some((record.step as f64, *record.values.get(metric)?));
            Series { name: run.name.clone(), points: run.records.iter().filter_map(point).collect() }
        };
        Comparison::chart(title, "step", self.runs.iter().map(series))
    }

    fn by_layer(&self) -> LineChart {
        let series = |run: &ComparedRun| {
            let measures = run.measures();
            let at = |layer: usize| {
                let found = measures.iter().find(|measure| measure.name == equivariance_at(layer))?;
                Some((layer as f64, found.value))
            };
            Series { name: run.name.clone(), points: (1..).map_while(at).collect() }
        };
        Comparison::chart("Equivariance by layer", "layer", self.runs.iter().map(series))
    }
}
