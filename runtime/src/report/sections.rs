//! The sections of the page, each from its part of the data.

use super::chart::{BarChart, BarGroup, Baseline, LineChart, ScatterChart};
use super::html::{escaped, section, table};
use super::{Equivariance, Picture, ReportData, Robustness, TokenMaps};

pub(super) fn headline(data: &ReportData) -> String {
    let card = |measurement: &super::Measurement| {
        format!(
            "<div class=\"card\"><span>{}</span><strong>{}</strong><small>{}</small></div>\n",
            escaped(&measurement.name),
            escaped(&measurement.value),
            escaped(&measurement.detail)
        )
    };
    let cards: String = data.headline.iter().map(card).collect();
    let content = if cards.is_empty() { cards } else { format!("<div class=\"cards\">\n{cards}</div>\n") };
    section("Results", "", &content)
}

pub(super) fn probes(data: &ReportData) -> String {
    let chart = |probe: &super::Probe| {
        BarChart {
            title: probe.name.clone(),
            value_label: "accuracy, %".into(),
            series: vec!["accuracy".into()],
            groups: probe
                .accuracies
                .iter()
                .map(|(of, accuracy)| BarGroup::new(of, [percent(*accuracy)]))
                .collect(),
            baseline: Baseline::LaterGroups,
            note: probe.protocol.clone(),
            ..BarChart::default()
        }
        .render()
    };
    let note = "Every accuracy stands beside what the same protocol reaches without learning.";
    section("Probes", note, &grid(data.probes.iter().map(chart)))
}

pub(super) fn equivariance(data: &ReportData) -> String {
    let note = "Higher is more equivariant. Layers from the input to the output; the embedding has no place in the image, so \
                its score is invariance.";
    section("Equivariance by layer", note, &grid(data.equivariance.iter().map(by_layer)))
}

pub(super) fn local(data: &ReportData) -> String {
    let note = "How fast tokens stop following the image as it begins to move, relative to their variance. Lower is \
                more equivariant.";
    section("Local equivariance error by layer", note, &grid(data.local.iter().map(by_layer)))
}

fn by_layer(of: &Equivariance) -> String {
    BarChart {
        title: of.action.clone(),
        value_label: of.score.clone(),
        series: vec!["before training".into(), "after training".into()],
        groups: of
            .layers
            .iter()
            .map(|layer| BarGroup::new(&layer.layer, [layer.before, layer.after]))
            .collect(),
        baseline: Baseline::FirstSeries,
        note: String::new(),
        reference: of.floor.map(|floor| ("ideal encoder, interpolated".into(), floor)),
    }
    .render()
}

pub(super) fn robustness(data: &ReportData) -> String {
    let charts = |of: &Robustness| {
        let bars = |title: &str, label: &str, rows: &[(String, Vec<f64>)]| {
            if rows.is_empty() {
                return String::new();
            }
            let group = |(name, shares): &(String, Vec<f64>)| {
                BarGroup::new(name, shares.iter().copied().map(percent).collect::<Vec<_>>())
            };
            BarChart {
                title: title.into(),
                value_label: label.into(),
                series: of.subjects.clone(),
                groups: rows.iter().map(group).collect(),
                ..BarChart::default()
            }
            .render()
        };
        let mut severities = of.severities.clone();
        severities
            .iter_mut()
            .flat_map(|series| &mut series.points)
            .for_each(|point| point.1 = percent(point.1));
        let lines = LineChart {
            title: "Accuracy by severity, %".into(),
            x_label: "severity; 0 is the image as it is".into(),
            log_y: false,
            series: severities,
        };
        let lines = if lines.series.is_empty() { String::new() } else { lines.render() };
        let charts = grid([
            bars("Accuracy by corruption", "accuracy, %", &of.accuracy),
            bars("Flip rate by perturbation, lower is better", "frames that change class, %", &of.flips),
            lines,
        ]);
        format!("<p class=\"note\">{}</p>\n{charts}", escaped(&of.protocol))
    };
    let charts: String = data.robustness.iter().map(charts).collect();
    section("Robustness", "", &charts)
}

pub(super) fn token_maps(data: &ReportData) -> String {
    let image = |picture: &Picture, what: &str| {
        format!("<div><img src=\"{}\" alt=\"{what}\"/><span>{what}</span></div>\n", picture.data_url())
    };
    let figure = |maps: &TokenMaps| {
        let images =
            [image(&maps.image, "x"), image(&maps.of_moved, "f(g·x)"), image(&maps.moved, "ρ_g f(x)")]
                .concat();
        let caption = escaped(&maps.caption);
        format!(
            "<figure>\n<figcaption>{caption}</figcaption>\n<div class=\"maps\">\n{images}</div>\n</figure>\n"
        )
    };
    let note = "Three principal components of the tokens as red, green and blue, the same for both maps. \
                An equivariant layer shows the same map twice.";
    section("Token maps", note, &grid(data.token_maps.iter().map(figure)))
}

pub(super) fn training(data: &ReportData) -> String {
    let chart = |title: &str, log_y: bool, series: &[super::Series]| {
        if series.is_empty() {
            return String::new();
        }
        let (title, series) = (title.into(), series.to_vec());
        LineChart { title, x_label: "step".into(), log_y, series }.render()
    };
    let charts = [
        chart("Losses by term", data.log_losses, &data.losses),
        chart("Gradient norms at the taps, weighted", true, &data.gradients),
    ];
    section("Training", "", &grid(charts))
}

pub(super) fn collapse(data: &ReportData) -> String {
    let chart = |series: &super::Series| {
        LineChart {
            title: series.name.clone(),
            x_label: "step".into(),
            log_y: false,
            series: vec![series.clone()],
        }
        .render()
    };
    let note = "A collapsing encoder drives these towards their least value.";
    section("Collapse signals", note, &grid(data.collapse.iter().map(chart)))
}

pub(super) fn cost(data: &ReportData) -> String {
    if data.cost.is_empty() {
        return String::new();
    }
    let total: f64 = data.cost.iter().map(|cost| cost.milliseconds).sum();
    let chart = BarChart {
        title: "Time of a step".into(),
        value_label: "milliseconds".into(),
        series: vec!["time".into()],
        groups: data.cost.iter().map(|cost| BarGroup::new(&cost.term, [cost.milliseconds])).collect(),
        ..BarChart::default()
    };
    let row = |cost: &super::TermCost| {
        let share = if total > 0.0 { 100.0 * cost.milliseconds / total } else { 0.0 };
        vec![
            cost.term.clone(),
            format!("{:.2}", cost.milliseconds),
            format!("{share:.1} %"),
            format!("{:.3}", cost.flops / 1e9),
        ]
    };
    let rows: Vec<Vec<String>> = data.cost.iter().map(row).collect();
    let table = table(&["term", "ms", "share", "GFLOP"], &rows, true);
    section("Cost by term", "", &grid([chart.render(), table]))
}

pub(super) fn sweeps(data: &ReportData) -> String {
    let chart = |sweep: &super::Sweep| {
        ScatterChart {
            title: format!("{} against {}", sweep.accuracy, sweep.equivariance),
            x_label: sweep.equivariance.clone(),
            y_label: sweep.accuracy.clone(),
            points: sweep.points.clone(),
        }
        .render()
    };
    let Some((first, others)) = data.sweeps.split_first() else { return String::new() };
    let note = "Bars are standard deviations over seeds. Up and to the right is better in both.";
    let first = format!("<div class=\"wide\">\n{}</div>\n", chart(first));
    section("Trade-off", note, &(first + &grid(others.iter().map(chart))))
}

pub(super) fn tables(data: &ReportData) -> String {
    let of = |of: &super::Table| {
        let headings: Vec<&str> = of.headings.iter().map(String::as_str).collect();
        let table = table(&headings, &of.rows, of.numbers);
        section(&of.title, &of.note, &format!("<div class=\"scroll\">\n{table}</div>\n"))
    };
    data.tables.iter().filter(|table| !table.rows.is_empty()).map(of).collect()
}

pub(super) fn charts(data: &ReportData) -> String {
    section("Curves", "", &grid(data.charts.iter().map(LineChart::render)))
}

pub(super) fn config(data: &ReportData) -> String {
    if data.config.is_empty() {
        return String::new();
    }
    let rows: Vec<Vec<String>> =
        data.config.iter().map(|(key, value)| vec![key.clone(), value.clone()]).collect();
    section("Configuration", "", &table(&["key", "value"], &rows, false))
}

/// A share in per cent, to a tenth.
fn percent(share: f64) -> f64 {
    (1000.0 * share).round() / 10.0
}

fn grid(figures: impl IntoIterator<Item = String>) -> String {
    let figures: String = figures.into_iter().collect();
    if figures.is_empty() { figures } else { format!("<div class=\"grid\">\n{figures}</div>\n") }
}
