//! Where the names of points go, so that none lies on another.

use super::{HEIGHT, WIDTH};

/// About how wide a character is, and how high a line, in the drawing's units.
const CHARACTER: f64 = 7.0;
const LINE: f64 = 14.0;

/// A name's place: where its text is anchored, and by which end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Label {
    pub x: f64,
    /// Of the text's base line.
    pub y: f64,
    /// `start` or `end`.
    pub anchor: &'static str,
}

/// Left, right, top and bottom.
type Area = [f64; 4];

/// A place for each point's name beside it: the first, of those around it, that covers no other point and no other
/// name; above it on the right if there is none.
pub(super) fn place(points: &[(f64, f64, &str)]) -> Vec<Label> {
    let mut taken: Vec<Area> = points.iter().map(|&(x, y, _)| [x - 5.0, x + 5.0, y - 5.0, y + 5.0]).collect();
    let name = |&(x, y, name): &(f64, f64, &str)| {
        let width = CHARACTER * name.chars().count() as f64;
        let places = around(x, y).map(|label| (label, area(label, width)));
        let is_free =
            |(_, area): &&(Label, Area)| is_inside(area) && !taken.iter().any(|other| meet(area, other));
        let (label, area) = *places.iter().find(is_free).unwrap_or(&places[0]);
        taken.push(area);
        label
    };
    points.iter().map(name).collect()
}

/// Above and below, on the right and on the left; then farther above and below.
fn around(x: f64, y: f64) -> [Label; 8] {
    let right = |up: f64| Label { x: x + 7.0, y: y + up, anchor: "start" };
    let left = |up: f64| Label { x: x - 7.0, y: y + up, anchor: "end" };
    let [above, below, far_above, far_below] = [-7.0, 15.0, -20.0, 28.0];
    [
        right(above),
        right(below),
        left(above),
        left(below),
        right(far_above),
        right(far_below),
        left(far_above),
        left(far_below),
    ]
}

fn area(Label { x, y, anchor }: Label, width: f64) -> Area {
    let left = if anchor == "end" { x - width } else { x };
    [left, left + width, y - LINE, y]
}

fn is_inside(&[left, right, top, bottom]: &Area) -> bool {
    left >= 0.0 && right <= WIDTH && top >= 0.0 && bottom <= HEIGHT
}

fn meet(a: &Area, b: &Area) -> bool {
    a[0] < b[1] && b[0] < a[1] && a[2] < b[3] && b[2] < a[3]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_near_points_lie_apart() {
        let points = [
            (100.0, 100.0, "layer 1"),
            (104.0, 102.0, "layer 2"),
            (98.0, 99.0, "none"),
            (101.0, 97.0, "layer 3"),
        ];
        let labels = place(&points);
        let areas: Vec<Area> = labels
            .iter()
            .zip(points)
            .map(|(&label, (_, _, name))| area(label, CHARACTER * name.chars().count() as f64))
            .collect();
        for (index, first) in areas.iter().enumerate() {
            assert!(areas[index + 1..].iter().all(|second| !meet(first, second)), "{labels:?}");
        }
    }

    #[test]
    fn a_name_at_the_edge_stays_in_the_drawing() {
        let labels = place(&[(WIDTH - 10.0, 20.0, "layer 4"), (60.0, 100.0, "none")]);
        assert_eq!((labels[0].anchor, labels[1].anchor), ("end", "start"));
        assert_eq!(labels[1], Label { x: 67.0, y: 93.0, anchor: "start" });
    }
}
