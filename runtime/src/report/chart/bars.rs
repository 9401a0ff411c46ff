//! Bars from left to right, in groups, with their numbers.

use super::{Axis, WIDTH, colour, legend_entry, noted_figure, nothing_to_show};
use crate::report::chart::axis::short;
use crate::report::html::escaped;

/// Some quantities of some things.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BarChart {
    /// Caption.
    pub title: String,
    /// What is on the axis.
    pub value_label: String,
    /// Names of the bars of a group.
    pub series: Vec<String>,
    /// The groups, from the top.
    pub groups: Vec<BarGroup>,
    /// A value to compare all with, and its name.
    pub reference: Option<(String, f64)>,
    /// Which bars are there to compare others with, and therefore grey.
    pub baseline: Baseline,
    /// A sentence below; may be empty.
    pub note: String,
}

/// Which bars of a chart are grey.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Baseline {
    /// None.
    #[default]
    None,
    /// All groups but the first.
    LaterGroups,
    /// The first bar of each group.
    FirstSeries,
}

/// The bars of one thing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BarGroup {
    /// Its name.
    pub name: String,
    /// Length of each bar; one that is not finite is left out.
    pub values: Vec<f64>,
}

impl BarGroup {
    /// A group from its parts.
    pub fn new(name: &str, values: impl Into<Vec<f64>>) -> BarGroup {
        BarGroup { name: name.into(), values: values.into() }
    }
}

/// Thickness of a bar.
const BAR: f64 = 15.0;

/// Between two groups.
const GAP: f64 = 9.0;

/// Room for a number after its bar.
const NUMBER: f64 = 50.0;

/// Width of a character, on average; names longer than their room are cut, and whole in the title of the mark.
const CHARACTER: f64 = 7.0;

impl BarChart {
    /// The chart as a `<figure>`.
    pub fn render(&self) -> String {
        let longest = self.groups.iter().map(|group| group.name.chars().count()).max().unwrap_or(0);
        let left = (longest as f64 * CHARACTER + 10.0).clamp(20.0, 0.36 * WIDTH);
        let group_height = BAR * self.series.len() as f64 + GAP;
        let bottom = group_height * self.groups.len() as f64 + GAP / 2.0;
        let values = self.groups.iter().flat_map(|group| &group.values).copied();
        // Bars begin at 0, else their lengths would lie.
        let all =
            values.chain(self.reference.as_ref().map(|(_, value)| *value)).filter(|value| value.is_finite());
        if all.clone().next().is_none() {
            return nothing_to_show(&self.title);
        }
        let Some(axis) = Axis::over(all.chain([0.0]), false, left, WIDTH - NUMBER).map(Axis::rounded) else {
            return nothing_to_show(&self.title);
        };
        let mut marks = self.scale(&axis, bottom);
        marks += &self.reference_line(&axis, bottom);
        for (index, group) in self.groups.iter().enumerate() {
            let top = GAP / 2.0 + group_height * index as f64;
            marks += &self.group(group, index, top, left, &axis);
        }
        noted_figure(&self.title, &self.legend(), bottom + 42.0, &marks, &self.note)
    }

    fn scale(&self, axis: &Axis, bottom: f64) -> String {
        let mut marks = String::new();
        for (at, label) in axis.ticks() {
            marks += &format!(
                "<line class=\"gridline\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"0\" y2=\"{bottom:.1}\"/>\
                 <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>\n",
                bottom + 16.0
            );
        }
        let label = escaped(&self.value_label);
        marks
            + &format!(
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>\n",
                WIDTH / 2.0,
                bottom + 35.0
            )
    }

    fn group(&self, group: &BarGroup, index: usize, top: f64, left: f64, axis: &Axis) -> String {
        let room = ((left - 8.0) / CHARACTER) as usize;
        let middle = top + BAR * self.series.len() as f64 / 2.0;
        let mut marks = format!(
            "<text class=\"name\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n",
            left - 8.0,
            middle + 4.5,
            escaped(&cut(&group.name, room)),
        );
        for (bar, (series, &value)) in self.series.iter().zip(&group.values).enumerate() {
            let y = top + BAR * bar as f64;
            if !value.is_finite() {
                continue;
            }
            let (Some(zero), Some(end)) = (axis.place(0.0), axis.place(value)) else { continue };
            let class = self.class(index, bar);
            let (number, name) = (short(value), escaped(&group.name));
            marks += &format!(
                "<rect class=\"bar {class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"1.5\">\
                 <title>{name}, {}: {number}</title></rect>\
                 <text class=\"value\" x=\"{:.1}\" y=\"{:.1}\">{number}</text>\n",
                zero.min(end),
                y + 0.75,
                (end - zero).abs().max(0.5),
                BAR - 1.5,
                escaped(series),
                zero.max(end) + 5.0,
                y + BAR / 2.0 + 4.5,
            );
        }
        marks
    }

    fn class(&self, group: usize, bar: usize) -> String {
        match self.baseline {
            Baseline::LaterGroups if group > 0 => "other".into(),
            Baseline::FirstSeries if bar == 0 => "other".into(),
            Baseline::FirstSeries => colour(bar - 1),
            Baseline::None | Baseline::LaterGroups => colour(bar),
        }
    }

    fn reference_line(&self, axis: &Axis, bottom: f64) -> String {
        let Some((name, value)) = &self.reference else { return String::new() };
        let Some(at) = axis.place(*value) else { return String::new() };
        let (name, value) = (escaped(name), short(*value));
        format!(
            "<line class=\"reference\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"0\" y2=\"{bottom:.1}\">\
             <title>{name}: {value}</title></line>\n"
        )
    }

    fn legend(&self) -> String {
        let mut legend = String::new();
        if self.series.len() > 1 {
            for (index, name) in self.series.iter().enumerate() {
                let sample = format!(
                    "<rect class=\"bar {}\" width=\"32\" height=\"14\" rx=\"2\"/>",
                    self.class(0, index)
                );
                legend += &legend_entry(index, &sample, name, None);
            }
        }
        if let Some((name, value)) = &self.reference {
            let sample = "<path class=\"reference\" d=\"M0 7H32\"/>";
            legend += &legend_entry(self.series.len(), sample, name, Some(*value));
        }
        legend
    }
}

fn cut(name: &str, room: usize) -> String {
    match name.chars().count() <= room {
        true => name.into(),
        false => name.chars().take(room.saturating_sub(1)).chain(['…']).collect(),
    }
}
