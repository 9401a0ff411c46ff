//! Points with error bars, joined in their order: the curve of a sweep.

use super::labels::{self, Label};
use super::{Axis, HEIGHT, WIDTH, figure, frame, nothing_to_show};
use crate::report::SweepPoint;
use crate::report::chart::axis::short;
use crate::report::html::escaped;

/// Points in a plane.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScatterChart {
    /// Caption.
    pub title: String,
    /// What is on the horizontal axis.
    pub x_label: String,
    /// What is on the vertical axis.
    pub y_label: String,
    /// The points, in the order that they are joined in; one that is not finite is left out.
    pub points: Vec<SweepPoint>,
}

impl ScatterChart {
    /// The chart as a `<figure>`.
    pub fn render(&self) -> String {
        let ends = |(mean, error): (f64, f64)| {
            let error = if error.is_finite() { error.abs() } else { 0.0 };
            [mean - error, mean + error]
        };
        let xs = self.points.iter().flat_map(|point| ends(point.equivariance));
        let ys = self.points.iter().flat_map(|point| ends(point.accuracy));
        let x = Axis::over(xs, false, 54.0, WIDTH - 20.0).map(Axis::rounded);
        let y = Axis::over(ys, false, HEIGHT - 44.0, 26.0).map(Axis::rounded);
        let (Some(x), Some(y)) = (x, y) else { return nothing_to_show(&self.title) };
        let place = |point: &SweepPoint| Some((x.place(point.equivariance.0)?, y.place(point.accuracy.0)?));
        let placed: Vec<(&SweepPoint, (f64, f64))> =
            self.points.iter().filter_map(|point| Some((point, place(point)?))).collect();
        let named: Vec<(f64, f64, &str)> =
            placed.iter().map(|&(point, (across, up))| (across, up, point.label.as_str())).collect();
        let (mut curve, mut dots) = (String::new(), String::new());
        for ((point, (across, up)), name) in placed.into_iter().zip(labels::place(&named)) {
            curve += &format!("{}{across:.1} {up:.1}", if curve.is_empty() { 'M' } else { 'L' });
            let [left, right] = ends(point.equivariance).map(|end| x.place(end).unwrap_or(across));
            let [low, high] = ends(point.accuracy).map(|end| y.place(end).unwrap_or(up));
            let label = escaped(&point.label);
            let ((e, de), (a, da)) = (point.equivariance, point.accuracy);
            let numbers = [e, de, a, da].map(short);
            let Label { x: text_x, y: text_y, anchor } = name;
            dots += &format!(
                "<path class=\"error\" d=\"M{left:.1} {up:.1}H{right:.1}M{across:.1} {low:.1}V{high:.1}\"/>\
                 <circle class=\"dot c0\" cx=\"{across:.1}\" cy=\"{up:.1}\" r=\"4\">\
                 <title>{label}: {} ± {}, {} ± {}</title></circle>\
                 <text class=\"name\" x=\"{text_x:.1}\" y=\"{text_y:.1}\" text-anchor=\"{anchor}\">{label}</text>\n",
                numbers[0], numbers[1], numbers[2], numbers[3],
            );
        }
        let line = format!("<path class=\"line c0\" opacity=\"0.4\" d=\"{curve}\"/>\n");
        let marks = [frame(&x, &y, &self.x_label, &self.y_label), line, dots].concat();
        figure(&self.title, "", HEIGHT, &marks)
    }
}
