//! What a sliding window sees, its adjoint, and pooling, which reduces it.

use super::window::{Plane, Window, image_size};
use super::{Adjoint, Cost, Operator};
use crate::array::Array;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// What a window sees at each position: from an image batch `[B, C, H, W]` to
/// `[B, C, kernel height, kernel width, positions down, positions across]` ("im2col").
#[derive(Clone, Debug, PartialEq)]
pub struct Unfold {
    /// The window.
    pub window: Window,
    /// What it sees on padding.
    pub fill: f32,
}

/// The adjoint of [`Unfold`]: each pixel gets the sum of all that saw it.
#[derive(Clone, Debug, PartialEq)]
pub struct Fold {
    /// The window.
    pub window: Window,
    /// Height and width of the image.
    pub size: [usize; 2],
}

impl Unfold {
    /// How the window meets the input.
    pub(crate) fn plane(&self, input: &Shape) -> Result<Plane, String> {
        self.window.over(image_size(input)?)
    }
}

impl Operator for Unfold {
    fn name(&self) -> &'static str {
        "unfold"
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        let plane = self.plane(&inputs[0])?;
        Ok(vec![unfolded(&inputs[0], &plane)])
    }

    fn reference(&self, inputs: &[&Array], outputs: &[Shape]) -> Vec<Array> {
        let mut seen = Array::full(outputs[0], f64::from(self.fill));
        if let Ok(plane) = self.plane(inputs[0].shape()) {
            for_each_view(&plane, planes(inputs[0].shape()), |image, view| {
                seen.data_mut()[view] = inputs[0].data()[image]
            });
        }
        vec![seen]
    }

    fn gradient(&self, at: &Adjoint<'_>) -> Vec<Option<Tensor>> {
        let [_, _, height, width] = at.inputs[0].shape()[..] else { return vec![None] };
        let fold = Fold { window: self.window, size: [height, width] };
        vec![Some(at.gradient().graph().push(fold, &[at.gradient()]))]
    }

    /// Slices of the padded image, one for each tap. Padding with anything but 0 (the −∞ of a maximum) has none:
    /// 0 · ∞ is no number, and luminal has no choice but by arithmetic.
    fn decompose(&self, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
        let plane = self.plane(inputs[0].shape()).ok()?;
        let [batch, channels, ..] = inputs[0].shape()[..] else { return None };
        if self.fill != 0.0 || plane.taps() > usize::from(u8::MAX) {
            return None;
        }
        let Window { stride, padding, .. } = self.window;
        let [down, across] = plane.positions;
        let padded = inputs[0].pad(2, padding, padding + stride).pad(3, padding, padding + stride);
        let taps: Vec<Tensor> = taps(&plane)
            .map(|[i, j]| {
                let seen = padded.slice(2, i, down * stride).slice(3, j, across * stride);
                let cells = seen.reshape([batch, channels, down, stride, across, stride]);
                cells.slice(3, 0, 1).slice(5, 0, 1).reshape([batch, channels, 1, down, across])
            })
            .collect();
        let (first, others) = taps.split_first()?;
        let joined = first.concat(&others.iter().collect::<Vec<_>>(), 2);
        Some(vec![joined.reshape(unfolded(inputs[0].shape(), &plane))])
    }

    fn cost(&self, inputs: &[Shape], outputs: &[Shape]) -> Cost {
        Cost::new(0, inputs, outputs)
    }
}

impl Operator for Fold {
    fn name(&self) -> &'static str {
        "fold"
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        let [batch, channels, ..] = inputs[0][..] else {
            return Err(format!("{} is not what a window saw: it has fewer than 2 axes", inputs[0]));
        };
        let image = Shape::from([batch, channels, self.size[0], self.size[1]]);
        let expected = unfolded(&image, &self.window.over(self.size)?);
        match inputs[0] == expected {
            true => Ok(vec![image]),
            false => Err(format!("the window sees {expected} of an image {image}, not {}", inputs[0])),
        }
    }

    fn reference(&self, inputs: &[&Array], outputs: &[Shape]) -> Vec<Array> {
        let mut sums = Array::zeros(outputs[0]);
        if let Ok(plane) = self.window.over(self.size) {
            for_each_view(&plane, planes(&outputs[0]), |image, view| {
                sums.data_mut()[image] += inputs[0].data()[view]
            });
        }
        vec![sums]
    }

    fn gradient(&self, at: &Adjoint<'_>) -> Vec<Option<Tensor>> {
        let unfold = Unfold { window: self.window, fill: 0.0 };
        vec![Some(at.gradient().graph().push(unfold, &[at.gradient()]))]
    }

    /// A sum over the taps of what each saw, spread by the stride and put in its place.
    fn decompose(&self, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
        let plane = self.window.over(self.size).ok()?;
        let [batch, channels, ..] = inputs[0].shape()[..] else { return None };
        let Window { stride, padding, .. } = self.window;
        let [down, across] = plane.positions;
        let whole = self.size.map(|length| length + 2 * padding + stride);
        let placed = taps(&plane).map(|[i, j]| {
            let seen = inputs[0].slice(2, i, 1).slice(3, j, 1).reshape([batch, channels, down, 1, across, 1]);
            let spread = seen.pad(3, 0, stride - 1).pad(5, 0, stride - 1);
            let [height, width] = [down * stride, across * stride];
            let spread = spread.reshape([batch, channels, height, width]);
            spread.pad(2, i, whole[0] - i - height).pad(3, j, whole[1] - j - width)
        });
        let sum = placed.reduce(|sum, tap| sum + tap)?;
        Some(vec![sum.slice(2, padding, self.size[0]).slice(3, padding, self.size[1])])
    }

    fn cost(&self, inputs: &[Shape], outputs: &[Shape]) -> Cost {
        Cost::new(inputs[0].elements(), inputs, outputs)
    }
}

/// The shape of what a window sees of an image batch.
fn unfolded(image: &Shape, plane: &Plane) -> Shape {
    let ([kernel_height, kernel_width], [down, across]) = (plane.window.kernel, plane.positions);
    Shape::from([image[0], image[1], kernel_height, kernel_width, down, across])
}

/// How many planes an image batch has.
fn planes(image: &Shape) -> usize {
    image[0] * image[1]
}

/// All taps of a window, row by row.
fn taps(plane: &Plane) -> impl Iterator<Item = [usize; 2]> + use<> {
    let [height, width] = plane.window.kernel;
    (0..height).flat_map(move |i| (0..width).map(move |j| [i, j]))
}

/// Visits each pixel for each tap and position that sees it: its place in the image, and in what is seen.
fn for_each_view(plane: &Plane, planes: usize, mut visit: impl FnMut(usize, usize)) {
    for number in 0..planes {
        for (tap, [i, j]) in taps(plane).enumerate() {
            for down in plane.visible(0, i) {
                for across in plane.visible(1, j) {
                    let (Some(y), Some(x)) = (plane.pixel(0, down, i), plane.pixel(1, across, j)) else {
                        continue;
                    };
                    let image = number * plane.pixels() + y * plane.size[1] + x;
                    let view =
                        (number * plane.taps() + tap) * plane.places() + down * plane.positions[1] + across;
                    visit(image, view);
                }
            }
        }
    }
}

impl Tensor {
    /// What a window sees at each position of an image batch `[B, C, H, W]`, with `fill` on padding:
    /// `[B, C, kernel height, kernel width, positions down, positions across]`.
    #[track_caller]
    pub fn unfold(&self, window: Window, fill: f32) -> Tensor {
        self.graph().push(Unfold { window, fill }, &[self])
    }

    /// Maxima of an image batch `[B, C, H, W]` in a sliding window. Padding is never the maximum; it is at most half
    /// the kernel, so that every window sees a pixel. Equal maxima share the gradient.
    #[track_caller]
    pub fn max_pool2d(&self, window: Window) -> Tensor {
        match seeing(window) {
            Ok(()) => self.unfold(window, f32::NEG_INFINITY).max(&[2, 3]),
            Err(detail) => self.graph().refuse("max_pool2d", detail, &[self]),
        }
    }

    /// Means of an image batch `[B, C, H, W]` in a sliding window. Padding counts as zeros, as by default in
    /// PyTorch; it is at most half the kernel. For the mean of whole images take `mean(&[2, 3])`.
    #[track_caller]
    pub fn avg_pool2d(&self, window: Window) -> Tensor {
        match seeing(window) {
            Ok(()) => self.unfold(window, 0.0).mean(&[2, 3]),
            Err(detail) => self.graph().refuse("avg_pool2d", detail, &[self]),
        }
    }
}

/// Refuses windows that can see nothing but padding.
fn seeing(window: Window) -> Result<(), String> {
    let Window { kernel: [height, width], padding, .. } = window;
    match padding <= height / 2 && padding <= width / 2 {
        true => Ok(()),
        false => Err(format!("padding {padding} is more than half of the kernel {height} × {width}")),
    }
}
