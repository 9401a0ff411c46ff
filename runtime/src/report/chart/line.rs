//! Lines over steps.

use super::{Axis, COLOURS, HEIGHT, WIDTH, colour, figure, frame, legend_entry, nothing_to_show};
use crate::report::html::escaped;

/// A quantity over steps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// Its name.
    pub name: String,
    /// Steps, ascending, and values. A value that cannot be drawn leaves a gap.
    pub points: Vec<(f64, f64)>,
}

/// Some series in one chart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LineChart {
    /// Caption.
    pub title: String,
    /// What is on the horizontal axis.
    pub x_label: String,
    /// Whether the vertical axis is logarithmic; values up to 0 are then gaps.
    pub log_y: bool,
    /// The lines.
    pub series: Vec<Series>,
}

/// Pieces that a line is cut into; of each, only the lowest and the highest point are drawn, so that peaks stay.
const PIECES: usize = 240;

/// Lines of one colour are told apart by these.
const DASHES: [&str; 3] = ["none", "7 3", "2 2.5"];

impl LineChart {
    /// The chart as a `<figure>`.
    pub fn render(&self) -> String {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let drawable = |value: f64| value.is_finite() && (!self.log_y || value > 0.0);
        let steps = points().filter(|&&(_, value)| drawable(value)).map(|&(step, _)| step);
        let x = Axis::over(steps, false, 54.0, WIDTH - 14.0);
        let y = Axis::over(points().map(|&(_, value)| value), self.log_y, HEIGHT - 44.0, 8.0);
        let (Some(x), Some(y)) = (x, y.map(Axis::rounded)) else { return nothing_to_show(&self.title) };
        let mut marks = frame(&x, &y, &self.x_label, "");
        let mut legend = String::new();
        for (index, series) in self.series.iter().enumerate() {
            let (class, dashes) = (colour(index), DASHES[index / COLOURS % DASHES.len()]);
            let last = series.points.iter().rev().map(|&(_, value)| value).find(|value| value.is_finite());
            marks += &format!(
                "<path class=\"line {class}\" stroke-dasharray=\"{dashes}\" d=\"{}\"><title>{}</title></path>\n",
                path(&thinned(&series.points), &x, &y),
                escaped(&series.name),
            );
            let sample = format!(
                "<path class=\"line {class}\" stroke-width=\"4\" stroke-dasharray=\"{dashes}\" d=\"M0 7H32\"/>"
            );
            // The caption names a line that is alone.
            let name = if self.series.len() == 1 { "last value" } else { &series.name };
            legend += &legend_entry(index, &sample, name, last);
        }
        figure(&self.title, &legend, HEIGHT, &marks)
    }
}

/// The lowest and the highest point of each piece, in order, and every point that cannot be drawn.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() <= 2 * PIECES {
        return points.to_vec();
    }
    let size = points.len().div_ceil(PIECES);
    points.chunks(size).flat_map(extremes).collect()
}

fn extremes(piece: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let by_value = |&(_, a): &(f64, &(f64, f64)), &(_, b): &(f64, &(f64, f64))| a.1.total_cmp(&b.1);
    let numbered = || piece.iter().enumerate().map(|(index, point)| (index as f64, point));
    let finite = || numbered().filter(|(_, point)| point.1.is_finite());
    let mut kept: Vec<(f64, &(f64, f64))> =
        numbered().find(|(_, point)| !point.1.is_finite()).into_iter().collect();
    kept.extend(finite().min_by(by_value));
    kept.extend(finite().max_by(by_value));
    kept.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    kept.into_iter().map(|(_, point)| *point).collect()
}

/// Straight lines from point to point, with gaps where there is nothing to draw.
fn path(points: &[(f64, f64)], x: &Axis, y: &Axis) -> String {
    let mut path = String::new();
    let mut command = 'M';
    for &(step, value) in points {
        match (x.place(step), y.place(value)) {
            (Some(x), Some(y)) if value.is_finite() => {
                path += &format!("{command}{x:.1} {y:.1}");
                command = 'L';
            }
            _ => command = 'M',
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_series_are_thinned_but_keep_their_peaks_and_gaps() {
        let mut points: Vec<(f64, f64)> = (0..100_000).map(|i| (f64::from(i), f64::from(i).sin())).collect();
        points[51_234].1 = 40.0;
        points[70_000].1 = f64::NAN;
        let thin = thinned(&points);
        assert!(thin.len() <= 2 * PIECES + 1, "{}", thin.len());
        assert!(thin.contains(&(51_234.0, 40.0)));
        assert_eq!(thin.iter().filter(|(_, value)| value.is_nan()).count(), 1);
        assert!(thin.is_sorted_by_key(|&(step, _)| step));
        assert_eq!(thinned(&points[..100]), points[..100]);
    }

    #[test]
    fn what_cannot_be_drawn_is_a_gap() {
        let axis = |log| Axis::over([1.0, 10.0], log, 0.0, 9.0).expect("an axis");
        let points = [(1.0, 1.0), (2.0, f64::NAN), (4.0, 1.0), (10.0, 10.0)];
        assert_eq!(path(&points, &axis(false), &axis(false)), "M0.0 0.0M3.0 0.0L9.0 9.0");
        assert_eq!(path(&[(1.0, 0.0), (1.0, 1.0)], &axis(false), &axis(true)), "M0.0 0.0");
    }
}
