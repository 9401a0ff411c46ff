//! A sweep as a page: the trade-off, the table, equivariance by layer.

use super::result::{SettingResult, Spread, Sweep};
use crate::compare::measure::{LINEAR_PROBE, equivariance_at};
use crate::report::chart::{LineChart, Series};
use crate::report::{ReportData, SweepPoint, Table};

impl Sweep {
    /// The page. The trade-off is drawn for the equivariance of the last layer first, where all settings are compared
    /// behind all of their regularizers, and then for every layer before it.
    pub fn page(&self, title: &str) -> ReportData {
        let settings = self.settings();
        let names = Sweep::names(&settings);
        let headings = ["setting", "runs"].into_iter().chain(names.iter().map(String::as_str));
        let note = "Mean ± standard deviation over seeds. Equivariance is the mean cosine of ρ_g F(x) and F(g·x) under \
                    quarter turns, both less the mean token.";
        ReportData {
            title: title.into(),
            summary: self.summary(),
            sweeps: trade_offs(&settings),
            tables: vec![Table {
                title: "Settings".into(),
                note: note.into(),
                headings: headings.map(str::to_owned).collect(),
                rows: Sweep::rows(&settings, &names),
                numbers: true,
            }],
            charts: by_layer(&settings).into_iter().collect(),
            ..ReportData::default()
        }
    }

    /// What varies and how far it is, in a sentence.
    fn summary(&self) -> String {
        let axis = |axis: &super::Axis| format!("{} = {}", axis.key, axis.values.join(", "));
        let axes: Vec<String> = self.axes.iter().map(axis).collect();
        format!("{}: {} of {} runs finished.", axes.join("; "), self.finished(), self.runs.len())
    }
}

fn find<'s>(setting: &'s SettingResult, name: &str) -> Option<&'s Spread> {
    setting.measures.iter().find(|spread| spread.name == name)
}

/// How many layers were measured in all settings that have any.
fn layers(settings: &[SettingResult]) -> usize {
    let of = |setting: &SettingResult| {
        (1..).take_while(|&layer| find(setting, &equivariance_at(layer)).is_some()).count()
    };
    settings.iter().map(of).filter(|&layers| layers > 0).min().unwrap_or(0)
}

fn trade_offs(settings: &[SettingResult]) -> Vec<crate::report::Sweep> {
    let trade_off = |layer: usize| {
        let point = |setting: &SettingResult| {
            let (across, up) = (find(setting, &equivariance_at(layer))?, find(setting, LINEAR_PROBE)?);
            let bar =
                |spread: &Spread, scale: f64| (scale * spread.mean, scale * spread.deviation.unwrap_or(0.0));
            Some(SweepPoint {
                label: setting.label.clone(),
                equivariance: bar(across, 1.0),
                accuracy: bar(up, 100.0),
            })
        };
        crate::report::Sweep {
            equivariance: format!("equivariance of layer {layer}"),
            accuracy: "linear probe, %".into(),
            points: settings.iter().filter_map(point).collect(),
        }
    };
    let sweeps = (1..=layers(settings)).rev().map(trade_off);
    sweeps.filter(|sweep| !sweep.points.is_empty()).collect()
}

/// A line a setting.
fn by_layer(settings: &[SettingResult]) -> Option<LineChart> {
    let layers = layers(settings);
    let series = |setting: &SettingResult| {
        let at = |layer: usize| Some((layer as f64, find(setting, &equivariance_at(layer))?.mean));
        Series { name: setting.label.clone(), points: (1..=layers).map_while(at).collect() }
    };
    let title = "Equivariance by layer".into();
    let series = settings.iter().map(series).collect();
    (layers > 0).then_some(LineChart { title, x_label: "layer".into(), log_y: false, series })
}
