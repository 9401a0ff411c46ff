//! `report.html`: one page that says how a run went, for a browser, a phone or paper.
//!
//! The page is self-contained: style, charts (SVG) and pictures (PNG in data URLs) are in it, no script, nothing from
//! the network. It follows the reader's choice of light or dark. It is well-formed XML as well as HTML, so that tests
//! can read it back.
//!
//! Charts are drawn here and not by a library because their colours have to be variables of the style sheet, to follow
//! light and dark; see [`chart`]. A section without data is left out.

pub mod chart;
mod findings;
mod html;
mod picture;
mod run;
mod sections;
#[cfg(test)]
mod tests;

use chart::{LineChart, Series};
use html::escaped;

pub use picture::{Picture, PictureError};
pub use run::ReportError;
pub(crate) use run::dotted_config;

/// What a report shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReportData {
    /// The run's name.
    pub title: String,
    /// What was run, in a sentence: method, encoder, data, length, time.
    pub summary: String,
    /// The few numbers to look at first.
    pub headline: Vec<Measurement>,
    /// Losses by term, over optimizer steps.
    pub losses: Vec<Series>,
    /// Whether losses are drawn on a logarithmic scale.
    pub log_losses: bool,
    /// Norms of each term's weighted gradient at its tap, over optimizer steps.
    pub gradients: Vec<Series>,
    /// Accuracies, each beside its baselines.
    pub probes: Vec<Probe>,
    /// Equivariance by layer, one for each action.
    pub equivariance: Vec<Equivariance>,
    /// Local equivariance error by layer, one for each way to move.
    pub local: Vec<Equivariance>,
    /// What corruptions cost, one for each source of corrupted images.
    pub robustness: Vec<Robustness>,
    /// Token maps of f(g·x) beside ρ_g f(x).
    pub token_maps: Vec<TokenMaps>,
    /// Signals of collapse over optimizer steps. Each is drawn on an axis of its own.
    pub collapse: Vec<Series>,
    /// What each term costs in a step.
    pub cost: Vec<TermCost>,
    /// Accuracy against equivariance, for a sweep: the one to look at first, then others.
    pub sweeps: Vec<Sweep>,
    /// Further tables, each a section of its own.
    pub tables: Vec<Table>,
    /// Further charts.
    pub charts: Vec<LineChart>,
    /// The resolved configuration: dotted key and value.
    pub config: Vec<(String, String)>,
}

/// A number with its name and how it was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// What it is.
    pub name: String,
    /// The number with its unit, as it is to be read.
    pub value: String,
    /// Which evaluation made it: protocol, split, seed; or what it is to be compared with.
    pub detail: String,
}

/// An accuracy beside those that the same protocol gives without learning.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// What it is: "linear probe".
    pub name: String,
    /// How it was measured, on which split, by which seed.
    pub protocol: String,
    /// What was probed and its accuracy in 0 to 1, the trained encoder first.
    pub accuracies: Vec<(String, f64)>,
}

/// How well each layer keeps an action.
#[derive(Clone, Debug, PartialEq)]
pub struct Equivariance {
    /// The action: "rotation by 90°".
    pub action: String,
    /// What the score is: "mean cosine of ρ_g f(x) and f(g·x)".
    pub score: String,
    /// Score of each layer before and after training; NaN where it was not measured.
    pub layers: Vec<LayerScore>,
    /// The score that interpolation alone leaves an ideal encoder, if it is below 1.
    pub floor: Option<f64>,
}

/// What corruptions cost each subject.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Robustness {
    /// Which images, and how they were classified.
    pub protocol: String,
    /// Who classified them, the trained encoder first.
    pub subjects: Vec<String>,
    /// Accuracy in 0 to 1 of each subject under each corruption.
    pub accuracy: Vec<(String, Vec<f64>)>,
    /// Accuracy in 0 to 1 over severities, 0 for the images as they are: one series a subject.
    pub severities: Vec<Series>,
    /// Share of frames whose class changes, of each subject under each perturbation.
    pub flips: Vec<(String, Vec<f64>)>,
}

/// The scores of a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerScore {
    /// Its name: "3", "output".
    pub layer: String,
    /// With the first values of the parameters.
    pub before: f64,
    /// With the trained ones.
    pub after: f64,
}

/// An image and its token maps, in principal components shown as colours.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct TokenMaps {
    /// Which image, layer and action.
    pub caption: String,
    /// The image x.
    pub image: Picture,
    /// f(g·x).
    pub of_moved: Picture,
    /// ρ_g f(x).
    pub moved: Picture,
}

/// What a term of the loss costs.
#[derive(Clone, Debug, PartialEq)]
pub struct TermCost {
    /// The term.
    pub term: String,
    /// Milliseconds of a step.
    pub milliseconds: f64,
    /// Floating-point operations of a step.
    pub flops: f64,
}

/// A table with a row of headings; the first column names the row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// What it shows.
    pub title: String,
    /// How to read it, in a sentence.
    pub note: String,
    /// Of its columns.
    pub headings: Vec<String>,
    /// As many cells each as there are headings.
    pub rows: Vec<Vec<String>>,
    /// Whether the columns but the first hold numbers.
    pub numbers: bool,
}

/// Accuracy against equivariance over the runs of a sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep {
    /// What is on the horizontal axis.
    pub equivariance: String,
    /// What is on the vertical axis.
    pub accuracy: String,
    /// One for each setting, in the order of the curve.
    pub points: Vec<SweepPoint>,
}

/// A setting of a sweep, over its seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepPoint {
    /// The setting: "layer 3".
    pub label: String,
    /// Mean and half-width of the error bar of the equivariance.
    pub equivariance: (f64, f64),
    /// Mean and half-width of the error bar of the accuracy.
    pub accuracy: (f64, f64),
}

/// The page.
pub fn render(data: &ReportData) -> String {
    let title = escaped(&data.title);
    let style = include_str!("style.css");
    let sections = [
        sections::headline(data),
        sections::sweeps(data),
        sections::tables(data),
        sections::charts(data),
        sections::probes(data),
        sections::equivariance(data),
        sections::local(data),
        sections::token_maps(data),
        sections::robustness(data),
        sections::training(data),
        sections::collapse(data),
        sections::cost(data),
        sections::config(data),
    ]
    .concat();
    format!(
        r#"<!DOCTYPE html>
<html lang="en" xmlns="http://www.w3.org/1999/xhtml">
<head>
<meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta name="color-scheme" content="light dark"/>
<title>{title} · equilayer</title>
<style>
{style}</style>
</head>
<body>
<header>
<h1>{title}</h1>
<p>{summary}</p>
</header>
<main>
{sections}</main>
<footer>Written by equilayer {version}.</footer>
</body>
</html>
"#,
        summary = escaped(&data.summary),
        version = env!("CARGO_PKG_VERSION"),
    )
}
