//! Windows sliding over images: the geometry that pooling and convolution share.

use crate::shape::{MAX_ELEMENTS, Shape};

/// A window that slides over the last two axes of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// Its height and width.
    pub kernel: [usize; 2],
    /// Pixels from one position to the next, in both directions.
    pub stride: usize,
    /// Pixels added on each of the four sides.
    pub padding: usize,
}

/// A window on planes of one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plane {
    pub window: Window,
    /// Height and width of the image.
    pub size: [usize; 2],
    /// Positions of the window, vertically and horizontally.
    pub positions: [usize; 2],
}

impl Window {
    /// How the window meets images of this height and width.
    pub(crate) fn over(self, size: [usize; 2]) -> Result<Plane, String> {
        let [height, width] = self.kernel;
        if self.stride == 0 || self.kernel.contains(&0) {
            return Err(format!(
                "the kernel is {height} × {width}, the stride {}; both are at least 1",
                self.stride
            ));
        }
        if [height, width, self.stride, self.padding].iter().any(|&length| length > MAX_ELEMENTS) {
            return Err(format!("kernel, stride and padding are at most {MAX_ELEMENTS}"));
        }
        let mut positions = [0; 2];
        for (axis, side) in ["height", "width"].into_iter().enumerate() {
            let padded = size[axis].saturating_add(self.padding.saturating_mul(2));
            let Some(room) = padded.checked_sub(self.kernel[axis]) else {
                return Err(format!(
                    "a kernel of {side} {} does not fit {side} {} with padding {}; the {side} must be at least {}",
                    self.kernel[axis],
                    size[axis],
                    self.padding,
                    self.kernel[axis].saturating_sub(self.padding.saturating_mul(2))
                ));
            };
            positions[axis] = room / self.stride + 1;
        }
        Ok(Plane { window: self, size, positions })
    }
}

impl Plane {
    /// Pixels of the image.
    pub fn pixels(&self) -> usize {
        self.size[0] * self.size[1]
    }

    /// Positions of the window.
    pub fn places(&self) -> usize {
        self.positions[0] * self.positions[1]
    }

    /// Pixels of the window.
    pub fn taps(&self) -> usize {
        self.window.kernel[0] * self.window.kernel[1]
    }

    /// The pixel along one axis (0 vertical, 1 horizontal) that tap `tap` sees from a position; nothing on padding.
    #[inline]
    pub fn pixel(&self, axis: usize, position: usize, tap: usize) -> Option<usize> {
        let padded = position * self.window.stride + tap;
        padded.checked_sub(self.window.padding).filter(|&pixel| pixel < self.size[axis])
    }

    /// The positions from which a tap sees a pixel, not padding.
    pub fn visible(&self, axis: usize, tap: usize) -> std::ops::Range<usize> {
        let Window { stride, padding, .. } = self.window;
        let end = (self.size[axis] + padding).saturating_sub(tap).div_ceil(stride).min(self.positions[axis]);
        padding.saturating_sub(tap).div_ceil(stride).min(end)..end
    }
}

/// Height and width of an image batch.
pub(super) fn image_size(shape: &Shape) -> Result<[usize; 2], String> {
    match shape[..] {
        [_, _, height, width] if shape.rank() == 4 => Ok([height, width]),
        _ => Err(format!("an image batch is [batch, channels, height, width], not {shape}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visible_positions_are_those_that_see_a_pixel() {
        for (size, kernel, stride, padding) in
            [(5, 3, 1, 1), (7, 3, 2, 1), (4, 2, 3, 0), (1, 3, 1, 1), (2, 1, 1, 2)]
        {
            let window = Window { kernel: [kernel; 2], stride, padding };
            let plane = window.over([size; 2]).expect("the kernel fits");
            for tap in 0..kernel {
                let seen =
                    (0..plane.positions[1]).filter(|&position| plane.pixel(1, position, tap).is_some());
                assert!(seen.eq(plane.visible(1, tap)), "tap {tap} of {plane:?}");
            }
        }
    }

    #[test]
    fn a_kernel_that_does_not_fit_is_refused_with_the_size_it_needs() {
        let window = Window { kernel: [5, 7], stride: 1, padding: 1 };
        let error = window.over([3, 4]).expect_err("width 4 with padding is 6");
        assert!(error.ends_with("the width must be at least 5"), "{error}");
    }
}
