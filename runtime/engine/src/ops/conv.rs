//! Convolution of images (as in all deep learning: cross-correlation).
//!
//! Convolution, its transpose and its derivative by the weight are three sums of the same products
//! `x[pixel] · w[tap] · y[position]`, and each other's derivatives. Their kernels unfold a few channels or rows of
//! one image at a time; what the window sees is never held for a batch.

use super::window::{Plane, Window, image_size};
use super::{Adjoint, Cost, Fold, Operator};
use crate::array::Array;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// How a kernel is moved over an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Convolution {
    /// Pixels from one position to the next, in both directions.
    pub stride: usize,
    /// Zeros added on each of the four sides.
    pub padding: usize,
    /// Equal parts into which the channels are cut, each convolved on its own: 1, or the number of channels for a
    /// depthwise convolution.
    pub groups: usize,
}

/// From x `[B, C, H, W]` and w `[O, C/groups, height, width]` to y `[B, O, positions down, positions across]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Conv2d(pub Convolution);

/// The transposed convolution, a convolution's derivative by its image: from y and w to x.
#[derive(Clone, Debug, PartialEq)]
pub struct Conv2dTranspose {
    /// The convolution.
    pub convolution: Convolution,
    /// Height and width of x.
    pub size: [usize; 2],
}

/// A convolution's derivative by its weight: from x and y to w.
#[derive(Clone, Debug, PartialEq)]
pub struct Conv2dWeight {
    /// The convolution.
    pub convolution: Convolution,
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
}

/// All lengths of a convolution.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConvSizes {
    pub batch: usize,
    pub groups: usize,
    /// Channels of x in a group.
    pub inputs: usize,
    /// Channels of y in a group.
    pub outputs: usize,
    pub plane: Plane,
}

impl Convolution {
    /// The lengths of this convolution of x with w, or what is wrong.
    pub(crate) fn sizes(&self, x: &Shape, w: &Shape) -> Result<ConvSizes, String> {
        let size = image_size(x)?;
        let [outputs, inputs, height, width] = w[..] else {
            return Err(format!("a weight is [outputs, channels / groups, height, width], not {w}"));
        };
        let groups = self.groups;
        if groups == 0 || !x[1].is_multiple_of(groups) || !outputs.is_multiple_of(groups) {
            return Err(format!("{groups} groups do not divide {} channels into {outputs} outputs", x[1]));
        }
        if inputs != x[1] / groups {
            let expected = x[1] / groups;
            return Err(format!(
                "the weight has {inputs} channels a group; {} in {groups} groups have {expected}",
                x[1]
            ));
        }
        let window = Window { kernel: [height, width], stride: self.stride, padding: self.padding };
        Ok(ConvSizes { batch: x[0], groups, inputs, outputs: outputs / groups, plane: window.over(size)? })
    }
}

impl ConvSizes {
    fn x(&self) -> Shape {
        Shape::from([self.batch, self.groups * self.inputs, self.plane.size[0], self.plane.size[1]])
    }

    fn y(&self) -> Shape {
        Shape::from([
            self.batch,
            self.groups * self.outputs,
            self.plane.positions[0],
            self.plane.positions[1],
        ])
    }

    fn w(&self) -> Shape {
        let [height, width] = self.plane.window.kernel;
        Shape::from([self.groups * self.outputs, self.inputs, height, width])
    }

    /// Products of one output of one group: channels times taps.
    pub fn depth(&self) -> usize {
        self.inputs * self.plane.taps()
    }

    fn check_y(&self, y: &Shape) -> Result<(), String> {
        match *y == self.y() {
            true => Ok(()),
            false => Err(format!("the convolution gives {}, not {y}", self.y())),
        }
    }

    fn cost(&self, inputs: &[Shape], outputs: &[Shape]) -> Cost {
        Cost::new(2 * self.depth() * self.y().elements(), inputs, outputs)
    }

    /// Visits all products: places in x, w and y.
    fn for_each(&self, mut visit: impl FnMut(usize, usize, usize)) {
        let plane = &self.plane;
        let [_, kernel_width] = plane.window.kernel;
        for (batch, y_channel) in pairs(self.batch, self.groups * self.outputs) {
            let group = y_channel / self.outputs;
            for (channel, tap) in pairs(self.inputs, plane.taps()) {
                let x_plane = ((batch * self.groups + group) * self.inputs + channel) * plane.pixels();
                let y_plane = (batch * self.groups * self.outputs + y_channel) * plane.places();
                let w = (y_channel * self.inputs + channel) * plane.taps() + tap;
                for (down, across) in pairs(plane.positions[0], plane.positions[1]) {
                    let row = plane.pixel(0, down, tap / kernel_width);
                    let column = plane.pixel(1, across, tap % kernel_width);
                    if let (Some(row), Some(column)) = (row, column) {
                        let y = y_plane + down * plane.positions[1] + across;
                        visit(x_plane + row * plane.size[1] + column, w, y);
                    }
                }
            }
        }
    }

    /// What the window sees of x, `[B, groups, depth, places]`.
    fn unfolded(&self, x: &Tensor) -> Tensor {
        x.unfold(self.plane.window, 0.0).reshape([self.batch, self.groups, self.depth(), self.plane.places()])
    }

    /// y as `[B, groups, outputs, places]`.
    fn grouped_y(&self, y: &Tensor) -> Tensor {
        y.reshape([self.batch, self.groups, self.outputs, self.plane.places()])
    }

    /// w as `[groups, outputs, depth]`.
    fn grouped_w(&self, w: &Tensor) -> Tensor {
        w.reshape([self.groups, self.outputs, self.depth()])
    }
}

fn pairs(a: usize, b: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..a).flat_map(move |i| (0..b).map(move |j| (i, j)))
}

impl Conv2d {
    pub(crate) fn sizes(&self, inputs: &[Shape]) -> Result<ConvSizes, String> {
        self.0.sizes(&inputs[0], &inputs[1])
    }
}

impl Operator for Conv2d {
    fn name(&self) -> &'static str {
        "conv2d"
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        Ok(vec![self.sizes(inputs)?.y()])
    }

    fn reference(&self, inputs: &[&Array], outputs: &[Shape]) -> Vec<Array> {
        let mut y = Array::zeros(outputs[0]);
        if let Ok(sizes) = self.sizes(&[*inputs[0].shape(), *inputs[1].shape()]) {
            sizes.for_each(|x, w, at| y.data_mut()[at] += inputs[0].data()[x] * inputs[1].data()[w]);
        }
        vec![y]
    }

    fn gradient(&self, at: &Adjoint<'_>) -> Vec<Option<Tensor>> {
        let [x, w] = at.inputs else { return vec![None; at.inputs.len()] };
        vec![
            at.when(0, || transpose_to(self.0, at.gradient(), w, x)),
            at.when(1, || weight_like(self.0, x, at.gradient(), w)),
        ]
    }

    /// Unfolding and a contraction.
    fn decompose(&self, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
        let [x, w] = inputs else { return None };
        let sizes = self.0.sizes(x.shape(), w.shape()).ok()?;
        let y = sizes.unfolded(x).einsum("bgkp,gok->bgop", &sizes.grouped_w(w));
        Some(vec![y.reshape(sizes.y())])
    }

    fn cost(&self, inputs: &[Shape], outputs: &[Shape]) -> Cost {
        self.sizes(inputs).map_or(Cost::FREE, |sizes| sizes.cost(inputs, outputs))
    }
}

impl Conv2dTranspose {
    pub(crate) fn sizes(&self, inputs: &[Shape]) -> Result<ConvSizes, String> {
        let [y, w] = [inputs[0], inputs[1]];
        let (Some(&batch), Some(&channels)) = (y.first(), w.get(1)) else {
            return Err(format!("{y} and {w} are no result and weight of a convolution"));
        };
        let x = Shape::from([batch, channels * self.convolution.groups, self.size[0], self.size[1]]);
        let sizes = self.convolution.sizes(&x, &w)?;
        sizes.check_y(&y)?;
        Ok(sizes)
    }
}

impl Operator for Conv2dTranspose {
    fn name(&self) -> &'static str {
        "conv2d_transpose"
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        Ok(vec![self.sizes(inputs)?.x()])
    }

    fn reference(&self, inputs: &[&Array], outputs: &[Shape]) -> Vec<Array> {
        let mut x = Array::zeros(outputs[0]);
        if let Ok(sizes) = self.sizes(&[*inputs[0].shape(), *inputs[1].shape()]) {
            sizes.for_each(|at, w, y| x.data_mut()[at] += inputs[0].data()[y] * inputs[1].data()[w]);
        }
        vec![x]
    }

    fn gradient(&self, at: &Adjoint<'_>) -> Vec<Option<Tensor>> {
        let [y, w] = at.inputs else { return vec![None; at.inputs.len()] };
        let graph = y.graph();
        vec![
            at.when(0, || graph.push(Conv2d(self.convolution), &[at.gradient(), w])),
            at.when(1, || weight_like(self.convolution, at.gradient(), y, w)),
        ]
    }

    /// A contraction and folding.
    fn decompose(&self, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
        let [y, w] = inputs else { return None };
        let sizes = self.sizes(&[*y.shape(), *w.shape()]).ok()?;
        let seen = sizes.grouped_y(y).einsum("bgop,gok->bgkp", &sizes.grouped_w(w));
        let ([height, width], [down, across]) = (sizes.plane.window.kernel, sizes.plane.positions);
        let channels = sizes.groups * sizes.inputs;
        let seen = seen.reshape([sizes.batch, channels, height, width, down, across]);
        Some(vec![y.graph().push(Fold { window: sizes.plane.window, size: self.size }, &[&seen])])
    }

    fn cost(&self, inputs: &[Shape], outputs: &[Shape]) -> Cost {
        self.sizes(inputs).map_or(Cost::FREE, |sizes| sizes.cost(inputs, outputs))
    }
}

impl Conv2dWeight {
    pub(crate) fn sizes(&self, inputs: &[Shape]) -> Result<ConvSizes, String> {
        let [x, y] = [inputs[0], inputs[1]];
        let (Some(&channels), Some(&outputs)) = (x.get(1), y.get(1)) else {
            return Err(format!("{x} and {y} are no image and result of a convolution"));
        };
        let inputs = channels / self.convolution.groups.max(1);
        let w = Shape::from([outputs, inputs, self.kernel[0], self.kernel[1]]);
        let sizes = self.convolution.sizes(&x, &w)?;
        sizes.check_y(&y)?;
        Ok(sizes)
    }
}

impl Operator for Conv2dWeight {
    fn name(&self) -> &'static str {
        "conv2d_weight"
    }

    fn infer(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        Ok(vec![self.sizes(inputs)?.w()])
    }

    fn reference(&self, inputs: &[&Array], outputs: &[Shape]) -> Vec<Array> {
        let mut w = Array::zeros(outputs[0]);
        if let Ok(sizes) = self.sizes(&[*inputs[0].shape(), *inputs[1].shape()]) {
            sizes.for_each(|x, at, y| w.data_mut()[at] += inputs[0].data()[x] * inputs[1].data()[y]);
        }
        vec![w]
    }

    fn gradient(&self, at: &Adjoint<'_>) -> Vec<Option<Tensor>> {
        let [x, y] = at.inputs else { return vec![None; at.inputs.len()] };
        vec![
            at.when(0, || transpose_to(self.convolution, y, at.gradient(), x)),
            at.when(1, || x.graph().push(Conv2d(self.convolution), &[x, at.gradient()])),
        ]
    }

    /// Unfolding and a contraction.
    fn decompose(&self, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
        let [x, y] = inputs else { return None };
        let sizes = self.sizes(&[*x.shape(), *y.shape()]).ok()?;
        let w = sizes.unfolded(x).einsum("bgkp,bgop->gok", &sizes.grouped_y(y));
        Some(vec![w.reshape(sizes.w())])
    }

    fn cost(&self, inputs: &[Shape], outputs: &[Shape]) -> Cost {
        self.sizes(inputs).map_or(Cost::FREE, |sizes| sizes.cost(inputs, outputs))
    }
}

/// The transposed convolution of y with w, of the size of x.
fn transpose_to(convolution: Convolution, y: &Tensor, w: &Tensor, x: &Tensor) -> Tensor {
    let size = [x.dim(2), x.dim(3)];
    y.graph().push(Conv2dTranspose { convolution, size }, &[y, w])
}

/// The derivative by the weight, of the size of w.
fn weight_like(convolution: Convolution, x: &Tensor, y: &Tensor, w: &Tensor) -> Tensor {
    let kernel = [w.dim(2), w.dim(3)];
    x.graph().push(Conv2dWeight { convolution, kernel }, &[x, y])
}

impl Tensor {
    /// Convolves an image batch `[B, C, H, W]` with `weight` `[O, C/groups, height, width]`, zeros around it, to
    /// `[B, O, (H + 2·padding − height)/stride + 1, …]`. As many groups as channels make it depthwise. A bias is
    /// added as a tensor `[O, 1, 1]`.
    #[track_caller]
    pub fn conv2d(&self, weight: &Tensor, stride: usize, padding: usize, groups: usize) -> Tensor {
        match (&self.shape()[..], &weight.shape()[..]) {
            // One pixel at a time: a contraction over the channels, which needs no unfolding.
            (&[_, channels, _, _], &[outputs, inputs, 1, 1])
                if channels == inputs && (stride, padding, groups) == (1, 0, 1) =>
            {
                self.einsum("bchw,oc->bohw", &weight.reshape([outputs, inputs]))
            }
            _ => self.graph().push(Conv2d(Convolution { stride, padding, groups }), &[self, weight]),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Graph, Shape};

    fn refusal(image: impl Into<Shape>, weight: impl Into<Shape>, groups: usize) -> String {
        let graph = Graph::new();
        graph.input("image", image).conv2d(&graph.input("weight", weight), 1, 0, groups);
        graph.check().expect_err("no such convolution").to_string()
    }

    #[test]
    fn impossible_convolutions_say_what_is_wrong() {
        let depthwise = refusal([1, 6, 8, 8], [6, 6, 3, 3], 6);
        assert!(depthwise.contains("the weight has 6 channels a group; 6 in 6 groups have 1"), "{depthwise}");
        assert!(refusal([1, 6, 8, 8], [8, 2, 3, 3], 4).contains("4 groups do not divide 6 channels"));
        assert!(refusal([1, 6, 2, 8], [8, 6, 3, 3], 1).contains("the height must be at least 3"));
        assert!(
            refusal([6, 8, 8], [8, 6, 1, 1], 1)
                .contains("an image batch is [batch, channels, height, width]")
        );
        assert!(refusal([1, 6, 8, 8], [8, 5, 1, 1], 1).contains("the weight has 5 channels a group"));
    }
}
