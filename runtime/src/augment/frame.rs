//! Where a view lies in the image it was made of.

use super::Parameters;

/// A view's corner and sides in its source, in pixels of the source, (y, x). A view that was flipped or turned begins at
/// another corner of its box.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame {
    /// Where the view's upper left corner comes from.
    pub corner: [f32; 2],
    /// From there to where its lower left corner comes from.
    pub down: [f32; 2],
    /// From there to where its upper right corner comes from.
    pub right: [f32; 2],
}

impl Frame {
    /// Of the view with these parameters. An own augmentation that moves pixels is not known of here.
    pub fn of(parameters: &Parameters) -> Frame {
        let corner = source_of(parameters, [0.0, 0.0]);
        let side = |end: [f32; 2]| {
            let end = source_of(parameters, end);
            [end[0] - corner[0], end[1] - corner[1]]
        };
        Frame { corner, down: side([1.0, 0.0]), right: side([0.0, 1.0]) }
    }

    /// Corner, down, right.
    pub fn numbers(&self) -> [f32; 6] {
        let Frame { corner: [y, x], down: [down_y, down_x], right: [right_y, right_x] } = *self;
        [y, x, down_y, down_x, right_y, right_x]
    }
}

/// Where a point of a view, in shares of its sides, comes from, in pixels of the source: the steps from last to first.
fn source_of(parameters: &Parameters, point: [f32; 2]) -> [f32; 2] {
    let Parameters { crop, flipped, turns, .. } = parameters;
    // A quarter turn counterclockwise brings to (y, x) what was at (x, 1 - y).
    let [y, x] = (0..turns % 4).fold(point, |[y, x], _| [x, 1.0 - y]);
    let x = if *flipped { 1.0 - x } else { x };
    [crop.top + y * crop.height, crop.left + x * crop.width]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::{Draw, HorizontalFlip, Normalize, Pipeline, QuarterTurn, RandomResizedCrop, Step};
    use crate::data::Image;

    const SIDE: usize = 40;

    /// An image whose pixels say in which row, or in which column, they are.
    fn ruler(along: usize) -> Image {
        let place = |pixel: usize| [pixel / SIDE, pixel % SIDE][along];
        let pixels = (0..SIDE * SIDE).map(|pixel| 4 * place(pixel) as u8).collect();
        Image::new(1, SIDE, SIDE, pixels).expect("an image")
    }

    /// Pixels of views say where they come from, and frames say the same.
    #[test]
    fn a_frame_is_where_pixels_come_from() {
        let steps = vec![
            Step::RandomResizedCrop(RandomResizedCrop::new(8, [0.3, 0.8])),
            Step::HorizontalFlip(HorizontalFlip { p: 0.5 }),
            Step::QuarterTurn(QuarterTurn {}),
        ];
        let pipeline = Pipeline::new(steps, Normalize::gray(0.0, 1.0)).expect("a pipeline");
        let mut kinds = std::collections::BTreeSet::new();
        for sample in 0..80 {
            let parameters = pipeline.draw([SIDE; 2], &Draw::new(3, &[sample]));
            kinds.insert((parameters.flipped, parameters.turns));
            let Frame { corner, down, right } = Frame::of(&parameters);
            for along in 0..2 {
                let view = pipeline.normalize().pixels(pipeline.transform(&ruler(along), &parameters));
                // Borders are averages of less.
                for (row, column) in [(2, 2), (2, 5), (5, 2), (5, 5), (3, 4)] {
                    let [y, x] = [row, column].map(|pixel| (pixel as f32 + 0.5) / 8.0);
                    let expected = corner[along] + y * down[along] + x * right[along];
                    let found = view[row * 8 + column] * 255.0 / 4.0 + 0.5;
                    assert!((found - expected).abs() < 0.3, "{parameters:?}: {found}, not {expected}");
                }
            }
        }
        assert_eq!(kinds.len(), 8, "every flip with every turn");
    }
}
