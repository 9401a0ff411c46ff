//! Charts as SVG: lines over steps, bars side by side, points with error bars.
//!
//! A chart is drawn for its smallest reader: 460 units wide with text of 13, so that it is legible at the 350 pixels of
//! a phone and two stand beside each other on a desk. Colours are classes (`c0` to `c5`) that the page's style sheet
//! makes light or dark; on paper lines also differ in their dashes. The legend is
//! HTML, since only that wraps. Every mark has a `<title>`, which browsers show under the pointer.

mod axis;
mod bars;
mod labels;
mod line;
mod scatter;

pub use bars::{BarChart, BarGroup, Baseline};
pub use line::{LineChart, Series};
pub use scatter::ScatterChart;

use super::html::escaped;
use axis::Axis;

/// Units from left to right.
const WIDTH: f64 = 460.0;

/// Units from top to bottom, of charts with two axes.
const HEIGHT: f64 = 270.0;

/// How many colours there are; further series begin again, with other dashes.
const COLOURS: usize = 6;

/// Frame, caption and legend around a drawing of this height.
fn figure(title: &str, legend: &str, height: f64, marks: &str) -> String {
    noted_figure(title, legend, height, marks, "")
}

/// The same, with a sentence below.
fn noted_figure(title: &str, legend: &str, height: f64, marks: &str, note: &str) -> String {
    let title = escaped(title);
    let note =
        if note.is_empty() { String::new() } else { format!("<p class=\"note\">{}</p>\n", escaped(note)) };
    let legend =
        if legend.is_empty() { String::new() } else { format!("<ul class=\"legend\">\n{legend}</ul>\n") };
    format!(
        "<figure>\n<figcaption>{title}</figcaption>\n{legend}<svg xmlns=\"http://www.w3.org/2000/svg\" \
         viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{title}\">\n{marks}</svg>\n{note}</figure>\n"
    )
}

/// What a chart without a single finite value shows instead.
fn nothing_to_show(title: &str) -> String {
    let middle = WIDTH / 2.0;
    let text = format!("<text x=\"{middle}\" y=\"40\" text-anchor=\"middle\">nothing was measured</text>\n");
    figure(title, "", 70.0, &text)
}

/// An entry of the legend: a sample of the mark, a name, and perhaps a value.
fn legend_entry(series: usize, mark: &str, name: &str, value: Option<f64>) -> String {
    let value = value.map_or(String::new(), |value| format!(" <b>{}</b>", axis::short(value)));
    let class = colour(series);
    format!(
        "<li><svg viewBox=\"0 0 32 14\" class=\"{class}\" aria-hidden=\"true\">{mark}</svg>{}{value}</li>\n",
        escaped(name)
    )
}

fn colour(series: usize) -> String {
    format!("c{}", series % COLOURS)
}

/// Grid, ticks and labels of a chart with two axes.
fn frame(x: &Axis, y: &Axis, x_label: &str, y_label: &str) -> String {
    let (left, right, bottom) = (x.start, x.end, y.start);
    let mut marks = String::new();
    for (at, label) in y.ticks() {
        marks += &format!(
            "<line class=\"gridline\" x1=\"{left:.1}\" x2=\"{right:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>\n",
            left - 6.0,
            at + 4.0,
        );
    }
    for (at, label) in x.ticks() {
        marks += &format!(
            "<line class=\"axis\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{bottom:.1}\" y2=\"{:.1}\"/>\
             <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>\n",
            bottom + 4.0,
            bottom + 18.0,
        );
    }
    marks += &format!(
        "<line class=\"axis\" x1=\"{left:.1}\" x2=\"{right:.1}\" y1=\"{bottom:.1}\" y2=\"{bottom:.1}\"/>\n"
    );
    marks += &format!(
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n",
        (left + right) / 2.0,
        bottom + 36.0,
        escaped(x_label),
    );
    if !y_label.is_empty() {
        // Above the axis: no turned text, and as much room as the chart is wide.
        marks += &format!("<text x=\"0\" y=\"12\">{}</text>\n", escaped(y_label));
    }
    marks
}
